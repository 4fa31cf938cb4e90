package stack

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Attack 76 of testdata/attacks.md: calls that wait, and what ends them.

// A bench has what calls wait on: two stacks that are joined, and one whose
// link takes nothing. It looks inside them for what is left.
type bench struct {
	t          *testing.T
	a, b, hole *Stack
}

func newBench(t *testing.T) *bench {
	la, lb := link.NewPipe(link.Features{MTU: 1500}, 1000)
	lh, far := link.NewPipe(link.Features{MTU: 1500}, 1)
	t.Cleanup(func() { require.NoError(t, far.Close()) })
	return &bench{t: t, a: newOn(t, la, "192.0.2.1/24"), b: newOn(t, lb, "192.0.2.2/24"), hole: newOn(t, lh, "192.0.2.3/24")}
}

func newOn(t *testing.T, l link.Link, own string) *Stack {
	s, err := New(Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(own)}})
	require.NoError(t, err)
	return s
}

func (x *bench) stacks() []*Stack { return []*Stack{x.a, x.b, x.hole} }

func (x *bench) socket(s *Stack, k host.Kind) *Socket {
	sock, err := s.Socket(k)
	require.NoError(x.t, err)
	return sock
}

func (x *bench) listening(s *Stack, port uint16) *Socket {
	l := x.socket(s, host.Stream)
	require.NoError(x.t, l.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
	require.NoError(x.t, l.Listen(5))
	return l
}

// connected returns a's end of a connection to b.
func (x *bench) connected() *Socket {
	l := x.listening(x.b, 80)
	c := x.socket(x.a, host.Stream)
	require.NoError(x.t, c.Connect(netip.MustParseAddrPort("192.0.2.2:80"), 0))
	_, err := l.Accept(0)
	require.NoError(x.t, err)
	return c
}

// waits are all calls that wait, each on a socket on which it does.
var waits = []struct {
	name string
	make func(x *bench) *Socket
	call func(s *Socket) error
}{
	{"Recv", (*bench).connected, func(s *Socket) error { _, err := s.Recv(make([]byte, 1), 0); return err }},
	{"Recv, all", (*bench).connected, func(s *Socket) error { _, err := s.Recv(make([]byte, 10), WaitAll); return err }},
	{"Recv, peek", (*bench).connected, func(s *Socket) error { _, err := s.Recv(make([]byte, 1), Peek); return err }},
	{"Send", (*bench).connected, func(s *Socket) error { _, err := s.Send(make([]byte, 8<<20), 0); return err }}, // more than both buffers
	{"Accept", func(x *bench) *Socket { return x.listening(x.a, 81) }, func(s *Socket) error { _, err := s.Accept(0); return err }},
	{"Connect", func(x *bench) *Socket { return x.socket(x.a, host.Stream) },
		func(s *Socket) error { return s.Connect(netip.MustParseAddrPort("192.0.2.99:80"), 0) }},
	{"RecvFrom", func(x *bench) *Socket { return x.socket(x.a, host.Datagram) },
		func(s *Socket) error { _, _, _, err := s.RecvFrom(make([]byte, 1), 0); return err }},
	{"RecvMsg of an echo socket", func(x *bench) *Socket { return x.socket(x.a, host.Echo) },
		func(s *Socket) error { _, _, err := s.RecvMsg(make([]byte, 1), 0); return err }},
	{"SendTo", func(x *bench) *Socket { return x.socket(x.hole, host.Datagram) },
		func(s *Socket) error {
			for {
				if _, err := s.SendTo(make([]byte, 1400), netip.MustParseAddrPort("192.0.2.99:80"), 0); err != nil {
					return err
				}
			}
		}},
}

// Whatever ends a call that waits, three of them at once, ends all of them at
// once; then nothing is left: no socket, no timer, and no goroutine, or the
// bubble would not end.
func TestAttack_76_CloseAgainstBlockedCalls(t *testing.T) {
	for _, w := range waits {
		for _, end := range []struct {
			name string
			end  func(x *bench, s *Socket) error
			is   error
		}{
			{"Close", func(_ *bench, s *Socket) error { return s.Close() }, ErrClosed},
			{"Close of one that lingers", func(_ *bench, s *Socket) error {
				if s.kind != host.Stream {
					return s.Close()
				}
				if err := s.SetOptions(func(o *host.Options) { o.LingerOn, o.Linger = true, 3*time.Second }); err != nil {
					return err
				}
				return s.Close()
			}, ErrClosed},
			{"Abort", func(_ *bench, s *Socket) error { return s.Abort() }, ErrClosed},
			{"a deadline", func(_ *bench, s *Socket) error {
				at := time.Now().Add(time.Second)
				if err := s.SetReadDeadline(at); err != nil {
					return err
				}
				return s.SetWriteDeadline(at)
			}, nil},
			{"Close of the stack", func(x *bench, s *Socket) error {
				for _, k := range x.stacks() {
					if k.sh == s.sh {
						return k.Close()
					}
				}
				return nil
			}, ErrClosed},
		} {
			t.Run(w.name+", "+end.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := newBench(t)
					s := w.make(x)
					results := make(chan error, 3)
					for range cap(results) {
						go func() { results <- w.call(s) }()
					}
					time.Sleep(100 * time.Millisecond)
					require.Empty(t, results, "it does not wait")
					require.NoError(t, end.end(x, s))
					time.Sleep(2 * time.Second)
					require.Len(t, results, cap(results))
					for range cap(results) {
						err := <-results
						require.Error(t, err)
						if end.is != nil {
							require.ErrorIs(t, err, end.is)
						}
					}
					x.nothingLeft()
				})
			})
		}
	}
}

// nothingLeft closes every socket, waits out every timer of TCP, and holds
// that the stacks have come to rest.
func (x *bench) nothingLeft() {
	for _, k := range x.stacks() {
		k.sh.mu.Lock()
		open := append([]*Socket{}, k.sh.sockets...)
		k.sh.mu.Unlock()
		for _, s := range open {
			if s != nil {
				require.NoError(x.t, s.Abort())
			}
		}
	}
	time.Sleep(20 * time.Minute)
	for _, k := range x.stacks() {
		k.sh.mu.Lock()
		for _, s := range k.sh.sockets {
			require.Nil(x.t, s, "a socket is left")
		}
		if k.sh.failed == nil {
			require.Empty(x.t, k.sh.host.Sockets(nil))
			require.Equal(x.t, clock.Never, k.sh.host.Deadline(), "a timer is left")
			require.Equal(x.t, clock.Never, k.sh.armed, "a timer is left")
		}
		require.Nil(x.t, k.sh.lead.side, "somebody leads for a call that is over")
		k.sh.mu.Unlock()
		require.NoError(x.t, k.Close())
	}
}
