//go:build linux

package http

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rows C-44 to C-49 of testdata/conformance.md.

// RFC 9112 6.3: no body, then chunked, then the length, then the end of the connection.
func TestReqC_HTTPBodyLength(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	run(t, "GET", []kase{
		{"rule 1: 204 has none", "HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", "", nil},
		{"rule 1: 304 has none", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "", nil},
		{"rule 3: chunked wins over the length", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", nil},
		{"rule 4: a coding that is not chunked at the end", ok + "Transfer-Encoding: chunked, gzip\r\n\r\nabc", "", BadCoding},
		{"rule 5: two lengths", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "", WeirdReply},
		{"rule 5: a list of lengths", ok + "Content-Length: 3, 3\r\n\r\nabc", "", WeirdReply},
		{"rule 5: the same length twice is one", ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc", nil},
		{"rule 6: the length", ok + "Content-Length: 2\r\n\r\nabc", "ab", nil},
		{"rule 8: the end of the connection", ok + "\r\nabc", "abc", nil},
		{"6.1: chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
	})
	run(t, "HEAD", []kase{{"rule 1: HEAD has none", ok + "Content-Length: 3\r\n\r\n", "", nil}})
}

// RFC 9112 2.2 and 5: what is not exactly a line is none.
func TestReqC_HTTPSyntax(t *testing.T) {
	run(t, "GET", []kase{
		{"2.2: a bare LF", "HTTP/1.1 200 OK\nA: b\r\n\r\n", "", WeirdReply},
		{"2.2: a bare CR in a value", "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n", "", WeirdReply},
		{"2.2: a blank before the first field", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "", WeirdReply},
		{"5.1: a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na", "", WeirdReply},
		{"5.2: a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "", WeirdReply},
		{"5: a line without a colon", "HTTP/1.1 200 OK\r\nA\r\n\r\n", "", WeirdReply},
		{"5: blanks around the value", "HTTP/1.1 200 OK\r\nContent-Length: \t 1 \r\n\r\na", "a", nil},
	})
}

// RFC 9112 7.1.
func TestReqC_HTTPChunked(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	run(t, "GET", []kase{
		{"7.1: sizes are hexadecimal in either case", head + "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", nil},
		{"7.1: no sign", head + "+1\r\na\r\n0\r\n\r\n", "", WeirdReply},
		{"7.1: no prefix", head + "0x1\r\na\r\n0\r\n\r\n", "", WeirdReply},
		{"7.1: no blank", head + "1 \r\na\r\n0\r\n\r\n", "", WeirdReply},
		{"7.1: nothing is not zero", head + "\r\n\r\n", "", WeirdReply},
		{"7.1: an overflow", head + "10000000000000001\r\na\r\n0\r\n\r\n", "", WeirdReply},
		{"7.1: CRLF after the data", head + "1\r\nab\r\n0\r\n\r\n", "", WeirdReply},
		{"7.1.1: extensions are passed over", head + "1;a=b\r\na\r\n0;c\r\n\r\n", "a", nil},
		{"7.1.2: a trailer", head + "1\r\na\r\n0\r\nSum: 1\r\n\r\n", "a", nil},
		{"7.1.2: a trailer that is none", head + "1\r\na\r\n0\r\nSum\r\n\r\n", "", WeirdReply},
	})
}

// RFC 9112 8: less than was said is an error, over TLS also where nobody said how much; see TestHTTPSIncomplete.
func TestReqC_HTTPIncomplete(t *testing.T) {
	run(t, "GET", []kase{
		{"8: the length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "", Partial},
		{"8: within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "", Partial},
		{"8: before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "", Partial},
		{"8: within the trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n", "", Partial},
	})
	t.Run("9.8: TLS that was cut", func(t *testing.T) { cutOrClosed(t, true) })
	t.Run("9.8: TLS that was closed", func(t *testing.T) { cutOrClosed(t, false) })
}

// RFC 9112 11.1: what a caller puts into a request arrives as it was meant, or not at all.
func TestReqC_HTTPInjection(t *testing.T) {
	asked := make(chan string, 100)
	url := speak(t, func(c net.Conn, _ int) {
		asked <- "a request"
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	c, _ := client(t)
	for _, evil := range []string{"\r\n", "\n", "\r", "\x00", "\r\nX: y", "\x7f"} {
		for what, r := range map[string]*Request{
			"method": {Method: "GET" + evil, URL: url},
			"URL":    {URL: url + evil},
			"host":   {URL: "http://127.0.0.1" + evil + "/"},
			"name":   {URL: url, Fields: []Field{{"A" + evil, "b"}}},
			"value":  {URL: url, Fields: []Field{{"A", "b" + evil}}},
		} {
			_, err := c.Do(r)
			require.Error(t, err, "%s with %q", what, evil)
		}
		_, err := (&Client{API: c.API, UserAgent: "a" + evil}).Get(url)
		require.ErrorIs(t, err, BadRequest)
		_, err = (&Client{API: c.API, Proxy: url[7 : len(url)-1], ProxyAuth: "b" + evil}).Get(url)
		require.ErrorIs(t, err, BadRequest)
	}
	require.Empty(t, asked, "nothing was sent")
}
