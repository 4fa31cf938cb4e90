package oracle

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// BenchmarkInMemory moves bytes over one connection between two stacks of the
// same kind that are joined in memory, at MTU 1500 with checksums made and
// verified: ours over a Pipe, gVisor's over a pipe of its own, the one through
// stdnet and the other through gonet. It reports medians of alternating runs in
// Gbit/s, ns per data segment of wall time (both stacks and the ACKs), and the
// ratio. stack/host's BenchmarkSegment is the same without locks and goroutines.
//
//	go test -run '^$' -bench InMemory ./stack/oracle
func BenchmarkInMemory(b *testing.B) {
	got := map[string][]float64{}
	for range bulkRuns {
		for name, open := range map[string]func(testing.TB) (client, server net.Conn){"ours": ourEnds, "gvisor": gvisorEnds} {
			r := &run{TB: b}
			from, to := open(r)
			got[name] = append(got[name], measure(r, from, to))
			r.end()
		}
	}
	for name, v := range got {
		b.ReportMetric(median(v), name+"-Gbit/s")
		b.ReportMetric((mtu-52)*8/median(v), name+"-ns/segment")
	}
	b.ReportMetric(median(got["ours"])/median(got["gvisor"]), "ours/gvisor")
	b.ReportMetric(0, "ns/op")
}

// ourEnds returns the two ends of a connection between two of our stacks.
func ourEnds(t testing.TB) (client, server net.Conn) {
	var nets []*stdnet.Net
	near, far := link.NewPipe(link.Features{MTU: mtu}, 4096)
	for i, l := range []link.Link{near, far} {
		s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{[]netip.Prefix{ourPrefix, gvisorPrefix}[i]}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		nets = append(nets, stdnet.New(s))
	}
	l, err := nets[1].Listen("tcp", kernelAt.String())
	require.NoError(t, err)
	return pairOf(t, l, func(ctx context.Context) (net.Conn, error) {
		return nets[0].DialContext(ctx, "tcp", kernelAt.String())
	})
}

// gvisorEnds returns the two ends of a connection between two of gVisor's.
func gvisorEnds(t testing.TB) (client, server net.Conn) {
	near, far := pipe.New("\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", mtu)
	a := newGvisor(t, segmenting{near}, ourPrefix, false)
	z := newGvisor(t, segmenting{far}, gvisorPrefix, false)
	return pairOf(t, gvisorListen(t, z, kernelAt), func(ctx context.Context) (net.Conn, error) {
		return gvisorDial(ctx, a, kernelAt)
	})
}

// segmenting lets gVisor's TCP make large segments, which it cuts itself before
// they reach the link: faster than one by one.
type segmenting struct{ *pipe.Endpoint }

func (segmenting) SupportedGSO() gstack.SupportedGSO { return gstack.GVisorGSOSupported }
func (segmenting) GSOMaxSize() uint32                { return gstack.GVisorGSOMaxSize }

// pairOf connects, and closes both ends with the test.
func pairOf(t testing.TB, l net.Listener, dial func(context.Context) (net.Conn, error)) (client, server net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, server = connect(ctx, t, l, dial)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		_ = l.Close()
	})
	return client, server
}

// measure sends for bulkTime and counts what was read by then, in Gbit/s.
func measure(t testing.TB, from, to net.Conn) float64 {
	until := time.Now().Add(bulkTime)
	require.NoError(t, from.SetWriteDeadline(until))
	require.NoError(t, to.SetReadDeadline(until))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		block := make([]byte, 256<<10)
		for {
			if _, err := from.Write(block); err != nil {
				return
			}
		}
	}()
	start, n := time.Now(), 0
	block := make([]byte, 256<<10)
	for {
		k, err := to.Read(block)
		n += k
		if err != nil {
			require.NotErrorIs(t, err, io.EOF)
			break
		}
	}
	took := time.Since(start)
	<-sent
	return float64(n) * 8 / took.Seconds() / 1e9
}
