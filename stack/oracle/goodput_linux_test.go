package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// The path of a goodput comparison: 20 ms there and back, and a bottleneck of
// 100 Mbit/s whose queue holds one bandwidth-delay product.
const (
	goodputTime = 10 * time.Second
	pathDelay   = 10 * time.Millisecond // each way
	pathRate    = 100e6 / 8             // bytes per second
	pathQueue   = 250_000               // bytes: 100 Mbit/s * 20 ms
	lateBy      = 3 * time.Millisecond
	sendBuffer  = 16 << 20 // bytes at most, of each contestant
)

// A goodputCell is one row of the table: what happens to the data. ACKs are
// only delayed. The fewer bytes a row moves the more it depends on which packet
// is lost: it has more seeds, of which some are run at the same time.
type goodputCell struct {
	name            string
	data            link.Faults
	seeds, together int
}

func goodputCells() []goodputCell {
	bounded := func(f link.Faults) link.Faults {
		f.Delay, f.Rate, f.Queue = pathDelay, pathRate, pathQueue
		return f
	}
	return []goodputCell{
		{"loss=0", bounded(link.Faults{}), 3, 1},
		{"loss=0.1%", bounded(link.Faults{Loss: .001}), 24, 2},
		{"loss=1%", bounded(link.Faults{Loss: .01}), 16, 4},
		{"loss=5%", bounded(link.Faults{Loss: .05}), 32, 8},
		{"late=1%", bounded(link.Faults{Reorder: .01, ReorderDelay: lateBy}), 5, 1},
		{"unlimited", link.Faults{Delay: pathDelay}, 3, 0},
		{"unlimited,loss=1%", link.Faults{Delay: pathDelay, Loss: .01}, 3, 0},
		{"unlimited,late=1%", link.Faults{Delay: pathDelay, Reorder: .01, ReorderDelay: lateBy}, 3, 0},
	}
}

// BenchmarkGoodput lets ours, gVisor and the kernel send for ten seconds to the
// kernel of a network namespace, each through a link.Impair of its own with
// the same seed: 20 ms there and back, 100 Mbit/s with a queue of one
// bandwidth-delay product (or no bound), and random loss or packets that are
// 3 ms late. Each runs CUBIC and NewReno, and BBR but for gVisor, which has none.
// On the bounded path they run at the same time, else in turn. It reports medians over the seeds in Mbit/s, and
// ours as a ratio of the others'.
//
//	go test -run '^$' -bench Goodput -benchtime 1x -timeout 1h ./stack/oracle
func BenchmarkGoodput(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, algorithm := range []string{"cubic", "reno", "bbr"} {
		for _, cell := range goodputCells() {
			b.Run(algorithm+"/"+cell.name, func(b *testing.B) { goodputContest(b, algorithm, cell) })
		}
	}
}

// goodputContest measures one cell with every seed and reports the medians.
func goodputContest(b *testing.B, algorithm string, cell goodputCell) {
	var mu sync.Mutex
	got := map[string][]float64{}
	var all sync.WaitGroup
	contestants := contestants
	if algorithm == "bbr" {
		contestants = []string{"ours", "kernel"}
	}
	slots := make(chan struct{}, max(cell.together*len(contestants), 1))
	for seed := range uint64(cell.seeds) {
		for _, who := range contestants {
			slots <- struct{}{}
			all.Go(func() {
				r := &run{TB: b}
				v := goodput(r, who, algorithm, cell.data, seed)
				r.end()
				mu.Lock()
				got[who] = append(got[who], v)
				mu.Unlock()
				<-slots
			})
		}
	}
	all.Wait()
	for _, who := range contestants {
		b.ReportMetric(median(got[who]), who+"-Mbit/s")
		b.Logf("%s: mean %.1f of %.1f", who, mean(got[who]), got[who])
	}
	for _, who := range contestants[1:] {
		b.ReportMetric(median(got["ours"])/median(got[who]), "ours/"+who)
		b.ReportMetric(mean(got["ours"])/mean(got[who]), "mean-ours/"+who)
	}
	b.ReportMetric(0, "ns/op")
}

