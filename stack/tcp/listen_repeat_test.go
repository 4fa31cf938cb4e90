package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestDeferTimeouts(t *testing.T) { // as Linux counts (tcp(7), TCP_DEFER_ACCEPT)
	for _, row := range []struct {
		seconds time.Duration
		n       uint8
		period  time.Duration
	}{{-1, 0, 0}, {0, 0, 0}, {1, 1, 1}, {2, 2, 3}, {3, 2, 3}, {4, 3, 7}, {60, 6, 63}, {127, 7, 127}, {128, 8, 247}, {247, 8, 247},
		{248, 9, 367}, {1 << 30, 255, 127 + 248*120}} {
		require.Equal(t, row.n, DeferTimeouts(row.seconds*time.Second), "%d s", row.seconds)
		require.Equal(t, row.period*time.Second, DeferPeriod(row.n), "%d s", row.seconds)
	}
}

// What a listener does with TCP_DEFER_ACCEPT: when SYN-ACKs go, when a bare ACK
// is good, when the record goes.
func TestDeferAccept(t *testing.T) {
	for _, row := range []struct {
		rule    string
		o       Options
		ackAt   time.Duration // first bare ACK; 0: none
		synAcks []time.Duration
		goodAt  time.Duration // a bare ACK at this time is good; 0: none is until the end
		end     time.Duration // the record goes
	}{
		{"without it, and without an ACK", Options{SYNRetries: 3}, 0, []time.Duration{0, 1, 3, 7}, 0, 15},
		{"an ACK stops the SYN-ACKs until the end is near", Options{DeferAccept: 4}, 500, []time.Duration{0, 15, 31, 63, 127}, 15, 247},
		{"it lasts longer than the SYN-ACKs", Options{DeferAccept: 4, SYNRetries: 1}, 500, []time.Duration{0, 15}, 15, 31},
		{"a peer that says nothing goes as without it", Options{DeferAccept: 4, SYNRetries: 1}, 0, []time.Duration{0, 1}, 0, 3},
		{"an ACK that came late", Options{DeferAccept: 2}, 1500, []time.Duration{0, 1, 3, 7, 15, 31, 63, 127}, 3, 247},
	} {
		l, e := listening(t, Config{})
		l.SetOptions(row.o)
		f := client(1)
		first := synAcked(t, l, f, 5)
		ack := arrival(wire.ACK, 6, first.Seg.Seq.Add(1))
		sent := []time.Duration{0}
		now, acked := epoch, false
		for l.syns.n > 0 {
			at := l.Deadline()
			if due := epoch.Add(row.ackAt * ms); row.ackAt > 0 && !acked && due < at {
				at, acked = due, true
				v, _ := l.Arrive(at, f, ack, false)
				require.Equal(t, Dropped, v, row.rule)
				require.EqualValues(t, 1, e.Stats.TCPDeferAcceptDrop, row.rule)
				continue
			}
			now = at
			l.Expire(now)
			var out Segment
			for l.Transmit(now, &f, &out) {
				sent = append(sent, now.Sub(epoch)/time.Second)
			}
			if i := l.syns.find(e, f); i != none && row.goodAt > 0 {
				good := !l.defers(&l.syns.recs[i], ack)
				require.Equal(t, now.Sub(epoch) >= row.goodAt*time.Second, good, "%s: %v", row.rule, now.Sub(epoch))
			}
		}
		require.Equal(t, row.synAcks, sent, row.rule)
		require.Equal(t, row.end*time.Second, now.Sub(epoch), row.rule)
	}
}

