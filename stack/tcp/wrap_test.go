package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A sequence number that is remembered must not come to life again when half of
// the number space has gone by: it would look like the future (RFC 9293 3.4).

const (
	stretch  = 60000             // bytes, whole segments of a rig
	halfway  = 1<<31/stretch + 1 // stretches that pass half of the number space
	farBytes = halfway*stretch - 1<<32
)

// sendFar sends that much in whole segments, and has it acknowledged.
func sendFar(t *testing.T) *rig {
	r := establishedRig(t, plain, Options{})
	r.env.MaxGSO = 1 << 16
	in, out := &Arrival{Segments: 1}, Segment{}
	in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(1), Window: 60000}
	for range halfway {
		for left := stretch; left > 0; {
			n := len(r.c.SendSpan(left)[0])
			r.c.SendCommit(r.now, n)
			left -= n
		}
		for r.c.snd.una != r.c.snd.nxt || r.c.unsent() > 0 {
			for r.c.Transmit(r.now, &out) {
			}
			in.Seg.Ack = r.c.snd.nxt
			r.c.Arrive(r.now, in)
		}
	}
	r.env.MaxGSO = 0
	require.Equal(t, farBytes, r.c.snd.una.Sub(r.c.snd.iss)-1, "it looks like the past")
	return r
}

func TestFastRetransmitFarOn(t *testing.T) { // RFC 6582 3.2, step 1
	r := sendFar(t)
	r.write(5000)
	r.out()
	for range dupThresh {
		r.in("A", 1, farBytes+1, 60000, 0)
	}
	r.out()
	require.Equal(t, int64(1000), r.c.count.retrans)
}

func TestNagleFarOn(t *testing.T) { // RFC 9293 3.7.4
	r := sendFar(t)
	r.write(10)
	require.NotEmpty(t, r.out(), "nothing is outstanding: it goes at once")
}

func TestUrgentFarOn(t *testing.T) { // RFC 9293 3.10.7.4, sixth
	r := establishedRig(t, plain, Options{})
	var out Segment
	in := &Arrival{Segments: 42, Payload: make([]byte, stretch)}
	in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(1), Ack: r.c.snd.nxt, Window: 60000}
	for range halfway {
		r.c.Arrive(r.now, in)
		for r.c.Readable() > 0 {
			s := r.c.RecvSpan(stretch)
			r.c.RecvCommit(r.now, len(s[0])+len(s[1]))
		}
		for r.c.Transmit(r.now, &out) {
		}
		in.Seg.Seq = in.Seg.Seq.Add(stretch)
	}
	require.Equal(t, in.Seg.Seq, r.c.rcv.nxt)
	r.c.Events()
	in.Payload, in.Segments = []byte("!"), 1
	in.Seg.Flags, in.Seg.Urgent = wire.ACK|wire.URG, 1
	r.c.Arrive(r.now, in)
	require.NotZero(t, r.c.Events()&EvUrgent)
}

func TestSampleFarOn(t *testing.T) { // RFC 6298 3
	r := sendFar(t) // in no time, as on a fast path: there was nothing to measure
	r.write(1000)
	r.out()
	r.now = r.now.Add(50 * ms)
	r.in("A", 1, farBytes+1001, 60000, 0)
	require.Equal(t, 50*ms, r.c.rtt.srtt)
}
