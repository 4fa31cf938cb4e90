package http

import "testing"

// No bytes make the parser panic or hang, it reads the same in steps of any size, and what it takes
// net/http takes too, with the same code and the same body: ours is never looser.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		ok + "Content-Length: 3\r\n\r\nabc",
		ok + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nto the end",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Connection: close\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
		ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n00\r\n\r\n",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, isHead bool) {
		method := "GET"
		if isHead {
			method = "HEAD"
		}
		whole, err := parse(raw, method, 1<<20)
		steps, err2 := parse(raw, method, 1)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("at once: %v; byte by byte: %v", err, err2)
		}
		if err != nil {
			return
		}
		if whole.body != steps.body || whole.left != steps.left {
			t.Fatalf("at once: %q, %d left; byte by byte: %q, %d left", whole.body, whole.left, steps.body, steps.left)
		}
		m := made{raw: raw, method: method}
		new(tally).beside(t, "net/http", m, readOurs(m, 1<<20), readNetHTTP(m))
	})
}
