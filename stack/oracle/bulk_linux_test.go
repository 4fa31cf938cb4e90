package oracle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// bulkTime is how long one measured transfer lasts; bulkRuns how many of each
// contestant there are, in turn, of which the median counts.
const (
	bulkTime = 2 * time.Second
	bulkRuns = 3
)

// kernelAt is where the kernel's side listens.
var kernelAt = netip.AddrPortFrom(gvisorPrefix.Addr(), 5001)

// BenchmarkBulk moves bytes over one connection at MTU 1500 between each
// contestant and the kernel of a network namespace: ours and gVisor over a
// plain TUN and over one with offloads, the kernel over veth with offloads off. It
// reports medians of alternating runs in Gbit/s and ours as ratios of gVisor's.
// The device's ceiling is measured by the command bench.
//
//	go test -run '^$' -bench Bulk ./stack/oracle
func BenchmarkBulk(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, up := range []bool{true, false} {
		name := map[bool]string{true: "up", false: "down"}[up]
		b.Run(name, func(b *testing.B) {
			contest(b, "Gbit/s", func(tb testing.TB, open func(testing.TB) dialer) float64 {
				return bulk(tb, open, up)
			})
		})
	}
}

// contest lets the contestants run in turn and reports their medians in unit,
// and ours as a ratio of gVisor's.
func contest(b *testing.B, unit string, once func(testing.TB, func(testing.TB) dialer) float64) {
	contestants := []struct {
		name string
		open func(testing.TB) dialer
	}{
		{"ours", overPlainTUN}, {"gvisor", gvisorOverTUN}, {"kernel", overVeth}, {"ours-offload", overTUN}, {"gvisor-offload", gvisorOverVnet},
	}
	results := make(map[string][]float64)
	for range bulkRuns {
		for _, c := range contestants {
			r := &run{TB: b}
			results[c.name] = append(results[c.name], once(r, c.open))
			r.end()
		}
	}
	for _, c := range contestants {
		b.ReportMetric(median(results[c.name]), c.name+"-"+unit)
	}
	b.ReportMetric(median(results["ours"])/median(results["gvisor"]), "ours/gvisor")
	b.ReportMetric(median(results["ours-offload"])/median(results["gvisor-offload"]), "offload-ours/gvisor")
	b.ReportMetric(0, "ns/op")
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// A dialer is one contestant, set up: it connects to the kernel's side, which
// lives in peer.
type dialer struct {
	peer *setup.NetNS
	dial func(ctx context.Context) (net.Conn, error)
}

// A run is a testing.TB whose clean-ups happen at its own end: the contestants
// take turns within one benchmark, and each finds the machine empty.
type run struct {
	testing.TB
	undo []func()
}

func (r *run) Cleanup(f func()) { r.undo = append(r.undo, f) }

func (r *run) end() {
	for _, f := range slices.Backward(r.undo) {
		f()
	}
}

// bulk moves bytes for bulkTime and returns the rate in Gbit/s.
func bulk(b testing.TB, open func(testing.TB) dialer, up bool) float64 {
	d := open(b)
	l := kernelListener(b, d.peer)
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, server := connect(ctx, b, l, d.dial)
	defer client.Close()
	defer server.Close()
	kernelBest(b, client)
	kernelBest(b, server)
	from, to := client, server
	if !up {
		from, to = server, client
	}
	return measure(b, from, to)
}

// kernelListener listens at kernelAt in a namespace.
func kernelListener(t testing.TB, ns *setup.NetNS) (l net.Listener) {
	require.NoError(t, ns.Do(func() (err error) {
		config := net.ListenConfig{Control: useCUBIC}
		l, err = config.Listen(context.Background(), "tcp4", kernelAt.String())
		return err
	}))
	return l
}

// useCUBIC gives a socket of the kernel's CUBIC, whatever the machine's default, before
// it has a connection: one that began with BBR stays paced by a timer.
func useCUBIC(_, _ string, raw syscall.RawConn) error {
	var err error
	cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
	})
	return errors.Join(err, cerr)
}

// kernelBest lets a socket, where it is the kernel's, sleep until there is much to
// read: a sink that wakes for each segment would be what is measured.
func kernelBest(t testing.TB, c net.Conn) {
	kernels, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := kernels.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, 128<<10)
	}))
}

// newNS returns a network namespace with loopback up.
func newNS(t testing.TB) *setup.NetNS {
	t.Helper()
	ns, err := setup.NewNetNS()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
}

// kernelSide brings the kernel's end of device name up in the calling namespace.
func kernelSide(name string, prefix netip.Prefix) error {
	for _, step := range []func() error{
		func() error { return setup.SetTxQueueLen(name, 10000) },
		func() error { return setup.AddAddr(name, prefix) },
		func() error { return setup.SetUp(name) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func overPlainTUN(t testing.TB) dialer { return ourDialer(t, true) }

func overTUN(t testing.TB) dialer { return ourDialer(t, false) }

func ourDialer(t testing.TB, plain bool) dialer {
	ns := newNS(t)
	var dev *tun.Device
	require.NoError(t, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "bench0", Plain: plain}); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n := stdnet.New(s)
	return dialer{ns, func(ctx context.Context) (net.Conn, error) {
		return n.DialContext(ctx, "tcp", kernelAt.String())
	}}
}

func gvisorOverTUN(t testing.TB) dialer {
	ns := newNS(t)
	fd := -1
	require.NoError(t, ns.Do(func() (err error) {
		if fd, err = rawTUN("bench0"); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	ep, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: mtu, PacketDispatchMode: fdbased.Readv, IsPacketSocket: []bool{false}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Close(fd)) }) // runs after the stack's own
	s := newGvisor(t, ep, ourPrefix, false)
	return dialer{ns, func(ctx context.Context) (net.Conn, error) { return gvisorDial(ctx, s, kernelAt) }}
}

// rawTUN opens a plain TUN and returns its descriptor, which is all that gVisor wants.
func rawTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return -1, err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("TUNSETIFF %s: %w", name, err)
	}
	return fd, nil
}