// RFC 5961 7 and attack 27: each record answers once in 500 ms what is without
// effect and without data; another record has its own.
func TestAnswersFromRecordsAreLimited(t *testing.T) {
	for _, row := range []struct {
		rule string
		in   func(iss wire.Seq) *Arrival
		most int // answers to 100 in 990 ms
	}{
		{"outside the window", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 5, iss.Add(1)) }, 2},
		{"a reset in the window", func(wire.Seq) *Arrival { return arrival(wire.RST, 7, 0) }, 2},
		{"a reset with data", func(wire.Seq) *Arrival { return dataed(arrival(wire.RST, 7, 0)) }, 2},
		{"another SYN", func(wire.Seq) *Arrival { return arrival(wire.SYN, 99, 0) }, 2},
		{"another SYN with data", func(wire.Seq) *Arrival { return dataed(arrival(wire.SYN, 99, 0)) }, 2},
		{"the same SYN", func(wire.Seq) *Arrival { return arrival(wire.SYN, 5, 0) }, 2},
		{"data outside the window", func(iss wire.Seq) *Arrival { return dataed(arrival(wire.ACK, 5, iss.Add(1))) }, 100},
		{"a FIN outside the window", func(iss wire.Seq) *Arrival { return arrival(wire.ACK|wire.FIN, 5, iss.Add(1)) }, 100},
	} {
		l, _ := listening(t, Config{})
		f, g := client(1), client(2)
		first, other := synAcked(t, l, f, 5), synAcked(t, l, g, 5)
		var out Segment
		var to Flow
		n := 0
		for i := range 100 {
			now := epoch.Add(time.Duration(i) * 10 * ms)
			l.Arrive(now, f, row.in(first.Seg.Seq), false)
			for l.Transmit(now, &to, &out) {
				require.Equal(t, f, to)
				n++
			}
		}
		require.Equal(t, row.most, n, row.rule)
		l.Arrive(epoch.Add(990*ms), g, row.in(other.Seg.Seq), false)
		require.True(t, l.Transmit(epoch.Add(990*ms), &to, &out), row.rule)
		require.Equal(t, g, to, "what one connection spends shows on no other")
	}
}

func dataed(in *Arrival) *Arrival {
	in.Payload = []byte("x")
	return in
}

// A handshake for which there is no memory waits on with its record; a cookie
// needs none.
func TestKeep(t *testing.T) {
	l, e := listening(t, Config{SYNBacklog: 2})
	f := client(1)
	first := synAcked(t, l, f, 5)
	synAcked(t, l, client(2), 5)
	ack := arrival(wire.ACK, 6, first.Seg.Seq.Add(1))
	for range 3 {
		v, hs := l.Arrive(epoch, f, ack, false)
		require.Equal(t, Established, v)
		l.Keep(epoch, hs)
		require.Equal(t, 2, l.syns.n)
	}
	require.EqualValues(t, 3, e.Stats.ListenDrops)
	at := epoch.Add(time.Second)
	require.Equal(t, at, l.Deadline())
	l.Expire(at)
	var out Segment
	var flows [3]Flow
	require.True(t, l.Transmit(at, &flows[0], &out))
	require.True(t, l.Transmit(at, &flows[1], &out))
	require.False(t, l.Transmit(at, &flows[2], &out))
	require.ElementsMatch(t, []Flow{f, client(2)}, flows[:2], "the SYN-ACK asks again")
	v, hs := l.Arrive(at, f, ack, false)
	require.Equal(t, Established, v)
	require.Equal(t, uint8(1), hs.repeats)
	g := client(3)
	synAcked(t, l, client(4), 5)
	out = baked(t, l, at, g, arrival(wire.SYN, 5, 0))
	v, hs = l.Arrive(at, g, arrival(wire.ACK, 6, out.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v)
	l.Keep(at, hs)
	require.Equal(t, none, l.syns.find(e, g))
	require.NotEqual(t, clock.Never, l.Deadline())
}

// A SYN-ACK that goes again offers no less than before, though memory is short
// by now (RFC 9293 SHLD-14): the listener's, and that of crossed opens.
func TestSynAckWindowStays(t *testing.T) {
	l, e := listening(t, Config{})
	f := client(1)
	before := synAcked(t, l, f, 5).Seg.Window
	short := e.Budget.Free() - 40000
	require.True(t, e.Budget.Take(short))
	l.Expire(epoch.Add(time.Second))
	require.Equal(t, before, transmitted(t, l, f).Seg.Window)
	e.Budget.Give(short)

	c := new(Conn)
	c.Init(e, 2, f, Options{}, 1500)
	defer c.Release()
	c.Open(epoch)
	var out Segment
	require.True(t, c.Transmit(epoch, &out))
	c.Arrive(epoch, arrival(wire.SYN, 5, 0))
	require.True(t, c.Transmit(epoch, &out))
	require.Equal(t, wire.SYN|wire.ACK, out.Seg.Flags)
	require.Equal(t, before, out.Seg.Window)
	require.True(t, e.Budget.Take(short))
	defer e.Budget.Give(short)
	c.Expire(epoch.Add(time.Second))
	require.True(t, c.Transmit(epoch.Add(time.Second), &out))
	require.Equal(t, before, out.Seg.Window)
}
