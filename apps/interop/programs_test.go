package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// pair returns two stacks joined in memory: 192.0.2.1 and 192.0.2.2.
func pair(t *testing.T) (a, b *stdnet.Net) {
	t.Helper()
	sa, sb, err := stdnet.Pair(stack.Config{}, stack.Config{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, sa.Close())
		require.NoError(t, sb.Close())
	})
	return stdnet.New(sa), stdnet.New(sb)
}

// certificates returns what a server shows and what a client trusts: httptest's.
func certificates() (server tls.Certificate, pool *x509.CertPool) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool = x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

const size = 10 << 20

// echo answers with what it is sent, so that 10 MiB go each way.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
})

func both(t *testing.T, c *http.Client, url string, major int) {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.Read(data)
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

// quic-go over our PacketConns, both ends.
func TestHTTP3(t *testing.T) {
	a, b := pair(t)
	cert, pool := certificates()
	pc, err := b.ListenPacket("udp", ":443")
	require.NoError(t, err)
	server := &http3.Server{Handler: echo, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(pc) }()
	own, err := a.ListenPacket("udp", ":0")
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
	both(t, &http.Client{Transport: tr}, "https://192.0.2.2:443/", 3)
	require.NoError(t, tr.Close())
	require.NoError(t, qt.Close())
	require.NoError(t, own.Close())
	require.NoError(t, server.Close())
	_ = pc.Close()
	<-served
}

// net/http's HTTP/2, with TLS and without.
func TestHTTP2(t *testing.T) {
	cert, pool := certificates()
	for name, tc := range map[string]struct {
		scheme string
		set    func(*http.Protocols)
	}{
		"h2c": {"http", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
		"h2":  {"https", func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			var protocols http.Protocols
			tc.set(&protocols)
			l, err := b.Listen("tcp", ":80")
			require.NoError(t, err)
			server := &http.Server{Handler: echo, Protocols: &protocols, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
			go func() {
				if tc.scheme == "https" {
					_ = server.ServeTLS(l, "", "")
				} else {
					_ = server.Serve(l)
				}
			}()
			defer server.Close()
			tr := &http.Transport{DialContext: a.DialContext, Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}
			defer tr.CloseIdleConnections()
			both(t, &http.Client{Transport: tr}, tc.scheme+"://192.0.2.2:80/", 2)
		})
	}
}

func TestWebSocket(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, p); err != nil {
				return
			}
		}
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: a.DialContext}}
	c, _, err := websocket.Dial(t.Context(), "ws://192.0.2.2/", &websocket.DialOptions{HTTPClient: client})
	require.NoError(t, err)
	c.SetReadLimit(-1)
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		want := bytes.Repeat([]byte{byte(n)}, n)
		require.NoError(t, c.Write(t.Context(), websocket.MessageBinary, want))
		_, got, err := c.Read(t.Context())
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%d bytes", n)
	}
	require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
}

// A Redis client through our DialContext, against the real server, over a real TUN.
func TestRedis(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	ns := tuntest.NewNS(t)
	dev := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{}) })
	require.NoError(t, ns.Do(func() error { return setup.SetTxQueueLen(dev.Name(), 10000) }))
	server := exec.Command(path, "--port", "6379", "--bind", tuntest.Theirs.Addr().String(), "--save", "", "--dir", t.TempDir(), "--protected-mode", "no")
	require.NoError(t, ns.Start(server))
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{tuntest.Ours}})
	require.NoError(t, err)
	defer s.Close()
	client := redis.NewClient(&redis.Options{Addr: tuntest.Theirs.Addr().String() + ":6379", Dialer: stdnet.New(s).DialContext})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Eventually(t, func() bool { return client.Ping(ctx).Err() == nil }, 20*time.Second, 10*time.Millisecond)
	want := string(bytes.Repeat([]byte("sockeye"), 100_000))
	require.NoError(t, client.Set(ctx, "large", want, 0).Err())
	got, err := client.Get(ctx, "large").Result()
	require.NoError(t, err)
	require.True(t, want == got)
	pipe := client.Pipeline()
	for range 10_000 {
		pipe.Incr(ctx, "count")
	}
	_, err = pipe.Exec(ctx)
	require.NoError(t, err)
	n, err := client.Get(ctx, "count").Int()
	require.NoError(t, err)
	require.Equal(t, 10_000, n)
}
