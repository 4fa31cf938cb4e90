package host

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// BenchmarkSeries shows that what a packet, a timer, or a connection costs does not
// grow with how many others there are. What is left of a slope is the processor's
// cache, and the logarithm of the heap of deadlines.
//
//	go test -run '^$' -bench Series ./stack/tcp ./stack/host
func BenchmarkSeries(b *testing.B) {
	for _, row := range []struct {
		name string
		run  func(b *testing.B, n int)
	}{
		{"Request/connections", seriesRequests}, {"Timer/connections", seriesTimers},
		{"Open-close/connections", seriesCycles}, {"UDP/connected", seriesUDP}, {"UDP-open/connected", seriesOpenUDP},
	} {
		for _, n := range []int{1, 100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s=%d", row.name, n), func(b *testing.B) { row.run(b, n) })
		}
	}
}

// crowd has n connections from a to b, over as many ports of b's as it takes.
func crowd(b *testing.B, n int) (w *world, mine, theirs []Handle) {
	w = newWorld(b, func(c *Config) { c.Memory = 1 << 30 })
	var l Handle
	var to netip.AddrPort
	for i := range n {
		if i%20_000 == 0 {
			port := uint16(80 + i/20_000)
			l = w.bound(w.b, Stream, anyAddress, port)
			require.NoError(b, w.b.Listen(w.now, l, 16))
			to = netip.AddrPortFrom(addrB, port)
		}
		c := w.open(w.a, Stream)
		require.Equal(b, ErrInProgress, w.a.Connect(w.now, c, to))
		w.flush()
		s, err := w.b.Accept(w.now, l)
		require.NoError(b, err)
		mine, theirs = append(mine, c), append(theirs, s)
		w.drainNews()
	}
	w.run(10 * time.Second)
	return w, mine, theirs
}

// someOf goes through n things in an order that no prefetcher guesses.
func someOf(n int) func() int {
	x := uint64(1)
	return func() int {
		x = x*6364136223846793005 + 1442695040888963407
		return int(x>>33) % n
	}
}

// seriesRequests exchanges a byte and its answer on one of n connections.
func seriesRequests(b *testing.B, n int) {
	w, mine, theirs := crowd(b, n)
	next, p := someOf(n), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		i := next()
		w.a.Send(w.now, mine[i], p[:1])
		w.flush()
		w.b.Recv(w.now, theirs[i], p, 0)
		w.b.Send(w.now, theirs[i], p[:1])
		w.flush()
		if m, err := w.a.Recv(w.now, mine[i], p, 0); m != 1 || err != nil {
			b.Fatal(m, err)
		}
		w.drainNews()
		w.now = w.now.Add(time.Microsecond)
	}
}

// seriesTimers lets one timer of n go off, and starts it again.
func seriesTimers(b *testing.B, n int) {
	w, mine, _ := crowd(b, n)
	for i, s := range mine {
		require.NoError(b, w.a.SetAlarm(s, AlarmRead, w.now.Add(time.Duration(i+1)*time.Millisecond)))
	}
	b.ReportAllocs()
	for b.Loop() {
		w.now = w.a.Deadline()
		w.a.Expire(w.now)
		for _, r := range w.a.Events() {
			w.a.SetAlarm(r.Socket, AlarmRead, w.now.Add(time.Duration(n)*time.Millisecond))
		}
	}
	require.NotEqual(b, clock.Never, w.a.Deadline())
}

// seriesCycles opens and closes a connection beside n others.
func seriesCycles(b *testing.B, n int) {
	w, _, _ := crowd(b, n)
	l := w.bound(w.b, Stream, anyAddress, 7)
	require.NoError(b, w.b.Listen(w.now, l, 16))
	to := netip.AddrPortFrom(addrB, 7)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := w.open(w.a, Stream)
		w.a.Connect(w.now, c, to)
		w.flush()
		s, err := w.b.Accept(w.now, l)
		if err != nil {
			b.Fatal(err)
		}
		w.part(c, s, i%2 == 0)
		w.drainNews()
		w.now = w.now.Add(100 * time.Microsecond) // and a TIME-WAIT is used again after a second
		w.a.Expire(w.now)
		w.b.Expire(w.now)
	}
}

// seriesUDP receives a datagram for one of n connected sockets on one port.
func seriesUDP(b *testing.B, n int) {
	w, socks, packets := udpCrowd(b, n)
	next, p := someOf(n), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		i := next()
		w.a.Input(w.now, packet(packets[i]))
		if m, err := w.a.Recv(w.now, socks[i], p, 0); m != 1 || err != nil {
			b.Fatal(m, err)
		}
		w.drainNews()
	}
}

// seriesOpenUDP receives one for the socket on the same port that is not connected.
func seriesOpenUDP(b *testing.B, n int) {
	w, socks, _ := udpCrowd(b, n)
	raw, p := rawUDP(addrB, addrA, 9, 53, []byte{1}), make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		w.a.Input(w.now, packet(raw))
		if m, err := w.a.Recv(w.now, socks[n], p, 0); m != 1 || err != nil {
			b.Fatal(m, err)
		}
		w.drainNews()
	}
}

// udpCrowd has n sockets of a on port 53, each connected to another peer, the
// last one open, and a datagram for each.
func udpCrowd(b *testing.B, n int) (w *world, socks []Handle, packets [][]byte) {
	w = newWorld(b, func(c *Config) { c.Memory = 1 << 30 })
	for i := range n + 1 {
		s := w.open(w.a, Datagram)
		require.NoError(b, w.a.SetOptions(w.now, s, Options{ReuseAddr: true}))
		e := w.a.lookup(s)
		e.fixedPort = true
		w.a.bind(e, netip.AddrPortFrom(anyAddress, 53)) // Bind looks at all others
		socks = append(socks, s)
		if i < n {
			peer := netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i%200)})
			port := uint16(1000 + i/200)
			require.NoError(b, w.a.Connect(w.now, s, netip.AddrPortFrom(peer, port)))
			packets = append(packets, rawUDP(peer, addrA, port, 53, []byte{1}))
		}
	}
	return w, socks, packets
}
