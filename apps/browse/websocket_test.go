//go:build linux

package browse

import (
	"context"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
)

// local dials names of the test's servers.
func local(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, "127.0.0.1:"+port)
}

// talk is a server of WebSockets that says everything twice, text as text and bytes as bytes.
func talk(w nethttp.ResponseWriter, r *nethttp.Request) {
	if r.URL.Path == "/no" {
		w.WriteHeader(403)
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, p, err := c.Read(r.Context())
		if err != nil {
			return // the close handshake has been answered
		}
		if err := c.Write(r.Context(), kind, append(p, p...)); err != nil {
			return
		}
	}
}

func TestWebSocket_RFC6455(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w := newWorld(t)
	for _, at := range []string{
		strings.Replace(w.serve("http", "a.test", talk), "http:", "ws:", 1), w.serve("http", "a.test", talk),
		strings.Replace(w.serve("https", "example.com", talk), "https:", "wss:", 1),
	} {
		c, err := w.WebSocket(ctx, local, parse(t, at+"/x"), nil, []string{"v12.stomp"})
		require.NoError(t, err, at)
		require.Equal(t, "v12.stomp", c.Subprotocol())
		for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			require.NoError(t, c.Write(ctx, kind, []byte("ab\x00")))
			got, p, err := c.Read(ctx)
			require.NoError(t, err)
			require.Equal(t, kind, got)
			require.Equal(t, "ab\x00ab\x00", string(p))
		}
		require.NoError(t, c.Close(websocket.StatusNormalClosure, "that was it"), "7.1.4: both have said so")
	}
	clear := w.serve("http", "a.test", talk)
	for _, row := range []struct {
		at   string
		kind http.Kind
	}{{clear + "/no", http.WeirdReply}, {"ftp://a.test/", http.UnsupportedScheme}, {"ws://a.test:1/", http.NotConnected},
		{strings.Replace(clear, "http:", "wss:", 1), http.TLSFailed}} {
		_, err := w.WebSocket(ctx, local, parse(t, row.at), nil, nil)
		require.ErrorIs(t, err, row.kind, row.at)
		require.NotContains(t, err.Error(), "\n")
	}
	w.Insecure = false
	stranger := strings.Replace(w.serve("https", "example.com", talk), "https://example.com", "wss://other.test", 1)
	_, err := w.WebSocket(ctx, local, parse(t, stranger), nil, nil)
	require.ErrorIs(t, err, http.BadCertificate)
}

// A mask is seen wherever the reads cut the frames.
func TestUnmasked(t *testing.T) {
	const head = "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + "HTTP/1.1 101 X\r\nA: b\r\r\n\r\n"
	good := head + "\x81\x01a" + "\x82\x7e\x00\x80" + strings.Repeat("\x80", 128) + "\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01b" + "\x89\x00"
	all := good + "\x81\x81\x01\x02\x03\x04a"
	for size := 1; size <= len(all); size++ {
		ours, theirs := net.Pipe()
		go func() {
			for rest := all; rest != ""; {
				n, err := theirs.Write([]byte(rest[:min(size, len(rest))]))
				if err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		u, got := &unmasked{Conn: ours}, []byte(nil)
		buf := make([]byte, 200)
		for {
			n, err := u.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				require.ErrorIs(t, err, errMasked)
				break
			}
		}
		require.True(t, strings.HasPrefix(string(got), good), "%d: %q", size, got)
		require.LessOrEqual(t, len(got), len(good)+1)
		require.NoError(t, ours.Close())
		require.NoError(t, theirs.Close())
	}
}

// What follows a refusal is no frame.
func TestUnmaskedRefusal(t *testing.T) {
	const all = "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n\xc3\xa9\xc3\xa9\n"
	u := &unmasked{}
	require.Zero(t, u.see([]byte(all)))
	require.False(t, u.bad)
}
