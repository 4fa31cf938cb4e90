package balance

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// What is cut on one side is cut on the other: half of an answer must not look like a whole one (attack 74), and a
// server learns that its client has gone.
func TestCutsArePassedOn(t *testing.T) {
	ours, theirs := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	here, there := stdnet.New(ours), stdnet.New(theirs)
	back, err := there.Listen("tcp", "192.0.2.2:81")
	require.NoError(t, err)
	front, err := there.Listen("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	b := &Balancer{
		Targets: []Target{{To: netip.MustParseAddrPort("192.0.2.2:81")}},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return there.DialContext(ctx, "tcp", to.String())
		},
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Serve(front); err != nil {
			t.Error(err)
		}
	})
	both := func() (client, server net.Conn) {
		client, err := here.Dial("tcp", "192.0.2.2:80")
		require.NoError(t, err)
		server, err = back.Accept()
		require.NoError(t, err)
		half := make([]byte, 4)
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			_, err = io.WriteString(way[0], "half")
			require.NoError(t, err)
			_, err = io.ReadFull(way[1], half)
			require.NoError(t, err)
		}
		return client, server
	}
	for _, row := range []struct {
		rule string
		cut  func(client, server net.Conn) (gone, left net.Conn)
	}{
		{"the server resets", func(c, s net.Conn) (net.Conn, net.Conn) { return s, c }},
		{"the client resets", func(c, s net.Conn) (net.Conn, net.Conn) { return c, s }},
	} {
		t.Run(row.rule, func(t *testing.T) {
			gone, left := row.cut(both())
			abort(gone)
			_, err := io.ReadAll(left)
			require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE), "%v", err)
			require.NoError(t, left.Close())
		})
	}
	require.NoError(t, front.Close())
	require.NoError(t, back.Close())
	require.NoError(t, b.Close())
	wg.Wait()
}
