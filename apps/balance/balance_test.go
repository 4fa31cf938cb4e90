package balance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func targets(weights ...int) (ts []Target) {
	for i, w := range weights {
		ts = append(ts, Target{To: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 80), Weight: w})
	}
	return ts
}

// A clock that is set by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// order is who is chosen for n clients, whose connections stay open.
func order(b *Balancer, n int) (s string) {
	for i := range n {
		t, _, err := b.connect(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
		if err != nil {
			return s + "!"
		}
		s += string(rune('a' + t.index))
	}
	return s
}

func dialer(dead ...int) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
		if slices.Contains(dead, int(to.Addr().As4()[3])-1) {
			return nil, errors.New("dead")
		}
		return nil, nil
	}
}

func TestPolicies(t *testing.T) {
	for _, row := range []struct {
		policy  Policy
		weights []int
		dead    []int
		want    string
	}{
		{RoundRobin, []int{0, 0, 0}, nil, "abcabcabc"},
		{RoundRobin, []int{0, 0, 0}, []int{1}, "acacacaca"},
		{RoundRobin, []int{0, 0}, []int{0, 1}, "!"},
		{Weighted, []int{5, 1, 1}, nil, "aabacaa" + "aabacaa"},
		{Weighted, []int{2, 1}, nil, "abaaba"},
		{LeastConnections, []int{0, 0, 0}, nil, "abcabc"},
		{LeastConnections, []int{2, 1, 0}, nil, "abcaabca"},
		{LeastConnections, []int{0, 0, 0}, []int{0}, "bcbcbc"},
	} {
		t.Run(fmt.Sprint(row.policy, row.weights, row.dead), func(t *testing.T) {
			b := &Balancer{Targets: targets(row.weights...), Policy: row.policy, Dial: dialer(row.dead...)}
			got := order(b, len(row.want))
			require.Equal(t, row.want, got[:len(row.want)])
		})
	}
}

func TestLeastConnectionsAfterSomeEnd(t *testing.T) {
	b := &Balancer{Targets: targets(0, 0), Policy: LeastConnections, Dial: dialer()}
	require.Equal(t, "abab", order(b, 4))
	b.done(b.targets[1])
	b.done(b.targets[1])
	require.Equal(t, "bb", order(b, 2))
}

// A client keeps its target; where one dies only its clients move, and they come back.
func TestHash(t *testing.T) {
	all := &Balancer{Targets: targets(0, 0, 0), Policy: Hash, Dial: dialer()}
	first := order(all, 200)
	require.Equal(t, first, order(all, 200))
	counts, _ := all.Counts()
	for _, c := range counts {
		require.Greater(t, c.Total, 80, "400 over three")
	}
	fewer := order(&Balancer{Targets: targets(0, 0, 0), Policy: Hash, Dial: dialer(1)}, 200)
	for i := range first {
		if first[i] != 'b' {
			require.Equal(t, first[i], fewer[i])
		} else {
			require.NotEqual(t, byte('b'), fewer[i])
		}
	}
}

// A dead target is out for Pause, then one connection tries it.
func TestDeadAndBack(t *testing.T) {
	now := &clock{time.Unix(1e9, 0)}
	var tries atomic.Int32
	alive := false
	b := &Balancer{Targets: targets(0, 0), Pause: time.Second, Now: now.now, Dial: func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
		if to.Addr().As4()[3] == 1 {
			tries.Add(1)
			if !alive {
				return nil, errors.New("dead")
			}
		}
		return nil, nil
	}}
	require.Equal(t, "bbbb", order(b, 4))
	require.EqualValues(t, 1, tries.Load())
	counts, refused := b.Counts()
	require.Equal(t, []Count{{b.Targets[0].To, 0, 0, 1, true}, {b.Targets[1].To, 4, 4, 0, false}}, counts)
	require.Zero(t, refused)
	now.at = now.at.Add(time.Second)
	require.Equal(t, "bbb", order(b, 3))
	require.EqualValues(t, 2, tries.Load(), "tried again, and still dead")
	now.at = now.at.Add(time.Second)
	alive = true
	require.Equal(t, "abab", order(b, 4))
}

func TestParsePolicy(t *testing.T) {
	for p := RoundRobin; p <= Weighted; p++ {
		got, err := ParsePolicy(p.String())
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	_, err := ParsePolicy("random")
	require.ErrorContains(t, err, "round-robin")
}

// Over our stack: two servers and a balancer on one host, clients on the other; one server dies in between.
func TestOverOurStack(t *testing.T) {
	ours, theirs := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	here, there := stdnet.New(ours), stdnet.New(theirs)
	var wg sync.WaitGroup
	serve := func(port string) net.Listener {
		l, err := there.Listen("tcp", "192.0.2.2:"+port)
		require.NoError(t, err)
		wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				wg.Go(func() {
					defer c.Close()
					body, err := io.ReadAll(c) // half-closing comes through
					if err == nil {
						fmt.Fprintf(c, "%s said %s", port, body)
					}
				})
			}
		})
		return l
	}
	first, second := serve("81"), serve("82")
	front, err := there.Listen("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	b := &Balancer{
		Targets: []Target{{To: netip.MustParseAddrPort("192.0.2.2:81")}, {To: netip.MustParseAddrPort("192.0.2.2:82")}},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return there.DialContext(ctx, "tcp", to.String())
		},
	}
	wg.Go(func() {
		if err := b.Serve(front); err != nil {
			t.Error(err)
		}
	})
	talk := func(what string) (string, error) {
		c, err := here.Dial("tcp", "192.0.2.2:80")
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err = io.WriteString(c, what); err != nil {
			return "", err
		}
		if err = c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return "", err
		}
		got, err := io.ReadAll(c)
		return string(got), err
	}
	ask := func(what string) string {
		answer, err := talk(what)
		require.NoError(t, err)
		return answer
	}
	require.Equal(t, "81 said x", ask("x"))
	require.Equal(t, "82 said y", ask("y"))
	require.NoError(t, first.Close())
	for range 6 {
		require.Equal(t, "82 said z", ask("z"))
	}
	counts, refused := b.Counts()
	require.Equal(t, []int{1, 7}, []int{counts[0].Total, counts[1].Total})
	require.True(t, counts[0].Out)
	require.Zero(t, refused)
	require.NoError(t, second.Close())
	_, err = talk("nobody") // the reset comes at once, or when a part was said
	require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE), "%v", err)
	_, refused = b.Counts()
	require.Equal(t, 1, refused)
	require.NoError(t, front.Close())
	require.NoError(t, b.Close())
	wg.Wait()
}
