package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The scripts in testdata/scripts/options assert the fields of Info by numbers;
// here is what they cannot see.

func TestInfoCountsSuperSegments(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.env.MaxGSO = 65535
	r.write(10000)
	var out Segment
	require.True(t, r.c.Transmit(r.now, &out))
	require.Equal(t, 1000, out.GSOSize)
	n := (out.Len() + 999) / 1000
	i := r.c.Info(r.now)
	require.Equal(t, n, i.DataSegsOut)
	before := i.SegsIn
	in := &Arrival{Segments: 7, Payload: pattern(1, 7000)}
	in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(1), Ack: r.c.snd.iss.Add(1 + out.Len()), Window: 60000}
	r.c.Arrive(r.now, in)
	i = r.c.Info(r.now)
	require.Equal(t, 7, i.DataSegsIn)
	require.Equal(t, before+7, i.SegsIn)
	require.Equal(t, 1+n, i.Delivered, "the SYN, and the segments of the super-segment")
}

func TestBusyClock(t *testing.T) {
	var b busyClock
	now := epoch
	for range 10000 { // short spells add up
		b.turn(now, busy)
		now = now.Add(50 * time.Microsecond)
		b.turn(now, idle)
		now = now.Add(time.Millisecond)
	}
	require.InDelta(t, 500*time.Millisecond, b.read(now, busy), float64(2*time.Millisecond))
	b.turn(now, windowBound)
	now = now.Add(time.Second)
	require.InDelta(t, time.Second, b.read(now, windowBound), float64(2*time.Millisecond))
	b.turn(now, bufferBound)
	now = now.Add(40 * 24 * time.Hour)
	require.InDelta(t, 40*24*time.Hour, b.read(now, bufferBound), float64(2*time.Millisecond))
	b.turn(now, idle)
	require.InDelta(t, 40*24*time.Hour, b.read(now, bufferBound), float64(2*time.Millisecond))
}

// The smallest round-trip time is that of the last minutes (RFC 8985 6.2).
func TestMinRTTIsForgotten(t *testing.T) {
	var r rtt
	for _, x := range []struct {
		name string
		at   time.Duration
		m    time.Duration
		want time.Duration
	}{
		{"the first", 0, 50 * ms, 50 * ms},
		{"a longer one", time.Second, 80 * ms, 50 * ms},
		{"a shorter one", time.Minute, 40 * ms, 40 * ms},
		{"no sample", 2 * time.Minute, 0, 40 * ms},
		{"longer, within the window", 6 * time.Minute, 90 * ms, 40 * ms},
		{"longer, beyond it", 6*time.Minute + time.Second, 90 * ms, 90 * ms},
		{"shorter again", 7 * time.Minute, 60 * ms, 60 * ms},
		{"equal, which renews it", 11 * time.Minute, 60 * ms, 60 * ms},
		{"so it still counts", 15 * time.Minute, 70 * ms, 60 * ms},
	} {
		r.noteMin(epoch.Add(x.at), x.m)
		require.Equal(t, x.want, r.min, x.name)
	}
}

// After a spurious timeout the estimate begins anew from the sample, no lower
// than it was (RFC 4015 3.2, step 5).
func TestSpuriousTimeoutAdaptsRTO(t *testing.T) {
	r := &rtt{}
	r.adapt(100*ms, 10*ms, 900*ms)
	require.Equal(t, 900*ms, r.srtt)
	require.Equal(t, 450*ms, r.rttvar)
	require.Equal(t, 2700*ms, r.rto)
	r.adapt(100*ms, 60*ms, 50*ms)
	require.Equal(t, 102*ms, r.srtt, "SRTT_prev + 2 G")
	require.Equal(t, 60*ms, r.rttvar)
	require.Equal(t, 342*ms, r.rto)
	r.adapt(100*ms, 10*ms, time.Hour)
	require.Equal(t, maxRTO, r.rto)
}

func TestSpuriousTimeout(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.now = r.now.Add(100 * ms)
	r.write(3000)
	r.out()
	r.now = r.now.Add(100 * ms)
	r.in("A", 1, 3001, 60000, 0)
	r.out()
	before := r.c.rtt
	r.write(40000)
	require.NotEmpty(t, r.out())
	sent := r.now
	require.NotEmpty(t, r.after(before.rto), "the timeout")
	require.Equal(t, before.srtt, r.c.rtt.srtt)
	r.in("A", 1, 4001, 60000, 0) // of the first original: RFC 5682 2.1, step 2b
	r.out()
	r.in("A", 1, 6001, 60000, 0) // of what was not sent again: step 3b
	m := r.now.Sub(sent)
	require.Equal(t, m, r.c.rtt.srtt, "the sample, above what it was")
	require.Equal(t, m/2, r.c.rtt.rttvar)
	require.Equal(t, m+2*m, r.c.rtt.rto)
}

func TestSettingsAreShared(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	other := new(Conn)
	other.Init(r.env, 2, Flow{addrB, addrA}, Options{NoDelay: true}, 1500)
	require.Same(t, r.c.opts, other.opts)
	o := other.Options()
	o.KeepCount = 3
	other.SetOptions(r.now, o)
	require.NotSame(t, r.c.opts, other.opts)
	require.Equal(t, Options{NoDelay: true}, r.c.Options())
	for i := range 3 * knownSettings { // more than an Env looks through
		o.KeepCount = i + 1
		other.SetOptions(r.now, o)
		require.Equal(t, o, other.Options())
	}
	require.Equal(t, Options{NoDelay: true}, r.c.Options(), "what is in use stays as it is")
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		o.KeepCount = o.KeepCount%100 + 1
		other.SetOptions(r.now, o)
	}), "from the pool")
	other.Release()
	other.Release()
	require.Equal(t, Options{}, other.Options())
	require.Equal(t, Options{}, new(Conn).Options())
}

// Poll's answer and Write's are the same.
func TestWritableMeansThatTheBudgetGives(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.True(t, r.c.WritableSoon())
	free := r.env.Budget.Free()
	require.True(t, r.env.Budget.Take(free))
	r.c.NoteStarved()
	require.True(t, r.c.Starved())
	require.False(t, r.c.WritableSoon())
	require.Zero(t, r.c.Write(r.now, []byte("x")))
	r.env.Budget.Give(free)
	r.out()
	r.after(memoryRetry)
	require.NotZero(t, r.c.Events()&EvWritable)
	require.True(t, r.c.WritableSoon())
	require.Equal(t, clock.Never, r.c.Deadline())
	r.write(100)
}

// An ACK that gives memory back ends the waiting at once.
func TestACKFeedsTheStarved(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.write(1000)
	r.out()
	free := r.env.Budget.Free()
	require.True(t, r.env.Budget.Take(free))
	require.Less(t, r.c.Write(r.now, make([]byte, 10000)), 10000)
	require.True(t, r.c.Starved())
	r.env.Budget.Give(free)
	r.c.Events()
	r.in("A", 1, 1001, 60000, 0)
	require.False(t, r.c.Starved())
	require.NotZero(t, r.c.Events()&EvWritable)
}
