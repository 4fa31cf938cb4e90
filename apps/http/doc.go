// Package http fetches over HTTP/1.1 on Berkeley sockets: a small client that shows what it does.
//
// # Place in the walk
//
//	Client.Do        a request -> a response whose body is read as it comes
//	  ParseURL       the URL taken apart (url.go)
//	  Client.take    an idle connection of the same host and port, or a new one (pool.go, dial.go)
//	  writeRequest   request line and fields (request.go)
//	  readHead       status line and fields, kept as they came; 1xx skipped (head.go)
//	  framing        how long the body is, RFC 9112 6.3 (framing.go)
//	Body.Read        by length, in chunks, or to the end of the connection (body.go, chunked.go)
//	Body.Close       gives the connection back, or closes it (pool.go)
//
// Every step is told to Client.Observe as it happens (step.go).
//
// # Invariants
//
// What is read is bounded before it is kept: lines, heads, field counts, 1xx responses, chunk
// extensions and trailers (limits.go). What is not exactly HTTP is refused, not repaired.
//
// A body that ends early is an error of kind Partial, never a short success. A connection is
// reused only if its last response ended where it said and not one byte came after.
//
// Each wait has an end: the connect, header and idle time-outs and the request's deadline.
package http
