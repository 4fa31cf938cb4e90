package link

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

const ms = time.Millisecond

// An arrival is a packet that came out of an Impair: when, and which.
type arrival struct {
	At clock.Instant
	ID uint32
}

// send puts n packets of size bytes into m, one every gap, beginning at time 1,
// takes out what arrives, and returns it.
func send(t *testing.T, m *Impair, n, size int, gap time.Duration) []arrival {
	t.Helper()
	var got []arrival
	out := make([]Packet, 3)
	drain := func(until clock.Instant) {
		for m.Deadline().Due(until) {
			at := m.Deadline()
			require.Zero(t, m.Take(at-1, out), "never early")
			for _, p := range out[:m.Take(at, out)] {
				require.Len(t, p.Head, size)
				got = append(got, arrival{at, binary.BigEndian.Uint32(p.Head)})
			}
		}
	}
	b := make([]byte, size)
	now := clock.Instant(1)
	for i := range n {
		drain(now)
		binary.BigEndian.PutUint32(b, uint32(i))
		m.Put(now, &Packet{Head: b[:2], Body: [2][]byte{b[2:3], b[3:]}})
		now = now.Add(gap)
	}
	drain(1 << 62)
	require.Equal(t, clock.Never, m.Deadline())
	require.Zero(t, m.held)
	return got
}

func TestImpairWithoutFaultsCarriesAtOnce(t *testing.T) {
	got := send(t, NewImpair(Faults{}, 1), 100, 50, ms)
	require.Len(t, got, 100)
	for i, a := range got {
		require.Equal(t, arrival{clock.Instant(1).Add(time.Duration(i) * ms), uint32(i)}, a)
	}
}

func TestImpairDelayAndRate(t *testing.T) {
	// 1000 bytes at 100 kB/s take 10 ms each; all are offered at once.
	m := NewImpair(Faults{Delay: 5 * ms, Rate: 100_000, Queue: 3000}, 1)
	got := send(t, m, 10, 1000, 0)
	require.Equal(t, []arrival{
		{clock.Instant(1).Add(15 * ms), 0},
		{clock.Instant(1).Add(25 * ms), 1},
		{clock.Instant(1).Add(35 * ms), 2},
	}, got)
	require.EqualValues(t, 7, m.Stats().Overflow)
}

func TestImpairProbabilities(t *testing.T) {
	const n = 20000
	m := NewImpair(Faults{Loss: 0.1, Duplicate: 0.05, Corrupt: 0.02, Reorder: 0.03, ReorderDelay: 10 * ms}, 42)
	got := send(t, m, n, 8, ms)
	s := m.Stats()
	near := func(name string, count uint64, p float64) {
		require.InDelta(t, p*n, float64(count), 0.2*p*n, name)
	}
	near("lost", s.Lost, 0.1)
	near("duplicated", s.Duplicated, 0.05*0.9)
	near("corrupted", s.Corrupted, 0.02*0.9)
	near("reordered", s.Reordered, 0.03*0.9)
	require.EqualValues(t, n, s.Packets)
	require.EqualValues(t, n-s.Lost+s.Duplicated, len(got))
	late := 0
	for i := 1; i < len(got); i++ {
		if got[i].ID < got[i-1].ID {
			late++
		}
	}
	require.Positive(t, late, "later packets overtake")
}

func TestImpairJitterKeepsOrder(t *testing.T) {
	got := send(t, NewImpair(Faults{Delay: 20 * ms, Jitter: 15 * ms}, 3), 500, 8, ms)
	require.Len(t, got, 500)
	for i, a := range got {
		require.EqualValues(t, i, a.ID)
		sent := clock.Instant(1).Add(time.Duration(i) * ms)
		require.GreaterOrEqual(t, a.At.Sub(sent), 20*ms)
		require.LessOrEqual(t, a.At.Sub(sent), 35*ms)
	}
}

