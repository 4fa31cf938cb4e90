package oracle

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// transferSize is what each direction carries.
func transferSize() int64 {
	if testing.Short() { // as under the race detector, on a machine that has more to do
		return 16 << 20
	}
	return 64 << 20
}

// patience bounds a transfer that hangs; it is no measure of speed.
const patience = 5 * time.Minute

// Our client to gVisor's server and gVisor's client to ours, both directions at
// once, with and without loss: what arrives is what was sent.
func TestTransfer(t *testing.T) {
	for _, loss := range []float64{0, 0.01} {
		t.Run(fmt.Sprintf("our client, loss %v", loss), func(t *testing.T) {
			t.Parallel()
			j := join(t, loss)
			at := netip.AddrPortFrom(gvisorPrefix.Addr(), 80)
			both(t, gvisorListen(t, j.gvisor, at), func(ctx context.Context) (net.Conn, error) {
				return j.net.DialContext(ctx, "tcp", at.String())
			})
		})
		t.Run(fmt.Sprintf("our server, loss %v", loss), func(t *testing.T) {
			t.Parallel()
			j := join(t, loss)
			at := netip.AddrPortFrom(ourPrefix.Addr(), 80)
			l, err := j.net.Listen("tcp", at.String())
			require.NoError(t, err)
			both(t, l, func(ctx context.Context) (net.Conn, error) {
				return gvisorDial(ctx, j.gvisor, at)
			})
		})
	}
}

// both sends transferSize() bytes each way over one connection between l and dial.
func both(t *testing.T, l net.Listener, dial func(context.Context) (net.Conn, error)) {
	t.Helper()
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, server := connect(ctx, t, l, dial)
	defer client.Close()
	defer server.Close()
	deadline, _ := ctx.Deadline()
	require.NoError(t, client.SetDeadline(deadline))
	require.NoError(t, server.SetDeadline(deadline))

	results := make(chan error, 4)
	oneWay(client, server, 1, results)
	oneWay(server, client, 2, results)
	for range cap(results) {
		require.NoError(t, <-results)
	}
}

// connect dials and accepts.
func connect(ctx context.Context, t testing.TB, l net.Listener, dial func(context.Context) (net.Conn, error)) (client, server net.Conn) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	client, err := dial(ctx)
	require.NoError(t, err)
	select {
	case server = <-accepted:
	case <-ctx.Done():
		require.NoError(t, ctx.Err(), "no connection was accepted")
	}
	return client, server
}

// oneWay sends from a to b and compares the SHA-256 of what was sent with that
// of what was received. It gives two results.
func oneWay(a, b net.Conn, seed uint64, results chan<- error) {
	sent := make(chan [32]byte, 1)
	go func() {
		h := sha256.New()
		_, err := io.Copy(io.MultiWriter(a, h), io.LimitReader(newNoise(seed), transferSize()))
		sent <- [32]byte(h.Sum(nil))
		if err == nil {
			err = a.(interface{ CloseWrite() error }).CloseWrite()
		}
		results <- err
	}()
	go func() {
		h := sha256.New()
		n, err := io.Copy(h, b)
		want := <-sent
		if got := [32]byte(h.Sum(nil)); err == nil && (n != transferSize() || got != want) {
			err = fmt.Errorf("received %d bytes with SHA-256 %x, want %d with %x", n, got, transferSize(), want)
		}
		results <- err
	}()
}

// newNoise returns a stream of pseudo-random bytes that seed determines.
func newNoise(seed uint64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	return rand.NewChaCha8(key)
}
