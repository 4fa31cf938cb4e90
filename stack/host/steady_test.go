package host

import (
	"crypto/sha256"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	data, buf := pattern(20000), make([]byte, 65536)
	bulk := func() {
		w.a.Send(w.now, c, data)
		w.now = w.now.Add(time.Millisecond)
		w.run(time.Millisecond)
		w.b.Recv(w.now, s, buf, 0)
		w.b.Send(w.now, s, data[:100])
		w.run(time.Millisecond)
		w.a.Recv(w.now, c, buf, 0)
		w.a.Events()
		w.b.Events()
	}
	srv, cl := w.bound(w.b, Datagram, anyAddress, 7), w.bound(w.a, Datagram, anyAddress, 8)
	ping := w.open(w.a, Echo)
	request := append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, pattern(4000)...)
	datagrams := func() {
		w.a.SendTo(w.now, cl, data[:1000], netip.AddrPortFrom(addrB, 7))
		w.a.SendTo(w.now, ping, request, netip.AddrPortFrom(addrB, 0))
		w.run(time.Millisecond)
		w.b.Recv(w.now, srv, buf, 0)
		w.a.Recv(w.now, ping, buf, 0)
		w.a.Events()
		w.b.Events()
	}
	loop := w.bound(w.a, Datagram, loopback, 9)
	local := func() {
		w.a.SendTo(w.now, loop, data[:1000], netip.AddrPortFrom(loopback, 9))
		w.run(time.Millisecond)
		w.a.Recv(w.now, loop, buf, 0)
		w.a.Events()
	}
	refused := func() {
		answers0(w.a, w.now, rawSegment, w.out[:])
	}
	var reader tcp.Reader
	spans := func() {
		room, _ := w.a.SendSpan(w.now, c, 20000)
		n := copy(room[0], data) + copy(room[1], data)
		w.a.SendCommit(w.now, c, n)
		reader = tcp.Reader{Buf: buf[:n/2]} // the other half goes to the ring
		w.b.RecvInto(w.now, s, &reader)
		w.now = w.now.Add(time.Millisecond)
		w.run(time.Millisecond)
		w.b.RecvInto(w.now, s, nil)
		for left := n - reader.N; left > 0; {
			lent, _ := w.b.RecvSpan(w.now, s, 20000)
			left -= len(lent[0]) + len(lent[1])
			w.b.RecvCommit(w.now, s, len(lent[0])+len(lent[1]))
		}
		w.a.Events()
		w.b.Events()
	}
	for name, f := range map[string]func(){"stream": bulk, "spans": spans, "datagrams and fragments": datagrams, "to ourselves": local, "refused": refused} {
		for range 200 {
			f()
		}
		require.Zero(t, testing.AllocsPerRun(200, f), name)
	}
}

// rawSegment is an ACK for a port where nobody listens.
var rawSegment = func() []byte {
	b := make([]byte, 20)
	b[1], b[3], b[12], b[13] = 5, 99, 5<<4, 0x10
	return b
}()

func answers0(h *Host, now clock.Instant, segment []byte, out []link.Packet) {
	h.inputTCP(now, &datagram{ip: wireHeader, payload: segment, done: true})
	h.Transmit(now, out)
}

func TestConnectionsAllocateNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TCP.MSL = time.Millisecond })
	l := w.listen(w.b, 5)
	to := netip.AddrPortFrom(addrB, 80)
	cycle := func() {
		c, _ := w.a.Open(w.now, Stream)
		w.a.Connect(w.now, c, to)
		w.run(time.Millisecond)
		s, err := w.b.Accept(w.now, l)
		if err != nil {
			t.Fatal(err)
		}
		w.a.Close(w.now, c)
		w.run(time.Millisecond)
		w.b.Close(w.now, s)
		w.run(5 * time.Millisecond)
		w.a.Events()
		w.b.Events()
	}
	for range 100 {
		cycle()
	}
	require.Zero(t, testing.AllocsPerRun(100, cycle))
	require.Empty(t, w.a.Sockets(nil))
	require.Len(t, w.b.Sockets(nil), 1)
	w.quiesce()
}

