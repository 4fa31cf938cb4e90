package stack_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// beyond is somebody behind the gateway.
func beyond(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + i%250)}), uint16(1000+i))
}

// gateway returns two stacks of n shards, the second of which is the gateway of the first.
func gateway(t *testing.T, n int) (a, b *stack.Stack) {
	a, b = many(t, n, stack.Config{})
	routes := []host.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addrB}}
	require.NoError(t, a.SetAddresses(a.Prefixes(), routes))
	return a, b
}

func forwarder(t *testing.T, s *stack.Stack, k host.Kind, limit int) *stack.Socket {
	f := open(t, s, k)
	require.NoError(t, f.Forward(limit, 30*time.Second))
	return f
}

// One socket has the handshakes of all shards, whichever way it waits, and each connection
// is made where it belongs.
func TestShardsForwardStreams(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := gateway(t, n)
		f := forwarder(t, b, host.Stream, 0)
		_, err := f.NextFlow(stack.DontWait)
		require.Equal(t, host.ErrWouldBlock, err)
		require.Equal(t, host.ErrAddrInUse, open(t, b, host.Stream).Forward(0, 0), "one at a time")
		require.Equal(t, host.ErrInvalid, f.Forward(0, 0), "twice")
		require.Equal(t, host.ErrInvalid, f.Bind(port(addrB, 80)))
		require.Equal(t, host.ErrInvalid, f.Bind(port(addrB, 0)))
		require.Equal(t, host.ErrInvalid, f.Disconnect())

		const conns = 30
		var all sync.WaitGroup
		for i := range conns {
			all.Go(func() {
				c := open(t, a, host.Stream)
				switch err := c.Connect(beyond(i), 0); i % 3 {
				case 0:
					require.NoError(t, err)
					buf := make([]byte, 100)
					_, err := c.Send([]byte(fmt.Sprint(i)), 0)
					require.NoError(t, err)
					got, err := c.Recv(buf, 0)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprint(beyond(i)), string(buf[:got]))
				case 1:
					require.Equal(t, tcp.ErrRefused, err)
				case 2:
					require.Equal(t, tcp.ErrHostUnreachable, err)
				}
				require.NoError(t, c.Close())
			})
		}
		synctest.Wait()
		m, err := f.Poll()
		require.NoError(t, err)
		require.NotZero(t, m&host.Readable)
		require.EqualValues(t, conns, b.Counters().Forward.Held)
		seen := map[netip.AddrPort]bool{}
		for range conns {
			flow, err := f.NextFlow(0)
			require.NoError(t, err)
			require.False(t, seen[flow.Local])
			seen[flow.Local] = true
			switch i := int(flow.Local.Port() - 1000); i % 3 {
			case 0:
				s, err := f.Decide(flow, host.AcceptFlow)
				require.NoError(t, err)
				require.NoError(t, s.Established(0))
				all.Go(func() {
					buf := make([]byte, 100)
					n, err := s.Recv(buf, 0)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprint(i), string(buf[:n]))
					at, err := s.LocalAddr()
					require.NoError(t, err)
					_, err = s.Send([]byte(at.String()), 0)
					require.NoError(t, err)
					require.NoError(t, s.Close())
				})
			case 1:
				_, err = f.Decide(flow, host.ResetFlow)
				require.NoError(t, err)
			case 2:
				_, err = f.Decide(flow, host.RefuseHost)
				require.NoError(t, err)
			}
			_, err = f.Decide(flow, host.ResetFlow)
			require.Equal(t, host.ErrNotConnected, err, "once")
		}
		// What was refused by ICMP is tried again until it gives up.
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for {
				flow, err := f.NextFlow(0)
				if err != nil {
					require.Equal(t, stack.ErrClosed, err)
					return
				}
				_, err = f.Decide(flow, host.RefuseHost)
				require.NoError(t, err)
			}
		}()
		all.Wait()
		require.NoError(t, f.Close())
		<-stop
		for _, d := range b.Sockets() {
			require.NotEqual(t, tcp.StateListen, d.State, "no sibling is left")
		}
		require.NoError(t, forwarder(t, b, host.Stream, 0).Close(), "and there may be another")
	})
}

