package stdnet_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A Forwarder on several queues: connections to many targets at once, each echoed, and
// datagrams beside them, while routes and addresses of the gateway change.
func TestForwarderOnShards(t *testing.T) {
	var as, bs []link.Link
	for range 3 {
		a, b := link.NewPipe(link.Features{MTU: 1500}, 1024)
		as, bs = append(as, a), append(bs, b)
	}
	prefixB := netip.MustParsePrefix("192.0.2.2/24")
	run := func(c stack.Config) *stack.Stack {
		s, err := stack.New(c)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	a := run(stack.Config{Links: stack.Queues(link.Scatter(as, 1)), Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, Gateway: prefixB.Addr()})
	b := run(stack.Config{Links: stack.Queues(link.Scatter(bs, 2)), Prefixes: []netip.Prefix{prefixB}})
	f, err := stdnet.New(b).Forward(stdnet.ForwardConfig{})
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			r, err := f.NextTCP()
			if err != nil {
				require.ErrorIs(t, err, net.ErrClosed)
				return
			}
			served.Go(func() {
				c, err := r.Accept(context.Background())
				require.NoError(t, err)
				_, err = io.Copy(c, c)
				require.NoError(t, err)
				require.NoError(t, c.Close())
			})
		}
	})
	served.Go(func() {
		for {
			s, err := f.NextUDP()
			if err != nil {
				require.ErrorIs(t, err, net.ErrClosed)
				return
			}
			served.Go(func() {
				defer s.Close()
				buf := make([]byte, 1500)
				for range 20 {
					n, to, err := s.ReadFrom(buf)
					require.NoError(t, err)
					_, err = s.WriteTo(buf[:n], to)
					require.NoError(t, err)
				}
			})
		}
	})
	n := stdnet.New(a)
	var asked sync.WaitGroup
	for i := range byte(12) {
		asked.Go(func() {
			c, err := n.Dial("tcp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, i}), 80).String())
			require.NoError(t, err)
			data := bytes.Repeat([]byte{i, 2, 3}, 100_000)
			go func() {
				_, err := c.Write(data)
				require.NoError(t, err)
				require.NoError(t, c.(*stdnet.Conn).CloseWrite())
			}()
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
			require.NoError(t, c.Close())
		})
		asked.Go(func() {
			c, err := n.ListenPacket("udp", "192.0.2.1:0")
			require.NoError(t, err)
			defer c.Close()
			buf := make([]byte, 10)
			for j := range byte(20) {
				to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, j}), uint16(53+j)))
				_, err := c.WriteTo([]byte{i, j}, to)
				require.NoError(t, err)
				got, from, err := c.ReadFrom(buf)
				require.NoError(t, err)
				require.Equal(t, []byte{i, j}, buf[:got])
				require.Equal(t, to.String(), from.String())
			}
		})
	}
	changes := make(chan struct{})
	go func() {
		defer close(changes)
		for i := range byte(200) {
			other := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, 1 + i}), 24)
			require.NoError(t, b.SetAddresses([]netip.Prefix{prefixB, other}, []host.Route{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Via: prefixB.Addr().Prev()}}))
			b.Refresh()
			_, _ = b.Counters(), b.Sockets()
		}
	}()
	asked.Wait()
	<-changes
	require.NoError(t, f.Close())
	served.Wait()
	require.EqualValues(t, 12, b.Counters().Forward.Sessions)
	require.EqualValues(t, 12, b.Counters().Forward.Accepted)
}
