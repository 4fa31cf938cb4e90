package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// What may follow a segment without a look of its own.
func TestTrainRoom(t *testing.T) {
	for _, row := range []struct {
		rule   string
		window uint16
		change func(r *rig, in *Arrival)
		want   func(r *rig) int
	}{
		{"the next bytes: as far as the window reaches (RFC 9293 3.10.7.4)", 60000, func(*rig, *Arrival) {},
			func(r *rig) int { return r.c.rcv.adv.Sub(r.c.rcv.nxt) }},
		{"who waits has less room than that", 60000, func(r *rig, in *Arrival) {
			in.Reader = &Reader{Buf: make([]byte, 3000), N: 500}
			r.c.Read(r.now, make([]byte, 2000))
		},
			func(*rig) int { return 2500 }},
		{"who waits has none: the ring takes it", 60000, func(r *rig, in *Arrival) { in.Reader = &Reader{Buf: make([]byte, 3000), N: 3000} },
			func(r *rig) int { return r.c.rcv.adv.Sub(r.c.rcv.nxt) }},
		{"it was out of order, or trimmed to nothing", 60000, func(r *rig, in *Arrival) { in.InOrder = false }, nil},
		{"PSH: its train ends with it", 60000, func(r *rig, in *Arrival) { in.Seg.Flags |= wire.PSH }, nil},
		{"ECE counts for each (RFC 3168 6.1.2)", 60000, func(r *rig, in *Arrival) { in.Seg.Flags |= wire.ECE }, nil},
		{"a D-SACK counts for each (RFC 2883)", 60000, func(r *rig, in *Arrival) { in.Seg.Options.NumSACK = 1 }, nil},
		{"its ACK is older than one that came before", 60000, func(r *rig, in *Arrival) { in.Seg.Ack = r.c.snd.una.Add(-1) }, nil},
		{"its window was not taken", 59999, func(r *rig, in *Arrival) { r.c.snd.wnd = 60000 }, nil},
		{"its window is closed: each ACK shows that the peer lives (MUST-37)", 0, func(*rig, *Arrival) {}, nil},
		{"an urgent byte is ahead (RFC 9293 3.8.5)", 60000, func(r *rig, in *Arrival) { r.c.rcv.urgent = urgentAhead }, nil},
		{"the FIN's place is known", 60000, func(r *rig, in *Arrival) { r.c.has |= finKnown }, nil},
		{"nobody will read it (SHLD-3)", 60000, func(r *rig, in *Arrival) { r.c.has |= orphan }, nil},
		{"nobody has accepted the connection yet", 60000, func(r *rig, in *Arrival) { r.c.unclaimed = true }, nil},
		{"memory is short", 60000, func(r *rig, in *Arrival) { require.True(r.t, r.env.Budget.Take(r.env.Budget.Free()-1000)) }, nil},
		{"recovery looks at each ACK", 60000, func(r *rig, in *Arrival) { r.c.scoreboard().rec.mode = fastRecovery }, nil},
		{"there were duplicate ACKs", 60000, func(r *rig, in *Arrival) { r.c.scoreboard(); r.c.snd.dupacks = 1 }, nil},
		{"the peer has SACKed", 60000, func(r *rig, in *Arrival) { r.c.scoreboard().anySack = true }, nil},
		{"the peer will send no more", 60000, func(r *rig, in *Arrival) { r.c.state = StateCloseWait }, nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := establishedRig(t, plain, Options{})
			in := &Arrival{Segments: 1, Payload: pattern(1, 1000)}
			in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(1), Ack: r.c.snd.una, Window: row.window}
			r.c.Arrive(r.now, in)
			require.True(t, in.InOrder)
			row.change(r, in)
			want := 0
			if row.want != nil {
				want = row.want(r)
				require.NotZero(t, want)
			}
			require.Equal(t, want, r.c.TrainRoom(in))
		})
	}
}

// What was not good of a train was never there: nothing of it is read, and its
// memory goes back.
func TestTrainThatFails(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	in := &Arrival{Segments: 1, Payload: pattern(1, 1000)}
	in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(1), Ack: r.c.snd.una, Window: 60000}
	r.c.Arrive(r.now, in)
	require.Equal(t, 1000, r.c.Read(r.now, make([]byte, 2000)))
	used := r.env.Budget.Used()
	require.GreaterOrEqual(t, r.c.TrainRoom(in), 5000)
	span := r.c.TrainSpans(in, 5000)
	require.Equal(t, 5000, len(span[0])+len(span[1]))
	r.c.ArriveTrain(r.now, in, &Train{Size: 1000})
	require.Equal(t, used, r.env.Budget.Used())
	require.Zero(t, r.c.Readable())
	require.Equal(t, r.irs.Add(1001), r.c.rcv.nxt)
	checkConn(t, r.c, "")
	r.in("A", 1001, 1, 60000, 1000)
	require.Equal(t, pattern(1001, 1000), r.text())
}

// What the owner cuts is one decision, in whole segments; nothing is held back
// for a larger one.
func TestOwnerCuts(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.env.MaxCut = 2
	r.c.Write(r.now, pattern(0, 3500))
	var got []int
	for _, s := range r.segments() {
		got = append(got, s.Len(), s.GSOSize)
	}
	require.Equal(t, []int{2000, 1000, 1500, 1000}, got)
}