// The bound is the stack's: shards that look at the same moment may hold one each too many.
func TestShardsForwardBounds(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := gateway(t, n)
		const most = 10
		f, u := forwarder(t, b, host.Stream, most), forwarder(t, b, host.Datagram, most)
		for round := range 3 {
			var cs []*stack.Socket
			for i := range 10 * most {
				c := open(t, a, host.Stream)
				require.Equal(t, host.ErrInProgress, c.Connect(beyond(i), stack.DontWait))
				cs = append(cs, c)
			}
			synctest.Wait()
			held := int(b.Counters().Forward.Held)
			require.GreaterOrEqual(t, held, most*(round+1))
			require.Less(t, held, (most+n)*(round+1))
			for _, c := range cs {
				require.NoError(t, c.Abort())
			}
			time.Sleep(31 * time.Second)
			require.EqualValues(t, held, b.Counters().Forward.Expired)
		}
		require.NoError(t, f.Close())

		var ss []*stack.Socket
		for range 10 * most {
			c := open(t, a, host.Datagram)
			_, err := c.SendTo([]byte("x"), beyond(1), 0)
			require.NoError(t, err)
			synctest.Wait()
			if s, err := u.AcceptSession(stack.DontWait); err == nil {
				ss = append(ss, s)
			}
			require.Less(t, int(b.Counters().Forward.CurrSessions), most+n)
		}
		require.Len(t, ss, 10*most, "one that is idle makes room")
		require.GreaterOrEqual(t, int(b.Counters().Forward.CurrSessions), most)
		for _, s := range ss {
			require.NoError(t, s.Close())
		}
		require.Zero(t, b.Counters().Forward.CurrSessions)
	})
}

// A session is an endpoint's, whoever that sends to, and wherever it arrives: at an address
// of nobody here, at ours, in fragments (RFC 4787 REQ-1). Sockets of ours win.
func TestShardsForwardSessions(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := gateway(t, n)
		f := forwarder(t, b, host.Datagram, 0)
		require.Equal(t, host.ErrInvalid, f.Bind(port(addrB, 77)))
		own := open(t, b, host.Datagram)
		require.NoError(t, own.Bind(port(netip.IPv4Unspecified(), 53)))
		buf := make([]byte, 9000)
		for i := range 3 * n {
			c := open(t, a, host.Datagram)
			require.NoError(t, c.Bind(port(addrA, uint16(3000+i))))
			var s *stack.Socket
			for j, to := range []netip.AddrPort{beyond(1), beyond(2), beyond(103), port(addrB, 9), port(addrB, 10), beyond(53)} {
				data := make([]byte, 10+3000*(j%3))
				_, err := c.SendTo(data, to, 0)
				require.NoError(t, err)
				if s == nil {
					s, err = f.AcceptSession(0)
					require.NoError(t, err)
				}
				got, m, err := s.RecvMsg(buf, 0)
				require.NoError(t, err)
				require.Equal(t, len(data), got)
				require.Equal(t, to, netip.AddrPortFrom(m.To, m.ToPort))
				_, err = s.SendFrom([]byte{byte(j)}, to, 0)
				require.NoError(t, err)
				got, _, from, err := c.RecvFrom(buf, 0)
				require.NoError(t, err)
				require.Equal(t, []byte{byte(j)}, buf[:got])
				require.Equal(t, to, from)
			}
			_, err := f.AcceptSession(stack.DontWait)
			require.Equal(t, host.ErrWouldBlock, err, "no second session")
			_, err = c.SendTo([]byte("ours"), port(addrB, 53), 0)
			require.NoError(t, err)
			got, err := own.Recv(buf, 0)
			require.NoError(t, err)
			require.Equal(t, "ours", string(buf[:got]))

			// The endpoint goes, and what is sent to it comes back as an error to its session.
			require.NoError(t, c.Close())
			_, err = s.SendFrom([]byte("x"), beyond(1), 0)
			require.NoError(t, err)
			_, err = s.Recv(buf, 0)
			require.Equal(t, tcp.ErrPortUnreachable, err)
			require.NoError(t, s.Close())
		}
		require.EqualValues(t, 3*n, b.Counters().Forward.Sessions)
		require.Zero(t, b.Counters().Drop[trace.DropLink])

		// Refused, and nobody there any more.
		c := open(t, a, host.Datagram)
		require.NoError(t, c.Connect(beyond(9), 0))
		_, err := c.Send([]byte("x"), 0)
		require.NoError(t, err)
		s, err := f.AcceptSession(0)
		require.NoError(t, err)
		require.NoError(t, s.RefuseFrom(beyond(9), host.RefusePort))
		_, err = c.Recv(buf, 0)
		require.Equal(t, tcp.ErrPortUnreachable, err)
		require.NoError(t, f.Close())
		require.NoError(t, s.Close())
		_, err = c.SendTo([]byte("x"), port(addrB, 9), 0)
		require.NoError(t, err)
		require.NoError(t, c.Disconnect())
		require.NoError(t, c.Connect(port(addrB, 9), 0))
		_, err = c.Send([]byte("x"), 0)
		require.NoError(t, err)
		_, err = c.Recv(buf, 0)
		require.Equal(t, tcp.ErrPortUnreachable, err, "our own again")
	})
}