// goodput sends for goodputTime and returns what the kernel's program has read, in Mbit/s.
func goodput(t testing.TB, who, algorithm string, data link.Faults, seed uint64) float64 {
	sink := newNS(t)
	far := kernelTUN(t, sink, gvisorPrefix)
	dial := contestant(t, who, algorithm, newShuttle(t, far, data, link.Faults{Delay: pathDelay}, seed))
	var l net.Listener
	require.NoError(t, sink.Do(func() (err error) {
		l, err = net.Listen("tcp4", kernelAt.String())
		return err
	}))
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, server := connect(ctx, t, l, dial)
	defer server.Close()
	defer client.Close()
	return feed(t, client, server)
}

// feed writes to from for goodputTime and returns the rate at which to has read
// by then, in Mbit/s.
func feed(t testing.TB, from, to net.Conn) float64 {
	start := time.Now()
	until := start.Add(goodputTime)
	require.NoError(t, from.SetWriteDeadline(until))
	require.NoError(t, to.SetReadDeadline(until))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		block := make([]byte, 64<<10)
		for {
			if _, err := from.Write(block); err != nil {
				return
			}
		}
	}()
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{to}, make([]byte, 256<<10))
	took := time.Since(start)
	var timeout net.Error
	require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "the transfer ended early: %v", err)
	<-sent
	return float64(n) * 8 / took.Seconds() / 1e6
}

var contestants = []string{"ours", "gvisor", "kernel"}

// contestant puts who at the near end of the path and returns how it connects
// to the sink.
func contestant(t testing.TB, who, algorithm string, path *shuttle) func(context.Context) (net.Conn, error) {
	switch who {
	case "ours":
		control, ok := congestion.Find(algorithm)
		require.True(t, ok, algorithm)
		s, err := stack.New(stack.Config{Link: path.link(), Prefixes: []netip.Prefix{ourPrefix}, TCP: tcp.Config{Congestion: control, MaxSendBuffer: sendBuffer}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		n := stdnet.New(s)
		return func(ctx context.Context) (net.Conn, error) {
			return n.DialContext(ctx, "tcp", kernelAt.String())
		}
	case "gvisor":
		s := newGvisor(t, path.endpoint(), ourPrefix, false)
		o := tcpip.CongestionControlOption(algorithm)
		require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &o))
		return func(ctx context.Context) (net.Conn, error) { return gvisorDial(ctx, s, kernelAt) }
	case "kernel":
		return kernelSender(t, algorithm, path, ourPrefix)
	}
	panic(fmt.Sprintf("no contestant %q", who))
}

// kernelSender puts the kernel of another namespace at the near end.
func kernelSender(t testing.TB, algorithm string, path *shuttle, prefix netip.Prefix) func(context.Context) (net.Conn, error) {
	ns := newNS(t)
	require.NoError(t, ns.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/tcp_wmem", fmt.Appendf(nil, "4096 16384 %d", sendBuffer), 0)
	}))
	path.device(t, kernelTUN(t, ns, prefix))
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, algorithm)
		})
		return err
	}}
	return func(ctx context.Context) (c net.Conn, err error) {
		err = ns.Do(func() (err error) {
			c, err = d.DialContext(ctx, "tcp4", kernelAt.String())
			return err
		})
		return c, err
	}
}

// kernelTUN gives the kernel of a namespace an address behind a TUN of which
// the other end is returned.
func kernelTUN(t testing.TB, ns *setup.NetNS, prefix netip.Prefix) (dev *tun.Device) {
	require.NoError(t, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "path0", Plain: true}); err != nil { // plain: each segment is lost alone
			return err
		}
		return kernelSide("path0", prefix)
	}))
	return dev
}
