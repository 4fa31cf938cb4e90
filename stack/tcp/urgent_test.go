package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// checkMarks holds what is true of the urgent marks at any time.
func checkMarks(t testing.TB, c *Conn, why any) {
	if c.rcv.urgent != noUrgentByte {
		require.True(t, c.copied().LessEq(c.rcv.up), "a mark behind the reader: %v", why)
		require.Less(t, c.markIn(), max(c.in.Len(), 1), "%v", why)
	}
	if c.calls&urgentOut != 0 {
		require.True(t, c.snd.una.Less(c.snd.up), "an urgent byte acknowledged and not forgotten: %v", why)
		require.LessOrEqual(t, c.snd.up.Sub(c.snd.una), c.out.Len()+1, "%v", why)
	}
	require.GreaterOrEqual(t, c.Readable(), 0)
	require.GreaterOrEqual(t, c.UrgentLeft(), 0)
}

// urgentSegment lets a segment with an urgent pointer arrive.
func (r *rig) urgentSegment(flags string, seq, text int, up uint16) {
	in := &Arrival{Segments: 1, Payload: pattern(seq, text)}
	in.Seg = wire.TCP{Flags: parseFlags(flags) | wire.URG, Seq: r.irs.Add(seq), Ack: r.c.snd.nxt, Window: 60000, Urgent: up}
	r.c.Arrive(r.now, in)
	checkConn(r.t, r.c, flags)
}

// The pointer is only ever arithmetic (modulo 2^32), and the mark moves forward
// only; the rig's numbers wrap after 16 bytes.
func TestAttack_21_UrgentPointer(t *testing.T) {
	for _, x := range []struct {
		name  string
		do    func(r *rig)
		up    int // where the last urgent byte is; 0: nothing is urgent
		bytes string
	}{
		{"pointer 0: what lies before the segment", func(r *rig) { r.urgentSegment("A", 1, 10, 0) }, 0, ""},
		{"pointer 0 without text", func(r *rig) { r.urgentSegment("A", 1, 0, 0) }, 0, ""},
		{"the first byte", func(r *rig) { r.urgentSegment("A", 1, 10, 1) }, 1, "here"},
		{"the last byte", func(r *rig) { r.urgentSegment("A", 1, 10, 10) }, 10, "here"},
		{"one past the data", func(r *rig) { r.urgentSegment("A", 1, 10, 11) }, 11, "ahead"},
		{"as far as can be", func(r *rig) { r.urgentSegment("A", 1, 10, 65535) }, 65535, "ahead"},
		{"across the wrap", func(r *rig) { r.urgentSegment("A", 1, 100, 50) }, 50, "here"},
		{"ahead across the wrap", func(r *rig) { r.urgentSegment("A", 1, 5, 50) }, 50, "ahead"},
		{"with a FIN", func(r *rig) { r.urgentSegment("FA", 1, 10, 10) }, 10, "here"},
		{"with a FIN, the FIN itself", func(r *rig) { r.urgentSegment("FA", 1, 10, 11) }, 11, "ahead"},
		{"with a FIN and no text", func(r *rig) { r.urgentSegment("FA", 1, 0, 5) }, 5, "ahead"},
		{"after the FIN", func(r *rig) { r.in("FA", 1, 1, 60000, 0); r.urgentSegment("A", 2, 0, 5) }, 0, ""},
		{"back", func(r *rig) { r.urgentSegment("A", 1, 10, 60); r.urgentSegment("A", 11, 10, 30) }, 60, "ahead"},
		{"the same again", func(r *rig) { r.urgentSegment("A", 1, 10, 10); r.urgentSegment("A", 1, 10, 10) }, 10, "here"},
		{"on received data", func(r *rig) { r.in("A", 1, 1, 60000, 10); r.urgentSegment("A", 1, 10, 5) }, 0, ""},
		{"an old duplicate", func(r *rig) { r.in("A", 1, 1, 60000, 1000); r.urgentSegment("A", 1, 10, 65535) }, 0, ""},
		{"beyond the window", func(r *rig) { r.urgentSegment("A", 100000, 10, 5) }, 0, ""},
		{"behind a hole", func(r *rig) { r.urgentSegment("A", 101, 10, 5) }, 105, "here"},
		{"with a RST that is not exact", func(r *rig) { r.urgentSegment("RA", 3, 0, 9) }, 0, ""},
		{"without an ACK", func(r *rig) { r.urgentSegment("", 1, 10, 5) }, 0, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := establishedRig(t, plain, Options{RecvBuffer: 16384})
			x.do(r)
			_, ok, announced := r.c.ReadUrgent(true)
			require.Equal(t, x.up != 0, announced)
			require.Equal(t, x.bytes == "here", ok)
			if announced {
				require.Equal(t, r.irs.Add(x.up), r.c.rcv.up)
				require.Equal(t, x.up, r.c.UrgentLeft(), "nothing was read")
			}
			if ok {
				b, _, _ := r.c.ReadUrgent(false)
				require.Equal(t, pattern(x.up, 1)[0], b)
			}
			r.out()
			r.c.Release()
			require.Zero(t, r.env.Budget.Used())
		})
	}
}