// Pings: a session for each ID, whichever queue brings its requests.
func TestShardsForwardEcho(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := gateway(t, n)
		f := forwarder(t, b, host.Echo, 0)
		buf := make([]byte, 100)
		for range 2 * n {
			c := open(t, a, host.Echo)
			var s *stack.Socket
			for seq := range byte(5) {
				_, err := c.SendTo([]byte{8, 0, 0, 0, 0, 0, 0, seq, 'x'}, port(beyond(int(seq)).Addr(), 0), 0)
				require.NoError(t, err)
				if s == nil {
					s, err = f.AcceptSession(0)
					require.NoError(t, err)
				}
				got, m, err := s.RecvMsg(buf, 0)
				require.NoError(t, err)
				buf[0] = 0
				_, err = s.SendFrom(buf[:got], port(m.To, 0), 0)
				require.NoError(t, err)
				_, _, from, err := c.RecvFrom(buf, 0)
				require.NoError(t, err)
				require.Equal(t, beyond(int(seq)).Addr(), from.Addr())
			}
			_, err := c.SendTo([]byte{8, 0, 0, 0, 0, 0, 0, 9, 'x'}, port(addrB, 0), 0)
			require.NoError(t, err)
			_, _, from, err := c.RecvFrom(buf, 0)
			require.NoError(t, err)
			require.Equal(t, addrB, from.Addr(), "our own are answered by us")
		}
		require.EqualValues(t, 2*n, b.Counters().Forward.Sessions)
	})
}

// Addresses that come and go while others send change what is ours at once, on all shards.
func TestShardsForwardAddressesChange(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := gateway(t, n)
		f := forwarder(t, b, host.Datagram, 0)
		own := open(t, b, host.Datagram)
		require.NoError(t, own.Bind(port(netip.IPv4Unspecified(), 2000)))
		buf := make([]byte, 100)
		was, more := b.Prefixes(), netip.MustParsePrefix("198.51.100.77/24")
		to := netip.AddrPortFrom(more.Addr(), 2000)
		for i := range uint16(2 * n) {
			c := open(t, a, host.Datagram)
			require.NoError(t, c.Bind(port(addrA, 4000+i)))
			_, err := c.SendTo([]byte("theirs"), to, 0)
			require.NoError(t, err)
			s, err := f.AcceptSession(0)
			require.NoError(t, err)
			_, err = s.Recv(buf, 0)
			require.NoError(t, err)
			require.NoError(t, b.SetAddresses(append(was[:len(was):len(was)], more), nil))
			_, err = c.SendTo([]byte("ours"), to, 0)
			require.NoError(t, err)
			_, err = own.Recv(buf, 0)
			require.NoError(t, err)
			require.NoError(t, b.SetAddresses(was, nil))
			_, err = c.SendTo([]byte("theirs"), to, 0)
			require.NoError(t, err)
			_, err = s.Recv(buf, 0)
			require.NoError(t, err)
		}
	})
}
