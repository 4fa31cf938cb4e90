//go:build linux

package browse

import (
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
)

// The deadline holds while a body is sent to a server that does not read it, in the clear and over TLS (attack 70).
func TestAttack_70_ServerThatDoesNotRead(t *testing.T) {
	for _, kind := range []string{"http", "https", "h2"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			over := make(chan struct{})
			site := w.serve(kind, "example.com", func(nethttp.ResponseWriter, *nethttp.Request) { <-over })
			const long = 64 << 20 // far more than all buffers on the way take
			_, _, err := w.fetch(&http.Request{Method: "POST", URL: site, Body: strings.NewReader(strings.Repeat("x", long)), Length: long, Deadline: time.Now().Add(300 * time.Millisecond)})
			close(over)
			require.ErrorIs(t, err, http.Timeout)
		})
	}
}
