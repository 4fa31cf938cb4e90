// Package http speaks HTTP/1.0 and 1.1 on Berkeley sockets: a small client that shows what it does.
//
// # Place in the walk
//
//	Client.Do        a request -> a response whose body is read as it comes
//	  ParseURL       the URL taken apart (url.go, and apps/url)
//	  encode         request line and fields (request.go)
//	  Client.take    an idle connection of the same origin, or a new one, or a wait for one (pool.go)
//	    dial         each address in turn (dial.go, proxy.go), a proxy's tunnel and TLS where needed (secure.go, stream.go)
//	  request        the head goes; deliver: the body, asked for first or not, whole or in chunks (send.go)
//	  readHeads      status line and fields, kept as they came; 1xx skipped (head.go)
//	  framing        how long the body is, RFC 9112 6.3 (framing.go)
//	Body.Read        by length, in chunks, or to the end of the connection (body.go, chunked.go)
//	Body.Close       gives the connection back, or closes it (pool.go)
//	Client.Pipeline  several requests at once on one connection (pipeline.go)
//	Response.Decoded gzip undone (coding.go); ParseContentRange for what is resumed (ranges.go)
//
// Every step is told to Client.Observe as it happens (step.go). Redirects, cookies, passwords and how TLS is
// made are apps/browse's: this package needs no package net.
//
// # Invariants
//
// What is read is bounded before it is kept: lines, heads, field counts, 1xx responses, chunk
// extensions, trailers, what comes out of a compressed body (limits.go). What is not exactly HTTP is refused,
// not repaired.
//
// A body that ends early is an error of kind Partial, never a short success. A connection is
// reused only if its last response ended where it said and not one byte came after. Only what is
// idempotent is ever sent again unasked.
//
// Each wait has an end: the connect, header and idle time-outs and the request's deadline.
package http
