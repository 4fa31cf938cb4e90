//go:build linux

package browse

import (
	"io"
	nethttp "net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
)

// How long a body is to be is known with HTTP/2 as with HTTP/1: progress is told by it.
func TestLengthIsKnown(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2"} {
		w := newWorld(t)
		site := w.serve(kind, "example.com", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
			if r.URL.Path == "/known" {
				rw.Header().Set("Content-Length", "5")
			}
			io.WriteString(rw, "hello")
			rw.(nethttp.Flusher).Flush()
		})
		for path, want := range map[string]int64{"/known": 5, "/unknown": -1} {
			resp, body, err := w.fetch(&http.Request{URL: site + path})
			require.NoError(t, err)
			require.Equal(t, "hello", body)
			require.Equal(t, want, resp.Length, kind+path)
		}
	}
}

// A Host of one's own goes along with HTTP/2 as with HTTP/1 (RFC 9113 8.3.1: as :authority), and the target stays.
func TestHostOfOnesOwn(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2"} {
		w := newWorld(t)
		site := w.serve(kind, "example.com", echo)
		for _, path := range []string{"/x?y", "//two", "/"} {
			_, _, err := w.fetch(&http.Request{URL: site + path, Fields: []http.Field{{Name: "Host", Value: "other.test:81"}}})
			require.NoError(t, err, kind)
			require.Contains(t, w.told(), "GET other.test:81"+path+" HTTP/")
		}
	}
}
