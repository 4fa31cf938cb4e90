package host

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdleConnection reports the bytes of heap that one established
// connection without data takes on one host, everything counted: connection,
// socket, table entries, timers.
func BenchmarkIdleConnection(b *testing.B) {
	const conns = 20000
	for b.Loop() {
		w := newWorld(b)
		l := w.listen(w.a, conns)
		before := heap()
		for range conns {
			c := w.bound(w.b, Stream, netip.Addr{}, 0)
			require.Equal(b, ErrInProgress, w.b.Connect(w.now, c, netip.AddrPortFrom(addrA, 80)))
			w.flush()
			_, err := w.a.Accept(w.now, l)
			require.NoError(b, err)
			w.drainNews()
		}
		b.ReportMetric(float64(heap()-before)/(2*conns), "B/conn")
		runtime.KeepAlive(w)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSegment moves bytes between two hosts in memory at MTU 1500 with
// checksums: the time and the allocations of one data segment, both hosts and
// the ACKs included.
func BenchmarkSegment(b *testing.B) {
	w := newWorld(b)
	l := w.listen(w.a, 1)
	c := w.bound(w.b, Stream, netip.Addr{}, 0)
	require.Equal(b, ErrInProgress, w.b.Connect(w.now, c, netip.AddrPortFrom(addrA, 80)))
	w.flush()
	s, err := w.a.Accept(w.now, l)
	require.NoError(b, err)
	const mss, burst = 1448, 44
	block, sink := make([]byte, burst*mss), make([]byte, 1<<20)
	b.ReportAllocs()
	b.SetBytes(mss)
	segments := 0
	for b.Loop() {
		if segments++; segments%burst != 0 {
			continue
		}
		if _, err := w.b.Send(w.now, c, block); err != nil {
			b.Fatal(err)
		}
		w.flush()
		if n, err := w.a.Recv(w.now, s, sink, 0); err != nil || n != len(block) {
			b.Fatal(n, err)
		}
		w.now = w.now.Add(1000)
	}
}
