package http

import (
	"bufio"
	"io"
	nethttp "net/http"
	"strings"
	"testing"
)

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
		compare(t, raw, method, whole)
	})
}

// compare reads the same with net/http.
func compare(t *testing.T, raw, method string, ours *parsed) {
	in := bufio.NewReaderSize(strings.NewReader(raw), len(raw)+16)
	var theirs *nethttp.Response
	for range ours.interim + 1 {
		var err error
		theirs, err = nethttp.ReadResponse(in, &nethttp.Request{Method: method})
		if err != nil {
			// net/http refuses some fields announced as trailers; we announce nothing and merge nothing.
			if strings.Contains(err.Error(), "bad trailer key") {
				return
			}
			t.Fatalf("we take what net/http refuses: %v", err)
		}
	}
	if theirs.StatusCode != ours.code {
		t.Fatalf("code: ours %d, theirs %d", ours.code, theirs.StatusCode)
	}
	body, err := io.ReadAll(theirs.Body)
	if err != nil || string(body) != ours.body {
		t.Fatalf("body: ours %q, theirs %q, %v", ours.body, body, err)
	}
}

// Every response of the tables, mutated at every byte, is read no looser than by net/http.
func TestNeverLooserThanNetHTTP(t *testing.T) {
	taken := 0
	for _, raw := range []string{
		ok + "Content-Length: 3\r\nA: b\r\n\r\nabc",
		ok + "Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
	} {
		for i := range len(raw) {
			for _, c := range "\x00\t\n\r +-,:;0129aAfx\x7f\xff" {
				for _, mutant := range []string{
					raw[:i] + string(byte(c)) + raw[i+1:],
					raw[:i] + string(byte(c)) + raw[i:],
					raw[:i] + raw[i+1:],
				} {
					if got, err := parse(mutant, "GET", 1<<20); err == nil {
						taken++
						compare(t, mutant, "GET", got)
					}
				}
			}
		}
	}
	if taken < 1000 {
		t.Fatalf("only %d mutants were taken: the test compares nothing", taken)
	}
}
