package tcp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A receiver whose Budget others use up after it had offered a window refuses
// bytes, and the transfer still ends with every byte in place.
func TestTransferWithLittleMemory(t *testing.T) {
	purged := uint64(0)
	for seed := range uint64(40) {
		w := newWorld(t, seed, Config{NoSACK: seed%2 == 0}, Options{})
		b := buffer.NewBudget(64<<10 + int(seed)<<12)
		w.b.env.Budget = b
		w.loss, w.jitter, w.slow = 0.03, 5*ms, 20*ms
		others := 0
		w.see = func(p *peer, _ *Segment) {
			if b.Give(others); p == w.b && w.rnd.IntN(3) == 0 && w.b.read < 150000 {
				others = b.Free()
				require.True(t, b.Take(others))
				return
			}
			others = 0
		}
		w.transfer(200000, 0)
		purged += w.b.env.Stats.Dropped[trace.DropMemory]
	}
	require.NotZero(t, purged, "memory was never short")
}

// Challenge ACKs to resets are limited for each connection by itself (RFC 5961
// 7, attack 26).
func TestChallengeLimit(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	count := func() (n int) {
		for range 50 {
			r.in("R", 2, 0, 0, 0)
			if s := r.out(); s != "" {
				n += strings.Count(s, ";") + 1
			}
		}
		return n
	}
	require.Equal(t, challengeMost, count())
	r.now = r.now.Add(challengeEvery)
	require.Equal(t, challengeMost, count())
	other := establishedRig(t, plain, Options{})
	other.in("R", 2, 0, 0, 0)
	require.NotEmpty(t, other.out(), "nothing one connection does shows on another")
}

// A writer whom the Budget refuses is told when there is memory again, although
// nothing is in flight whose ACK could tell it.
func TestRefusedWriterIsWoken(t *testing.T) {
	for name, refused := range map[string]func(r *rig){
		"Write": func(r *rig) { require.Zero(r.t, r.c.Write(r.now, make([]byte, 100))) },
		"SendSpan": func(r *rig) {
			require.Empty(r.t, r.c.SendSpan(100)[0])
			r.c.SendCommit(r.now, 0)
		},
	} {
		r := establishedRig(t, plain, Options{})
		others := r.env.Budget.Free() - 100
		require.True(t, r.env.Budget.Take(others))
		refused(r)
		require.Empty(t, r.out())
		require.Empty(t, r.after(10*memoryRetry))
		require.Zero(t, r.c.Events()&EvWritable, "%s: there is still no memory", name)
		r.env.Budget.Give(others)
		r.after(memoryRetry)
		require.NotZero(t, r.c.Events()&EvWritable, "%s: nobody told of the memory", name)
		require.Equal(t, clock.Never, r.c.Deadline())
		r.write(100)
		require.Equal(t, "P 1:101 ack 1", r.out())
		r.c.Release()
	}
}

// What is lent by RecvSpan is left alone whatever else is called, and what lends
// nothing leaves nothing pinned.
func TestRecvSpanOutlivesOtherCalls(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.Empty(t, r.c.RecvSpan(10)[0])
	r.in("PA", 1, 1, 60000, 400)
	peeked := make([]byte, 500)
	require.Equal(t, 400, r.c.Peek(peeked))
	span := r.c.RecvSpan(400)
	r.write(400) // takes whatever memory was given back
	r.c.CloseWrite(r.now)
	require.Equal(t, pattern(1, 400), span[0])
	require.Equal(t, pattern(1, 400), peeked[:400])
	r.c.RecvCommit(r.now, 0)
	r.c.Release()
	require.Zero(t, r.env.Budget.Used())
}

// holder is a connection with a segment out of order, in an Env of its own or
// in that of another.
func holder(t *testing.T, env *Env, n int) *rig {
	r := newRig(t, Config{}, Options{})
	if env != nil {
		r.env = env
		r.c.Init(env, 1, Flow{addrA, addrB}, Options{}, 1500)
	}
	r.c.Open(r.now)
	r.out()
	r.opt = wire.TCPOptions{HasMSS: true, MSS: 1000, SACKPermitted: true}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.out()
	if n > 0 {
		r.in("A", 101, 1, 60000, n)
		require.NotEmpty(t, r.out())
		require.Equal(t, n, r.c.re.bytes)
	}
	return r
}

