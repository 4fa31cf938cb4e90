package stack_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

const (
	// tiny is a queue, in packets, that every window overflows.
	tiny = 4

	// fewTimeouts are what 16 MiB may meet there, hundreds or thousands of drops: where
	// each flight ended with one, it would be fifty and more.
	fewTimeouts = 20
)

// A TUN drops what its queue does not hold. The kernel sends to us through one of
// four packets: what we acknowledge, and how, tells it what is missing, so that it
// need not wait for its timer.
func TestOverflowOfTheKernelsQueue(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			const size = 16 << 20
			s, ns, d := queued(t, 1, plain, false)
			require.NoError(t, ns.Do(func() error { return setup.SetTxQueueLen(d.Name(), tiny) }))
			l := listen(t, s, 7)
			var c net.Conn
			require.NoError(t, ns.Do(func() (err error) { c, err = net.Dial("tcp4", "192.0.2.2:7"); return err }))
			defer c.Close()
			k, err := l.Accept(0)
			require.NoError(t, err)
			require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
			var n counts
			for round := byte(0); round < 60 && n.dropped == 0; round++ { // a reader that is fast may keep it empty once
				require.NoError(t, stream(c, reader{k}, size, round))
				n = countsOf(t, ns, d.Name())
			}
			t.Logf("%d dropped, %d sent again, %d timeouts of %d segments", n.dropped, n.again, n.timeouts, n.out)
			require.NotZero(t, n.dropped)
			require.LessOrEqual(t, n.timeouts, fewTimeouts)
		})
	}
}

// Between two stacks of ours the kernel forwards through such a queue.
func TestOverflowOnTheWay(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		for _, algorithm := range []congestion.Algorithm{congestion.CUBIC{}, congestion.NewReno{}, congestion.BBR{}} {
			t.Run(name+", "+algorithm.Name(), func(t *testing.T) {
				const size = 16 << 20
				near, ns, _ := queued(t, 1, plain, false)
				far, d := behind(t, ns, plain)
				require.NoError(t, near.SetAddresses([]netip.Prefix{tuntest.Ours}, []host.Route{{Prefix: farther.Masked(), Via: tuntest.Theirs.Addr()}}))
				l := listen(t, far, 7)
				k := open(t, near, host.Stream)
				require.NoError(t, k.SetOptions(func(o *host.Options) { o.TCP.Congestion = algorithm }))
				require.NoError(t, k.Connect(port(farther.Addr(), 7), 0))
				a, err := l.Accept(0)
				require.NoError(t, err)
				require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Minute)))
				require.NoError(t, k.SetWriteDeadline(time.Now().Add(time.Minute)))
				var i tcp.Info
				for round := byte(0); round < 60 && i.TotalRetrans == 0; round++ { // who is paced may not overflow it at once
					require.NoError(t, stream(writer{k}, reader{a}, size, round))
					i, err = k.Info()
					require.NoError(t, err)
				}
				n := countsOf(t, ns, d.Name())
				t.Logf("%d dropped, %d sent again, %d timeouts of %d segments", n.dropped, i.TotalRetrans, i.TotalRTO, i.DataSegsOut)
				require.NotZero(t, i.TotalRetrans, "nothing overflowed")
				require.LessOrEqual(t, i.TotalRTO, fewTimeouts)
			})
		}
	}
}

var farther = netip.MustParsePrefix("198.51.100.2/24")

// behind runs a stack on another TUN of the namespace, whose queue is tiny; the
// kernel forwards between the two.
func behind(t *testing.T, ns *setup.NetNS, plain bool) (*stack.Stack, *tun.Device) {
	var d *tun.Device
	gateway := netip.MustParsePrefix("198.51.100.1/24")
	require.NoError(t, ns.Do(func() (err error) {
		if d, err = tun.Open(tun.Config{Plain: plain}); err != nil {
			return err
		}
		return errors.Join(setup.AddAddr(d.Name(), gateway), tuntest.Quiet(d.Name()), setup.SetUp(d.Name()),
			setup.SetTxQueueLen(d.Name(), tiny), os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	}))
	s, err := stack.New(stack.Config{Link: d, Prefixes: []netip.Prefix{farther}, Gateway: gateway.Addr()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, d
}

// counts are what a namespace's kernel has counted.
type counts struct{ out, again, timeouts, dropped int }

func countsOf(t *testing.T, ns *setup.NetNS, device string) (n counts) {
	require.NoError(t, ns.Do(func() error {
		n.out = counter(t, "snmp", "Tcp:", "OutSegs")
		n.again = counter(t, "snmp", "Tcp:", "RetransSegs")
		n.timeouts = counter(t, "netstat", "TcpExt:", "TCPTimeouts")
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		require.NoError(t, err)
		_, line, found := strings.Cut(string(text), device+":")
		require.True(t, found)
		n.dropped, err = strconv.Atoi(strings.Fields(line)[11]) // after 8 of receiving: bytes, packets, errs, drop
		return err
	}))
	return n
}

// counter reads a number from a table of names and one of values.
func counter(t *testing.T, file, table, name string) int {
	text, err := os.ReadFile("/proc/thread-self/net/" + file)
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] != table {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i, n := range names {
			if n == name {
				v, err := strconv.Atoi(f[i])
				require.NoError(t, err)
				return v
			}
		}
	}
	require.FailNow(t, "there is no "+name)
	return 0
}
