package http

import (
	"io"
	nethttp "net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Nagle's algorithm is off before the connection is there (RFC 9293 3.7.4, MUST-17): a request that is written in two
// pieces does not wait for an ACK between them.
func TestPiecesDoNotWait(t *testing.T) {
	c := site2(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, "salmon") })
	var mu sync.Mutex
	var calls []string
	c.API.(*socket.API).Observe(func(call socket.Call) {
		mu.Lock()
		defer mu.Unlock()
		if call.Name == "connect" || call.Name == "setsockopt" && call.Len == socket.TCP_NODELAY {
			calls = append(calls, call.Name)
		}
	})
	resp, err := c.Get("http://192.0.2.2/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"setsockopt", "connect"}, calls)
}