func TestImpairCorruptFlipsOneBit(t *testing.T) {
	for _, done := range []bool{false, true} {
		m := NewImpair(Faults{Corrupt: 1}, 5)
		b := tcpPacket(100, 0)
		m.Put(1, &Packet{Head: b, CsumDone: done})
		require.Equal(t, tcpPacket(100, 0), b, "the sender's bytes stay as they are")
		out := make([]Packet, 1)
		require.Equal(t, 1, m.Take(1, out))
		require.False(t, out[0].CsumDone, "nobody vouches for it any more")
		if !done {
			flipped := 0
			for i := range b {
				flipped += bits.OnesCount8(b[i] ^ out[0].Head[i])
			}
			require.Equal(t, 1, flipped)
			continue
		}
		// The device filled the checksum before the path did its damage, so
		// that the receiver can find it.
		good := Packet{Head: tcpPacket(100, 0), CsumDone: true}
		tap := NewTap(1 << 10)
		tap.Put(1, Out, 0, 0, &good)
		r, _ := tap.Take()
		flipped := 0
		for i := range b {
			flipped += bits.OnesCount8(r[0].Data[i] ^ out[0].Head[i])
		}
		require.Equal(t, 1, flipped)
	}
}

func TestImpairSameSeedSameFaults(t *testing.T) {
	f := Faults{Loss: 0.2, Duplicate: 0.1, Corrupt: 0.1, Reorder: 0.2, Delay: ms, Jitter: 5 * ms, ReorderDelay: 9 * ms}
	a := send(t, NewImpair(f, 7), 300, 64, ms/3)
	require.Equal(t, a, send(t, NewImpair(f, 7), 300, 64, ms/3))
	require.NotEqual(t, a, send(t, NewImpair(f, 8), 300, 64, ms/3))
	// A value from one machine must hold on every other.
	require.Equal(t, arrival{3971730, 0}, a[0])
	require.Len(t, a, 267)
}

func TestImpairIsBounded(t *testing.T) {
	m := NewImpair(Faults{Delay: time.Hour, Hold: 10_000}, 1)
	p := packet(1000, 1)
	for range 100 {
		m.Put(1, &p)
	}
	require.EqualValues(t, 90, m.Stats().Overflow)
	require.Equal(t, 10_000, m.held)
}

func TestImpairBadProbabilitiesAndTimes(t *testing.T) {
	m := NewImpair(Faults{Loss: 1, Duplicate: 7, Corrupt: -1}, 1)
	p := packet(10, 1)
	m.Put(1, &p)
	require.EqualValues(t, 1, m.Stats().Lost)
	m.SetFaults(Faults{Loss: -3, Duplicate: 2, Delay: -time.Hour, Jitter: -1, Rate: -1, Queue: -1})
	m.Put(5, &p)
	require.Equal(t, clock.Instant(5), m.Deadline(), "no packet arrives before it was sent")
	require.Equal(t, 2, m.Take(5, make([]Packet, 3)))
}

func TestImpairSteadyStateAllocatesNothing(t *testing.T) {
	m := NewImpair(Faults{Loss: 0.1, Duplicate: 0.1, Corrupt: 0.1, Reorder: 0.3, Jitter: ms, ReorderDelay: ms}, 1)
	p, out := packet(1500, 1), make([]Packet, 8)
	now := clock.Instant(1)
	round := func() {
		for range 10 {
			m.Put(now, &p)
		}
		for now = now.Add(5 * ms); m.Take(now, out) > 0; {
		}
	}
	for range 100 {
		round()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, round), 0.0)
	require.True(t, bytes.Equal(p.AppendTo(nil), bytes.Repeat([]byte{1}, 1500)))
}

// A black hole (RFC 2923 2.1) swallows what is larger, on the wire, than its MTU.
func TestImpairSwallowsLargePackets(t *testing.T) {
	m := NewImpair(Faults{MTU: 100}, 1)
	for _, n := range []int{99, 100, 101, 1500} {
		m.Put(0, &Packet{Head: make([]byte, n)})
	}
	super := make([]byte, 40, 340) // IPv4 and TCP headers, 20 bytes each
	super[0], super[9], super[32] = 0x45, 6, 0x50
	m.Put(0, &Packet{Head: super[:340], GSOSize: 60})
	m.Put(0, &Packet{Head: super[:340], GSOSize: 61})
	require.Equal(t, ImpairStats{Packets: 6, TooLarge: 3}, m.Stats())
}
