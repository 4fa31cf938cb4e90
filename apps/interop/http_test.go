package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/stretchr/testify/require"
)

// echo answers with what it is sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
})

// asked has 10 MiB sent each way.
func asked(t *testing.T, c *http.Client, url string, major int) {
	t.Helper()
	data := random(10<<20, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, major, resp.ProtoMajor)
	require.True(t, bytes.Equal(data, got), "10 MiB each way")
}

// quic-go and its http3 on a PacketConn of ours.
func TestHTTP3(t *testing.T) {
	cert, pool := certificates()
	eachWay(t, func(t *testing.T, client, server side) {
		pc, err := server.packet("udp4", server.at("443"))
		require.NoError(t, err)
		web := &http3.Server{Handler: echo, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}})}
		served := make(chan struct{})
		go func() { defer close(served); _ = web.Serve(pc) }()
		own, err := client.packet("udp4", client.at("0"))
		require.NoError(t, err)
		qt := &quic.Transport{Conn: own}
		tr := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"},
			Dial: func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
				at, err := netip.ParseAddrPort(addr)
				if err != nil {
					return nil, err
				}
				return qt.DialEarly(ctx, net.UDPAddrFromAddrPort(at), tc, qc)
			}}
		asked(t, &http.Client{Transport: tr}, "https://"+server.at("443")+"/", 3)
		require.NoError(t, tr.Close())
		require.NoError(t, qt.Close())
		require.NoError(t, own.Close())
		require.NoError(t, web.Close())
		_ = pc.Close()
		<-served
	})
}

// net/http with HTTP/1.1 and HTTP/2, with TLS and without.
func TestHTTP(t *testing.T) {
	cert, pool := certificates()
	for _, row := range []struct {
		name, scheme string
		major        int
		set          func(*http.Protocols)
	}{
		{"HTTP/1.1", "http", 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/1.1 and TLS", "https", 1, func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"h2c", "http", 2, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		{"h2", "https", 2, func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, client, server side) {
				var protocols http.Protocols
				row.set(&protocols)
				l, err := server.listen("tcp4", server.at("80"))
				require.NoError(t, err)
				web := &http.Server{Handler: echo, Protocols: &protocols, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
				served := make(chan struct{})
				go func() {
					defer close(served)
					if row.scheme == "https" {
						_ = web.ServeTLS(l, "", "")
					} else {
						_ = web.Serve(l)
					}
				}()
				tr := &http.Transport{DialContext: client.dial, Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}
				asked(t, &http.Client{Transport: tr}, row.scheme+"://"+server.at("80")+"/", row.major)
				tr.CloseIdleConnections()
				require.NoError(t, web.Close())
				<-served
			})
		})
	}
}

// A WebSocket of coder/websocket: messages of every length that is written differently
// (RFC 6455 5.2), and the closing handshake.
func TestWebSocket(t *testing.T) {
	eachWay(t, func(t *testing.T, client, server side) {
		l, err := server.listen("tcp4", server.at("80"))
		require.NoError(t, err)
		ended := make(chan websocket.StatusCode, 1)
		web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			c.SetReadLimit(-1)
			for {
				kind, p, err := c.Read(r.Context())
				if err == nil {
					err = c.Write(r.Context(), kind, p)
				}
				if err != nil {
					ended <- websocket.CloseStatus(err)
					return
				}
			}
		})}
		go func() { _ = web.Serve(l) }()
		defer web.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tr := &http.Transport{DialContext: client.dial}
		c, _, err := websocket.Dial(ctx, "ws://"+server.at("80")+"/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}})
		require.NoError(t, err)
		c.SetReadLimit(-1)
		for i, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20, 10 << 20} {
			want := random(n, byte(i))
			require.NoError(t, c.Write(ctx, websocket.MessageBinary, want))
			_, got, err := c.Read(ctx)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%d bytes", n)
		}
		require.NoError(t, c.Close(websocket.StatusGoingAway, "that was all"))
		require.Equal(t, websocket.StatusGoingAway, <-ended)
	})
}