// At a zero window the mark is taken (MUST-66), and so is nothing else.
func TestAttack_21_UrgentAtZeroWindow(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: minBuffer})
	r.in("A", 1, 1, 60000, minBuffer)
	r.out()
	require.Zero(t, r.c.rcv.adv.Sub(r.c.rcv.nxt))
	edge := r.c.rcv.nxt
	r.urgentSegment("A", minBuffer+1, 5, 3)
	require.True(t, r.c.HasUrgent(), "the byte is told of although there is no room for it")
	require.Equal(t, edge, r.c.rcv.nxt)
	require.Equal(t, minBuffer, r.c.in.Len())
	require.Equal(t, ". 1:1 ack 2049", r.out(), "the sender has to learn of the window")
	require.Len(t, r.text(), minBuffer)
	r.out()
	r.urgentSegment("A", minBuffer+1, 5, 3)
	buf := make([]byte, 10)
	require.Equal(t, 2, r.c.Read(r.now, buf))
	require.Equal(t, 2, r.c.Read(r.now, buf), "behind the mark")
	require.Zero(t, r.c.UrgentLeft())
}

// A peer that moves the mark with every segment gets no more than one event for
// each, and its stream whole but for the bytes that were never read apart.
func TestAttack_21_UrgentEverySegment(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	const n = 500
	got := 0
	buf := make([]byte, 100)
	for i := range n {
		r.urgentSegment("A", 1+10*i, 10, 10)
		for k := r.c.Read(r.now, buf); k > 0; k = r.c.Read(r.now, buf) {
			got += k
		}
		r.out()
	}
	r.c.SkipMark()
	require.Equal(t, 9*n, got)
	require.Zero(t, r.c.in.Len())
	require.Equal(t, r.irs.Add(1+10*n), r.c.rcv.nxt)
}

func TestUrgentSentIsMarkedUntilAcknowledged(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	var out Segment
	require.Equal(t, 3, r.c.WriteUrgent(r.now, []byte("abc")))
	require.True(t, r.c.Transmit(r.now, &out))
	require.Equal(t, wire.URG, out.Seg.Flags&wire.URG)
	require.EqualValues(t, 3, out.Seg.Urgent, "the pointer names what follows (MUST-62)")
	require.False(t, r.c.Transmit(r.now, &out))
	r.in("A", 1, 3, 60000, 0)
	require.NotZero(t, r.c.calls&urgentOut)
	r.in("A", 1, 4, 60000, 0)
	require.Zero(t, r.c.calls&urgentOut)
	r.write(5)
	require.True(t, r.c.Transmit(r.now, &out))
	require.Zero(t, out.Seg.Flags&wire.URG)
	require.Zero(t, out.Seg.Urgent)
}

// Urgent data goes in segments that have the pointer each: a super-segment has one for all.
func TestUrgentIsNeverASuperSegment(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.env.MaxGSO = 65535
	require.Equal(t, 5000, r.c.WriteUrgent(r.now, make([]byte, 5000)))
	var out Segment
	for want := uint16(5000); want > 0; want -= 1000 {
		require.True(t, r.c.Transmit(r.now, &out))
		require.Zero(t, out.GSOSize)
		require.Equal(t, want, out.Seg.Urgent)
	}
}

func TestUrgentBeforeTheHandshake(t *testing.T) {
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	r.out()
	require.Equal(t, 4, r.c.WriteUrgent(r.now, []byte("late")))
	r.in("SA", 0, 1, 60000, 0)
	var out Segment
	require.True(t, r.c.Transmit(r.now, &out))
	require.EqualValues(t, 4, out.Seg.Urgent)
	require.Equal(t, 4, out.Len())
}

// A window that opens byte by byte is left alone until it is worth a segment
// (RFC 9293 3.8.6.2.1); each update costs us no packet.
func TestAttack_42_WindowByBytesAtTheSender(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(10000)
	r.out()
	r.in("A", 1, 10001, 0, 0)
	r.write(20000)
	require.Empty(t, r.out())
	segments, bytes := 0, 0
	var out Segment
	acked := 10001
	const updates = 20000
	for i := range updates {
		r.now = r.now.Add(10 * time.Microsecond)
		r.in("A", 1, acked, uint16(i+1), 0)
		for r.c.Transmit(r.now, &out) {
			segments++
			bytes += out.Len()
		}
	}
	require.LessOrEqual(t, segments, 20000/1000, "only full segments: %d bytes in %d", bytes, segments)
	require.GreaterOrEqual(t, bytes, 19000, "and they do go")
}

// A peer whose window has always been a byte gets a byte at a time, by the clock
// of its own ACKs or of the override timer, and each costs a constant.
func TestAttack_42_AlwaysOneByte(t *testing.T) {
	r := newRig(t, plain, Options{NoDelay: true})
	r.c.Open(r.now)
	r.out()
	r.in("SA", 0, 1, 1, 0)
	r.out()
	r.write(1000)
	var out Segment
	segments := 0
	for i := range 1000 {
		for r.c.Transmit(r.now, &out) {
			require.LessOrEqual(t, out.Len(), 1)
			segments++
		}
		if r.c.sb != nil {
			require.LessOrEqual(t, r.c.sb.n, 1, "one record at a time")
		}
		r.now = r.now.Add(ms)
		r.in("A", 1, 2+i, 1, 0)
	}
	require.Equal(t, 1000, segments)
	require.Zero(t, r.c.out.Len())
}

// Our own window does not open byte by byte, however the owner reads (RFC 9293 3.8.6.2.2).
func TestAttack_42_WindowByBytesAtTheReceiver(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 8192})
	for i := range 8 {
		r.in("A", 1+1000*i, 1, 60000, 1000)
	}
	r.out()
	updates := 0
	var out Segment
	for range 8000 {
		require.Equal(t, 1, r.c.Read(r.now, make([]byte, 1)))
		for r.c.Transmit(r.now, &out) {
			updates++
			require.GreaterOrEqual(t, int(out.Seg.Window), 1000)
		}
	}
	require.LessOrEqual(t, updates, 4, "each at least doubles what is open")
	require.NotZero(t, updates)
	require.Equal(t, clock.Never, r.c.timers[timerDelACK])
}
