package stdnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// behind returns a host whose gateway is a stack that forwards.
func behind(t testing.TB, c stdnet.ForwardConfig) (inside, gateway *stdnet.Net, f *stdnet.Forwarder) {
	t.Helper()
	sa, sb := stdnettest.Pair(t, stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	gateway = stdnet.New(sb)
	f, err := gateway.Forward(c)
	require.NoError(t, err)
	return stdnet.New(sa), gateway, f
}

type dialed struct {
	c   net.Conn
	err error
}

// dialing dials in the background.
func dialing(n *stdnet.Net, network, address string) <-chan dialed {
	done := make(chan dialed, 1)
	go func() {
		c, err := n.Dial(network, address)
		done <- dialed{c, err}
	}()
	return done
}

func TestForwardTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{})
		out := dialing(inside, "tcp", "198.51.100.7:443")
		r, err := f.NextTCP()
		require.NoError(t, err)
		require.Equal(t, "198.51.100.7:443", r.Target().String())
		require.Equal(t, netip.MustParseAddr("192.0.2.1"), r.Source().Addr())

		time.Sleep(20 * time.Second) // the handshake is held back, however often the SYN comes
		require.Empty(t, out)
		s, err := r.Accept(t.Context())
		require.NoError(t, err)
		c := <-out
		require.NoError(t, c.err)
		require.Equal(t, "198.51.100.7:443", s.LocalAddr().String())
		require.Equal(t, c.c.LocalAddr().String(), s.RemoteAddr().String())
		require.EqualValues(t, 1, gateway.Stack().Counters().Forward.Held, "one decision, though several SYNs came")

		_, err = c.c.Write([]byte("to anybody"))
		require.NoError(t, err)
		require.NoError(t, c.c.(*stdnet.Conn).CloseWrite())
		got, err := io.ReadAll(s)
		require.NoError(t, err)
		require.Equal(t, "to anybody", string(got))
		_, err = s.Write([]byte("from anybody")) // half-closed
		require.NoError(t, err)
		require.NoError(t, s.Close())
		got, err = io.ReadAll(c.c)
		require.NoError(t, err)
		require.Equal(t, "from anybody", string(got))
		require.NoError(t, c.c.Close())
		require.ErrorIs(t, r.Refuse(nil), syscall.ENOTCONN, "a second answer")
	})
}

func TestForwardRefuse(t *testing.T) {
	for _, tc := range []struct {
		name string
		why  error
		is   error
	}{
		{"nil: RST, as from a closed port (RFC 9293 3.10.7.1)", nil, syscall.ECONNREFUSED},
		{"refused: RST", syscall.ECONNREFUSED, syscall.ECONNREFUSED},
		{"network unreachable (RFC 792, code 0)", syscall.ENETUNREACH, syscall.ENETUNREACH},
		{"host unreachable (code 1)", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, syscall.EHOSTUNREACH},
		{"prohibited (RFC 1812 5.2.7.1, code 13)", os.ErrPermission, syscall.EHOSTUNREACH},
		{"prohibited by errno", syscall.EACCES, syscall.EHOSTUNREACH},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inside, gateway, f := behind(t, stdnet.ForwardConfig{})
				// Of a soft ICMP error our own client only remembers: its dial must end.
				d := stdnet.Dialer{Net: inside, Timeout: 250 * time.Second}
				done := make(chan error, 1)
				go func() {
					_, err := d.Dial("tcp", "198.51.100.7:443")
					done <- err
				}()
				go func() {
					for {
						r, err := f.NextTCP()
						if err != nil {
							return
						}
						_ = r.Refuse(tc.why)
					}
				}()
				err := <-done
				require.ErrorIs(t, err, tc.is)
				n := gateway.Stack().Counters()
				require.Zero(t, n.TCP.PassiveOpens)
				require.NotZero(t, n.Forward.Reset+n.Forward.Refused)
				require.NoError(t, f.Close())
			})
		})
	}
}

