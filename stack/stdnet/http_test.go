package stdnet_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// site answers /N with N bytes that depend on N, and /echo with the request's body.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("GET /{size}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("size"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(pattern(n))
	})
	return mux
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ n)
	}
	return b
}

// serve runs a server of package net/http on l until the test ends.
func serve(t *testing.T, l net.Listener) {
	srv := &http.Server{Handler: site()}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
}

// certificate returns httptest's certificate and a pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	srv := httptest.NewUnstartedServer(nil)
	srv.Listener.Close()
	l := &noListener{done: make(chan struct{})}
	srv.Listener = l
	srv.StartTLS()
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return srv.TLS.Certificates[0], pool
}

// noListener never accepts anything.
type noListener struct{ done chan struct{} }

func (l *noListener) Accept() (net.Conn, error) { <-l.done; return nil, net.ErrClosed }
func (l *noListener) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 443} }
func (l *noListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func client(t *testing.T, n *stdnet.Net, c *tls.Config) *http.Client {
	tr := &http.Transport{DialContext: n.DialContext, TLSClientConfig: c}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// fetch gets size bytes and compares them.
func fetch(ctx context.Context, c *http.Client, base string, size int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/"+strconv.Itoa(size), nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if want := pattern(size); sha256.Sum256(got) != sha256.Sum256(want) {
		return fmt.Errorf("%d bytes: got %d others", size, len(got))
	}
	return nil
}

func TestHTTP(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	serve(t, l)
	c := client(t, a, nil)
	for _, size := range []int{0, 1, 1460, 100_000, 4 << 20} {
		require.NoError(t, fetch(t.Context(), c, "http://192.0.2.2", size))
	}
	body := pattern(1 << 20)
	resp, err := c.Post("http://192.0.2.2/echo", "application/octet-stream", bytes.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, got), "sent %d bytes, got %d, others", len(body), len(got))
	resp, err = c.Get("http://192.0.2.2/none")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestHTTPSInParallel(t *testing.T) {
	a, b := pair(t)
	cert, pool := certificate(t)
	l, err := b.Listen("tcp", ":443")
	require.NoError(t, err)
	serve(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	c := client(t, a, &tls.Config{RootCAs: pool, ServerName: "example.com"})
	var g errgroup.Group
	for i := range 50 {
		g.Go(func() error { return fetch(t.Context(), c, "https://192.0.2.2", 50_000+i) })
	}
	require.NoError(t, g.Wait())
}

// A request that is given up ends on both sides, and the next one works.
func TestHTTPGivenUp(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	entered, left := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // the server notices that the client has gone
		close(left)
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://192.0.2.2/", nil)
	require.NoError(t, err)
	_, err = client(t, a, nil).Do(req)
	require.ErrorIs(t, err, context.Canceled)
	<-left
	stop, cancelStop := context.WithTimeout(t.Context(), time.Minute)
	defer cancelStop()
	require.NoError(t, srv.Shutdown(stop))
	require.ErrorIs(t, <-done, http.ErrServerClosed)
}