// When the Budget has drained, data out of order is not kept any more.
func TestOutOfOrderIsNotKeptAtTheEnd(t *testing.T) {
	r := holder(t, nil, 0)
	b := r.env.Budget
	others := b.Free() - b.Limit()/fewLeft + 1
	require.True(t, b.Take(others))
	r.in("A", 101, 1, 60000, 100)
	require.Equal(t, ". 1:1 ack 1", r.out(), "the duplicate ACK is owed all the same")
	require.Nil(t, r.c.re)
	require.EqualValues(t, 1, r.env.Stats.Dropped[trace.DropMemory])
	r.in("A", 1, 1, 60000, 100)
	require.Equal(t, 100, r.c.Readable(), "what is in order is")
	b.Give(others)
	r.in("A", 201, 1, 60000, 100)
	require.Equal(t, 100, r.c.re.bytes)
	r.c.Release()
}

// What is out of order goes first, on whatever connection, the oldest first and
// a few at a time; the sender has it still.
func TestReclaimTakesTheOldest(t *testing.T) {
	first := holder(t, nil, 1000)
	rigs := []*rig{first}
	for range 2 * reclaimSteps {
		rigs = append(rigs, holder(t, first.env, 1000))
	}
	held := func() (n int) {
		for _, r := range rigs {
			if r.c.re != nil {
				n++
			}
		}
		return n
	}
	e := first.env
	require.True(t, e.Reclaim(first.now))
	require.Equal(t, len(rigs), held(), "there is enough")
	others := e.Budget.Free()
	require.True(t, e.Budget.Take(others))
	require.False(t, e.Reclaim(first.now), "there is more to do")
	require.Equal(t, len(rigs)-reclaimSteps, held())
	require.Nil(t, rigs[0].c.re)
	require.Nil(t, rigs[reclaimSteps-1].c.re)
	require.NotNil(t, rigs[reclaimSteps].c.re)
	require.EqualValues(t, reclaimSteps, e.Stats.Dropped[trace.DropMemory])
	for _, r := range rigs {
		checkConn(t, r.c, "after Reclaim")
	}
	// Bytes in order find room, where only those out of order have it.
	last := rigs[len(rigs)-1]
	taken := e.Budget.Free()
	require.True(t, e.Budget.Take(taken))
	last.in("A", 1, 1, 60000, 100)
	require.Equal(t, 1100, last.c.Readable(), "its own fit in the ring")
	e.Budget.Give(others + taken)
	rigs[0].in("A", 1, 1, 60000, 1100)
	require.Equal(t, ". 1:1 ack 1101", rigs[0].out(), "what was given up is sent again")
	for _, r := range rigs {
		r.c.Release()
	}
	require.Nil(t, e.firstHolder)
	require.Nil(t, e.lastHolder)
	require.Zero(t, e.Budget.Used())
}

// Data in order that finds no room takes that of others' data out of order.
func TestInOrderDisplacesOthersOutOfOrder(t *testing.T) {
	bad := holder(t, nil, 40000)
	good := holder(t, bad.env, 0)
	b := bad.env.Budget
	others := b.Free()
	require.True(t, b.Take(others))
	good.in("A", 1, 1, 60000, 1000)
	require.Equal(t, 1000, good.c.Readable())
	require.Nil(t, bad.c.re)
	b.Give(others)
	bad.c.Release()
	good.c.Release()
	require.Zero(t, b.Used())
}