// Nobody decides: nothing is sent, and nothing is left.
func TestForwardPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{Patience: 5 * time.Second, MaxHandshakes: 2})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		for range 5 { // more than may wait
			go func() { _, _ = inside.DialContext(ctx, "tcp", "198.51.100.7:1") }()
		}
		synctest.Wait()
		require.EqualValues(t, 2, gateway.Stack().Counters().Forward.Held)
		require.EqualValues(t, 3, gateway.Stack().Counters().TCP.ListenDrops)
		r, err := f.NextTCP()
		require.NoError(t, err)
		time.Sleep(6 * time.Second)
		_, err = r.Accept(t.Context())
		require.ErrorIs(t, err, syscall.ENOTCONN)
		r, err = f.NextTCP() // a SYN that came again
		require.NoError(t, err)
		require.NoError(t, r.Refuse(nil))
		<-ctx.Done()
		synctest.Wait()
		time.Sleep(10 * time.Second)
		require.Zero(t, gateway.Stack().Counters().TCP.OutSegs-1, "but for the one reset")
	})
}

// The peer goes away between the decision and the end of the handshake.
func TestForwardAcceptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		out := make(chan error, 1)
		go func() { _, err := inside.DialContext(ctx, "tcp", "198.51.100.7:1"); out <- err }()
		r, err := f.NextTCP()
		require.NoError(t, err)
		cancel()
		require.ErrorIs(t, <-out, context.Canceled)
		_, err = r.Accept(t.Context()) // the SYN-ACK finds nobody: a reset comes back
		require.ErrorIs(t, err, syscall.ECONNRESET)

		out2 := dialing(inside, "tcp", "198.51.100.7:2")
		r, err = f.NextTCP()
		require.NoError(t, err)
		ended, end := context.WithCancel(t.Context())
		end()
		_, err = r.Accept(ended)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, r.Refuse(nil))
		require.Error(t, (<-out2).err)
		synctest.Wait()
		require.Len(t, gateway.Stack().Sockets(), 3, "the Forwarder's own")
	})
}

// What our own sockets listen for is theirs; a wildcard is for our own addresses.
func TestForwardOwnSocketsWin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{})
		l, err := gateway.Listen("tcp", ":80")
		require.NoError(t, err)
		defer l.Close()
		u, err := gateway.ListenPacket("udp", ":53")
		require.NoError(t, err)
		defer u.Close()
		c, err := inside.Dial("tcp", "192.0.2.2:80")
		require.NoError(t, err)
		defer c.Close()
		d, err := inside.Dial("udp", "192.0.2.2:53")
		require.NoError(t, err)
		defer d.Close()
		_, err = d.Write([]byte("ours"))
		require.NoError(t, err)
		n, _, err := u.ReadFrom(make([]byte, 9))
		require.NoError(t, err)
		require.Equal(t, 4, n)

		out := dialing(inside, "tcp", "198.51.100.7:80")
		r, err := f.NextTCP()
		require.NoError(t, err)
		require.NoError(t, r.Refuse(nil))
		require.ErrorIs(t, (<-out).err, syscall.ECONNREFUSED)
		out = dialing(inside, "tcp", "192.0.2.2:81") // ours, and nobody listens
		r, err = f.NextTCP()
		require.NoError(t, err)
		require.Equal(t, "192.0.2.2:81", r.Target().String())
		require.NoError(t, r.Refuse(nil))
		<-out
		_, err = gateway.Dial("tcp", "192.0.2.2:81") // from ourselves
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestForwardUDP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{Idle: 30 * time.Second})
		u, err := inside.ListenPacket("udp", "192.0.2.1:4000")
		require.NoError(t, err)
		defer u.Close()
		to := func(s string) *net.UDPAddr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
		_, err = u.WriteTo([]byte("one"), to("198.51.100.7:53"))
		require.NoError(t, err)
		_, err = u.WriteTo([]byte("two"), to("203.0.113.9:123"))
		require.NoError(t, err)
		s, err := f.NextUDP()
		require.NoError(t, err)
		require.Equal(t, "192.0.2.1:4000", s.Source().String())
		p := make([]byte, 99)
		for _, want := range []struct{ text, to string }{{"one", "198.51.100.7:53"}, {"two", "203.0.113.9:123"}} {
			n, at, err := s.ReadFrom(p)
			require.NoError(t, err)
			require.Equal(t, want.text, string(p[:n]))
			require.Equal(t, want.to, at.String(), "one session for all destinations (RFC 4787 REQ-1)")
		}
		_, err = s.WriteTo([]byte("unasked"), to("192.0.2.99:7")) // from anybody (REQ-8)
		require.NoError(t, err)
		n, from, err := u.ReadFrom(p)
		require.NoError(t, err)
		require.Equal(t, "unasked", string(p[:n]))
		require.Equal(t, "192.0.2.99:7", from.String())

		for _, bad := range []string{"127.0.0.1:1", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "192.0.2.1:4000"} {
			_, err = s.WriteTo([]byte("x"), to(bad))
			require.ErrorIs(t, err, syscall.EINVAL, bad)
		}

		// It lives while it is used, either way, and ends when it is not.
		for range 4 {
			time.Sleep(20 * time.Second)
			_, err = u.WriteTo([]byte("again"), to("198.51.100.7:53"))
			require.NoError(t, err)
			_, _, err = s.ReadFrom(p)
			require.NoError(t, err)
		}
		start := time.Now()
		_, _, err = s.ReadFrom(p)
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		require.Equal(t, 30*time.Second, time.Since(start).Round(time.Second))
		_, _, err = s.ReadFrom(p)
		require.ErrorIs(t, err, syscall.ETIMEDOUT, "and stays so")
		_, err = s.WriteTo([]byte("x"), to("198.51.100.7:53"))
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		require.NoError(t, s.Close())
		_, err = u.WriteTo([]byte("anew"), to("198.51.100.7:53"))
		require.NoError(t, err)
		s, err = f.NextUDP()
		require.NoError(t, err)
		c := gateway.Stack().Counters().Forward
		require.EqualValues(t, 2, c.Sessions)
		require.EqualValues(t, 1, c.SessionsIdle)
		require.EqualValues(t, 1, c.CurrSessions)
		require.NoError(t, s.Close())
		require.Zero(t, gateway.Stack().Counters().Forward.CurrSessions)
	})
}

