// Package browse fetches what a URL names as a browser does: it follows redirects, keeps cookies, sends the
// user and password of the URL, believes or refuses a server's certificate, and speaks HTTP/2 where the
// server would rather have that.
//
// # Place in the walk
//
//	Browser.Do       a request -> the last response of a chain of redirects
//	  guard          what may follow what: schemes, counts, whose credentials go where (redirect.go)
//	  Jar            cookies, RFC 6265 (jar.go, cookie.go)
//	  apps/http      HTTP/1.0 and 1.1 on Berkeley sockets
//	    secure       TLS over the same socket (tls.go, conn.go)
//	  HTTP/2         net/http's on that TLS connection, where ALPN says h2 (http2.go); its frames are watched (frames.go)
//	FTP.Fetch        a file or a directory over FTP, in passive mode (ftp.go); the dialogue is listened to (ftp_talk.go)
//	Browser.WebSocket one that is open (websocket.go)
//
// It is where package net and crypto/tls come in; apps/http and apps/dns do without them.
//
// # Invariants
//
// At most Redirects redirects are followed, to http and https only, and from https down to http only where
// that was asked for (attack 72). What authorizes at one origin goes to no other (attack 73).
package browse
