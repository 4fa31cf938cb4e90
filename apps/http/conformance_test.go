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
	of(t, "C-44")
	head := kase{name: "rule 1: HEAD has none", raw: ok + "Content-Length: 3\r\n\r\n"}
	head.run(t, "HEAD")
}

// RFC 9112 2.2, 4 and 5: what is not exactly a line is none.
func TestReqC_HTTPSyntax(t *testing.T) { of(t, "C-45") }

// RFC 9112 7.1.
func TestReqC_HTTPChunked(t *testing.T) { of(t, "C-46") }

// RFC 9112 8: less than was said is an error, over TLS also where nobody said how much; see TestHTTPSIncomplete.
func TestReqC_HTTPIncomplete(t *testing.T) {
	of(t, "C-47")
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