// Timers, and controllers that rest and wake, allocate nothing.
func TestTimersAllocateNothing(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	var buf [16]byte
	alarm := func() {
		w.a.SetAlarm(c, AlarmRead, w.now.Add(time.Millisecond))
		w.run(2 * time.Millisecond)
		w.drainNews()
	}
	wake := func() {
		w.a.Send(w.now, c, buf[:1]) // a delayed ACK, a controller
		w.run(5 * time.Second)
		w.b.Recv(w.now, s, buf[:], 0)
		w.drainNews()
	}
	lost := func() {
		w.a.Send(w.now, c, buf[:1])
		w.lose = func(*Host, []byte) bool { return true }
		w.flush()
		w.lose = nil
		w.run(5 * time.Second) // the retransmission
		w.b.Recv(w.now, s, buf[:], 0)
		w.drainNews()
	}
	for name, f := range map[string]func(){"an alarm": alarm, "a delayed ACK, and rest": wake, "a retransmission": lost} {
		for range 50 {
			f()
		}
		require.False(t, name != "an alarm" && w.a.env.Awake(), name)
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

// journey runs a fixed story and returns the hash of every packet of it.
func journey(t *testing.T, seed byte) [32]byte {
	f := link.Features{MTU: 1500}
	log := trace.NewLog(1 << 16)
	w := &world{t: t, now: start, a: newHost(t, seed, "192.0.2.1/24", f, func(c *Config) { c.Trace = log }), b: newHost(t, seed+1, "192.0.2.2/24", f)}
	sum := sha256.New()
	n := 0
	w.seen = func(_ *Host, p []byte) { sum.Write(p); n++ }
	w.lose = func(*Host, []byte) bool { return n%23 == 7 }
	c, s := w.pair()
	w.pump(c, s, pattern(200000), pattern(100000))
	ping := w.open(w.a, Echo)
	_, err := w.a.SendTo(w.now, ping, append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, pattern(4000)...), netip.AddrPortFrom(addrB, 0))
	require.NoError(t, err)
	for range 30 {
		w.dial(w.a, addrB)
		w.run(100 * time.Millisecond)
	}
	w.run(time.Minute)
	evs, lost := log.Take(nil)
	require.Zero(t, lost)
	require.NotEmpty(t, evs)
	w.quiesce()
	return [32]byte(sum.Sum(nil))
}

func TestDeterminism(t *testing.T) {
	require.Equal(t, journey(t, 3), journey(t, 3), "the same seed: the same packets, byte for byte")
	require.NotEqual(t, journey(t, 3), journey(t, 5))
}

func TestOffloadedSegments(t *testing.T) {
	f := link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}
	w := &world{t: t, now: start, a: newHost(t, 1, "192.0.2.1/24", f), b: newHost(t, 2, "192.0.2.2/24", f)}
	c, s := w.pair()
	largest := 0
	w.seen = func(_ *Host, p []byte) { largest = max(largest, len(p)) }
	w.pump(c, s, pattern(4<<20), nil)
	require.Greater(t, largest, 1500, "super-segments")
	w.a.SetFeatures(w.now, link.Features{MTU: 1000})
	largest = 0
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			largest = max(largest, len(p))
		}
	}
	w.pump(c, s, pattern(1<<20), nil)
	require.Equal(t, 1000, largest)
	w.quiesce()
}

// What the Budget is charged for an idle connection, and what it takes, is less
// than the 1 KiB of which stack.Socket needs a tenth.
func TestIdleConnectionIsSmall(t *testing.T) {
	const conns, most = 1000, 912                            // what is kept for later, scoreboards with their rates above all, is in it
	w := newWorld(t, func(c *Config) { c.Memory = 4 << 20 }) // few controllers are kept for later
	l := w.listen(w.b, 16)
	used, before := w.b.budget.Used(), heap()
	for range conns {
		c, s := w.join(l)
		w.a.Send(w.now, c, []byte("one byte and its answer wake the controllers"))
		w.flush()
		w.recv(w.b, s)
		w.b.Events()
		w.a.Events()
	}
	w.run(10 * time.Second)
	require.LessOrEqual(t, (w.b.budget.Used()-used)/conns, most)
	require.LessOrEqual(t, int(heap()-before)/(2*conns), most)
	require.False(t, w.a.env.Awake())
	require.Equal(t, clock.Never, w.a.Deadline(), "nothing is left to do")
	w.quiesce()
}