// The right edge of the window never moves to the left, however little is left
// (RFC 9293 SHLD-14); it moves to the right only as far as a quarter of that.
func TestWindowsStopGrowing(t *testing.T) {
	r := establishedRig(t, Config{NoSACK: true, NoTimestamps: true}, Options{})
	b := r.env.Budget
	edge, seq := r.c.rcv.adv, 1
	for left := b.Free(); left > 1000; left = left * 2 / 3 {
		others := max(b.Free()-left, 0)
		require.True(t, b.Take(others))
		r.in("A", seq, 1, 60000, 1000)
		seq += 1000
		r.text()
		r.out()
		require.False(t, r.c.rcv.adv.Less(edge), "the edge moved to the left")
		if edge.Less(r.c.rcv.adv) {
			require.LessOrEqual(t, r.c.rcv.adv.Sub(r.c.rcv.nxt), left/4+1<<r.c.opt.rcvShift)
		}
		edge = r.c.rcv.adv
		b.Give(others)
	}
	r.c.Release()
}

// As the Budget drains a send buffer grows with what the peer takes.
func TestSendShare(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	b := r.env.Budget
	limit := b.Limit()
	for _, row := range []struct{ free, delivered, want int }{
		{limit, 0, limit / 2},
		{limit / 2, 0, limit / 4},
		{limit/2 - 1, 0, limit / firstPart},
		{limit/2 - 1, 100000, limit/firstPart + 200000},
		{limit / 16, 100000, limit/firstPart + 200000},
		{limit / 16, 1 << 30, limit / 32},
		{1000, 1 << 30, leastToSend},
		{0, 0, leastToSend},
	} {
		others := b.Free() - row.free
		require.True(t, b.Take(others))
		r.c.count.delivered = int64(row.delivered)
		want := row.want
		if row.free < limit/2 {
			want = max(leastToSend, want)
		}
		require.Equal(t, want, r.c.sendShare(), "%+v", row)
		b.Give(others)
	}
	r.c.count.delivered = 0
	others := b.Free() - limit/4
	require.True(t, b.Take(others))
	first := limit / firstPart
	require.Equal(t, first, r.c.Write(r.now, make([]byte, 1<<20)))
	require.Zero(t, r.c.Write(r.now, make([]byte, 1)))
	require.True(t, r.c.Starved())
	require.NotEmpty(t, r.out())
	r.c.Events()
	r.in("A", 1, 1001, 60000, 0)
	require.NotZero(t, r.c.Events()&EvWritable, "an ACK tells of room")
	require.Equal(t, 3000, r.c.Write(r.now, make([]byte, 1<<20)), "what was taken, and twice as much again")
	b.Give(others)
	r.c.Release()
}

// A starved owner whose peer takes nothing is not woken fifty times a second.
func TestStarvedOwnerIsWokenSeldom(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	b := r.env.Budget
	others := b.Free() - b.Limit()/4
	require.True(t, b.Take(others))
	r.write(b.Limit() / firstPart)
	require.Zero(t, r.c.Write(r.now, make([]byte, 1)))
	r.out()
	r.in("A", 1, 1, 0, 0) // the window closes
	r.out()
	expired := 0
	for end := r.now.Add(100 * time.Second); r.c.Deadline() < end; expired++ {
		r.now = r.c.Deadline()
		r.c.Expire(r.now)
		r.out()
	}
	require.Less(t, expired, 130)
	b.Give(others)
	r.after(2 * memoryRetryLate)
	require.NotZero(t, r.c.Events()&EvWritable)
	r.c.Release()
}

// GiveUp says why in the trace, and Stuck who makes no progress.
func TestGiveUp(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.True(t, r.c.Progresses())
	require.False(t, r.c.WindowShut())
	r.write(5000)
	r.out()
	require.True(t, r.c.Progresses())
	r.in("A", 1, 1, 0, 0)
	require.False(t, r.c.Progresses())
	require.True(t, r.c.WindowShut())
	r.env.Trace = trace.NewLog(10)
	r.c.GiveUp(r.now, trace.EndMemory)
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, "R 1:1 ack 1", r.out(), "where the window ends")
	evs, _ := r.env.Trace.Take(nil)
	require.Equal(t, trace.EndMemory, evs[0].Reason)
	require.Equal(t, trace.None, r.env.ending)
}
