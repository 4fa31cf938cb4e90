package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What a connection that nobody has accepted takes, by what is left of the
// Budget (attack 39).
func TestUnclaimed(t *testing.T) {
	const limit = 1 << 20
	for _, row := range []struct {
		rule    string
		taken   int // of the Budget, by others
		claimed bool
		keeps   int // of 8 segments of 1000 bytes
	}{
		{"more than half is free", 0, false, 8},
		{"less than half: a request's worth", limit * 5 / 8, false, 4},
		{"less than a quarter: nothing", limit * 7 / 8, false, 0},
		{"accepted: as all", limit * 7 / 8, true, 8},
	} {
		e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(limit), nil)
		l, f := new(Listener), client(1)
		l.Init(e, 1, Options{})
		first := synAcked(t, l, f, 5)
		ack := arrival(wire.ACK, 6, first.Seg.Seq.Add(1))
		_, hs := l.Arrive(epoch, f, ack, false)
		c := new(Conn)
		c.InitPassive(epoch, e, 2, hs, Options{}, 1500)
		c.Unclaimed()
		c.Arrive(epoch, ack)
		require.True(t, e.Budget.Take(row.taken))
		if row.claimed {
			c.Claim()
		}
		var out Segment
		for i := range 8 {
			in := arrival(wire.ACK, wire.Seq(6+i*1000), first.Seg.Seq.Add(1))
			in.Payload = make([]byte, 1000)
			c.Arrive(epoch, in)
			for c.Transmit(epoch, &out) {
				continue
			}
		}
		require.Equal(t, row.keeps*1000, c.Readable(), row.rule)
		require.Equal(t, uint64(8-row.keeps), e.Stats.Dropped[trace.DropMemory], row.rule)
		e.Budget.Give(row.taken)
		c.Release()
		l.Close()
		require.Zero(t, e.Budget.Used())
	}
}

// Accepting opens the window that waiting kept small.
func TestClaimOpensTheWindow(t *testing.T) {
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(1<<20), nil)
	l, f := new(Listener), client(1)
	l.Init(e, 1, Options{})
	require.True(t, e.Budget.Take(5<<17))
	first := synAcked(t, l, f, 5)
	ack := arrival(wire.ACK, 6, first.Seg.Seq.Add(1))
	ack.Payload = make([]byte, 3000)
	_, hs := l.Arrive(epoch, f, ack, false)
	hs.window = 4096 // as if memory had been as short before
	c := new(Conn)
	c.InitPassive(epoch, e, 2, hs, Options{}, 1500)
	c.Unclaimed()
	c.Arrive(epoch, ack)
	var out Segment
	require.True(t, c.Transmit(epoch, &out))
	require.Less(t, int(out.Seg.Window), 5000)
	require.False(t, c.Transmit(epoch, &out))
	c.Claim()
	require.True(t, c.Transmit(epoch, &out))
	require.Equal(t, trace.SendWindow, out.Why)
	require.Greater(t, int(out.Seg.Window), 50000)
	c.Release()
	l.Close()
}