func TestForwardUDPRefused(t *testing.T) {
	for _, tc := range []struct {
		why, is error
	}{{nil, syscall.ECONNREFUSED}, {syscall.EACCES, syscall.EHOSTUNREACH}} {
		synctest.Test(t, func(t *testing.T) {
			inside, _, f := behind(t, stdnet.ForwardConfig{})
			c, err := inside.Dial("udp", "198.51.100.7:53")
			require.NoError(t, err)
			defer c.Close()
			_, err = c.Write([]byte("?"))
			require.NoError(t, err)
			s, err := f.NextUDP()
			require.NoError(t, err)
			defer s.Close()
			_, to, err := s.ReadFromUDPAddrPort(make([]byte, 9))
			require.NoError(t, err)
			require.NoError(t, s.Refuse(to, tc.why))
			_, err = c.Read(make([]byte, 9))
			require.ErrorIs(t, err, tc.is)
		})
	}
}

// The cap: who was idle longest makes room. A peer that refuses is heard of.
func TestForwardSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{MaxSessions: 3})
		var ss []*stdnet.Session
		send := func() {
			c, err := inside.Dial("udp", "198.51.100.7:53")
			require.NoError(t, err)
			_, err = c.Write([]byte("?"))
			require.NoError(t, err)
			require.NoError(t, c.Close())
			synctest.Wait()
			time.Sleep(time.Second)
		}
		for range 3 {
			send()
		}
		send() // nobody has accepted: no room
		require.EqualValues(t, 1, gateway.Stack().Counters().Forward.SessionsRefused)
		for range 3 {
			s, err := f.NextUDP()
			require.NoError(t, err)
			ss = append(ss, s)
			time.Sleep(time.Second)
		}
		send()
		c := gateway.Stack().Counters().Forward
		require.EqualValues(t, 1, c.SessionsEvicted)
		require.EqualValues(t, 3, c.CurrSessions)
		p := make([]byte, 9)
		_, _, err := ss[0].ReadFrom(p)
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		_, _, err = ss[1].ReadFrom(p)
		require.NoError(t, err)

		_, err = ss[1].WriteToUDPAddrPort([]byte("late"), netip.MustParseAddrPort("198.51.100.7:53"))
		require.NoError(t, err)
		_, _, err = ss[1].ReadFrom(p) // the socket inside is closed
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		for _, s := range ss {
			require.NoError(t, s.Close())
		}
	})
}

func TestForwardPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, _, f := behind(t, stdnet.ForwardConfig{})
		api := socket.New(inside.Stack())
		fd, err := api.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
		require.NoError(t, err)
		defer api.Close(fd)
		require.NoError(t, api.Connect(fd, netip.MustParseAddrPort("198.51.100.7:0")))
		_, err = api.Send(fd, []byte{8, 0, 0, 0, 0, 0, 0, 5, 'h', 'i'}, 0)
		require.NoError(t, err)
		s, err := f.NextEcho()
		require.NoError(t, err)
		defer s.Close()
		p := make([]byte, 99)
		n, to, err := s.ReadFromUDPAddrPort(p)
		require.NoError(t, err)
		require.Equal(t, "198.51.100.7:0", to.String())
		require.Equal(t, byte(8), p[0])
		p[0] = 0
		_, err = s.WriteToUDPAddrPort(p[:n], to)
		require.NoError(t, err)
		n, err = api.Recv(fd, p, 0)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 5, 'h', 'i'}, p[6:n])
		require.Equal(t, byte(0), p[0])

		_, err = api.Send(fd, []byte{8, 0, 0, 0, 0, 0, 0, 6}, 0)
		require.NoError(t, err)
		require.NoError(t, s.Refuse(to, syscall.EHOSTUNREACH))
		by, why := netip.Addr{}, error(nil)
		for why == nil {
			time.Sleep(time.Millisecond)
			by, why = api.SoftError(fd)
		}
		require.Equal(t, "192.0.2.2", by.String(), "from the router (RFC 1812 4.3.2.4)")
	})
}

// Close ends what waits; what was accepted lives on, and a second Forwarder may come.
func TestForwarderClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, gateway, f := behind(t, stdnet.ForwardConfig{})
		_, err := gateway.Forward(stdnet.ForwardConfig{})
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		out := dialing(inside, "tcp", "198.51.100.7:1")
		r, err := f.NextTCP()
		require.NoError(t, err)
		s, err := r.Accept(t.Context())
		require.NoError(t, err)
		c := (<-out).c
		u, err := inside.Dial("udp", "198.51.100.7:53")
		require.NoError(t, err)
		defer u.Close()
		_, err = u.Write([]byte("?"))
		require.NoError(t, err)
		sess, err := f.NextUDP()
		require.NoError(t, err)
		waiting := dialing(inside, "tcp", "198.51.100.7:2")
		synctest.Wait()

		ended := make(chan error, 3)
		go func() { _, err := f.NextUDP(); ended <- err }()
		go func() { _, err := f.NextEcho(); ended <- err }()
		synctest.Wait()
		require.NoError(t, f.Close())
		for range 2 {
			require.ErrorIs(t, <-ended, net.ErrClosed)
		}
		_, err = f.NextTCP()
		require.ErrorIs(t, err, net.ErrClosed)

		_, err = s.Write([]byte("on"))
		require.NoError(t, err)
		p := make([]byte, 9)
		_, err = io.ReadFull(c, p[:2])
		require.NoError(t, err)
		_, _, err = sess.ReadFrom(p)
		require.NoError(t, err)
		_, err = u.Write([]byte("more"))
		require.NoError(t, err)
		_, _, err = sess.ReadFrom(p)
		require.NoError(t, err)

		f, err = gateway.Forward(stdnet.ForwardConfig{})
		require.NoError(t, err)
		r, err = f.NextTCP() // the SYN that comes again
		require.NoError(t, err)
		require.NoError(t, r.Refuse(nil))
		require.ErrorIs(t, (<-waiting).err, syscall.ECONNREFUSED)
		require.NoError(t, errors.Join(s.Close(), c.Close(), sess.Close()))
	})
}
