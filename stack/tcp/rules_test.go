package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// TestRules are transcripts on an established connection without options; the
// peer's MSS is 1000 and its window 60000.
func TestRules(t *testing.T) {
	nodelay := Options{NoDelay: true}
	for _, row := range []struct {
		rule string
		opts Options
		s    steps
		end  State
		err  error
	}{
		{"RST exactly at RCV.NXT resets (RFC 9293 3.10.7.4, RFC 5961 3.2)", nodelay, steps{
			{in("R", 1, 0, 0, 0), ""},
		}, StateClosed, ErrReset},
		{"RST elsewhere in the window draws a challenge ACK (RFC 5961 3.2)", nodelay, steps{
			{in("R", 2, 0, 0, 0), ". 1:1 ack 1"},
		}, StateEstablished, nil},
		{"RST that begins before RCV.NXT is dropped silently, also where its text reaches the window (RFC 5961 3.2)", nodelay, steps{
			{in("R", -5, 0, 0, 10), ""},
			{in("RA", 0, 1, 60000, 2), ""},
		}, StateEstablished, nil},
		{"RST outside the window is dropped silently (RFC 9293 3.10.7.4)", nodelay, steps{
			{in("R", -5, 0, 0, 0), ""},
			{in("R", 70000, 0, 0, 0), ""},
		}, StateEstablished, nil},
		{"SYN in a synchronized state draws one challenge ACK (RFC 5961 4.2)", nodelay, steps{
			{in("S", 1, 0, 0, 0), ". 1:1 ack 1"},
			{in("S", 500000, 0, 0, 0), ""},
		}, StateEstablished, nil},
		{"a segment without ACK is dropped (RFC 9293 3.10.7.4, fifth)", nodelay, steps{
			{in("P", 1, 0, 0, 10), ""},
		}, StateEstablished, nil},
		{"... also where its text begins before RCV.NXT or ends past the window", nodelay, steps{
			{in("P", -5, 0, 0, 10), ""},
		}, StateEstablished, nil},
		{"an ACK of what was never sent is answered and its data discarded (RFC 5961 5.2)", nodelay, steps{
			{in("PA", 1, 9, 60000, 10), ". 1:1 ack 1"},
		}, StateEstablished, nil},
		{"out-of-window segments without data are answered once in 500 ms", nodelay, steps{
			{in("A", -5, 1, 60000, 0), ". 1:1 ack 1"},
			{in("A", -5, 1, 60000, 0), ""},
			{func(r *rig) { r.now = r.now.Add(500 * ms); r.in("A", -5, 1, 60000, 0) }, ". 1:1 ack 1"},
		}, StateEstablished, nil},
		{"old data is always answered (RFC 9293 3.10.7.4)", nodelay, steps{
			{in("PA", -5, 1, 60000, 3), ". 1:1 ack 1"},
			{in("PA", -5, 1, 60000, 3), ". 1:1 ack 1"},
		}, StateEstablished, nil},
		{"every second full segment is acknowledged (RFC 9293 SHLD-19)", nodelay, steps{
			{in("A", 1, 1, 60000, 1000), ""},
			{in("A", 1001, 1, 60000, 1000), ". 1:1 ack 2001"},
		}, StateEstablished, nil},
		{"each segment out of order owes a duplicate ACK, the gap's end one at once (RFC 5681 4.2)", nodelay, steps{
			{both(in("A", 1001, 1, 60000, 1000), in("A", 2001, 1, 60000, 1000)), ". 1:1 ack 1; . 1:1 ack 1"},
			{in("A", 1, 1, 60000, 1000), ". 1:1 ack 3001"},
		}, StateEstablished, nil},
		{"duplicate ACKs that were owed for a gap which ends in the same batch are not sent", nodelay, steps{
			{both(in("A", 1001, 1, 60000, 1000), in("A", 2001, 1, 60000, 1000), in("A", 1, 1, 60000, 1000)), ". 1:1 ack 3001"},
			{both(in("A", 4001, 1, 60000, 1000), in("A", 6001, 1, 60000, 1000), in("A", 3001, 1, 60000, 1000)), ". 1:1 ack 5001; . 1:1 ack 5001"},
		}, StateEstablished, nil},
		{"a FIN ahead of missing data waits for the hole (RFC 9293 3.10.7.4, eighth)", nodelay, steps{
			{in("FA", 11, 1, 60000, 10), ". 1:1 ack 1"},
			{in("A", 1, 1, 60000, 10), ". 1:1 ack 22"},
		}, StateCloseWait, nil},
		{"Nagle holds a second small segment back (RFC 9293 3.7.4)", Options{}, steps{
			{write(10), "P 1:11 ack 1"},
			{write(10), ""},
			{in("A", 1, 11, 60000, 0), "P 11:21 ack 1"},
		}, StateEstablished, nil},
		{"Nagle lets full segments go (RFC 9293 3.7.4)", Options{}, steps{
			{write(10), "P 1:11 ack 1"},
			{write(1005), ". 11:1011 ack 1"},
		}, StateEstablished, nil},
		{"NoDelay lets small segments go (RFC 9293 MUST-17)", nodelay, steps{
			{write(10), "P 1:11 ack 1"},
			{write(10), "P 11:21 ack 1"},
		}, StateEstablished, nil},
		{"the FIN rides on the last data, PSH on the last segment (MUST-61)", nodelay, steps{
			{both(write(1500), closeWrite), ". 1:1001 ack 1; FP 1001:1501 ack 1"},
		}, StateFinWait1, nil},
		{"ten segments at first (RFC 6928)", nodelay, steps{
			{write(20000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; " +
				". 5001:6001 ack 1; . 6001:7001 ack 1; . 7001:8001 ack 1; . 8001:9001 ack 1; P 9001:10001 ack 1"},
		}, StateEstablished, nil},
		{"fast retransmit at the third duplicate ACK (RFC 5681 3.2)", nodelay, steps{
			{write(4000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; P 3001:4001 ack 1"},
			{in("A", 1, 1, 60000, 0), ""},
			{in("A", 1, 1, 60000, 0), ""},
			{in("A", 1, 1, 60000, 0), ". 1:1001 ack 1"},
			{in("A", 1, 4001, 60000, 0), ""},
		}, StateEstablished, nil},
		{"a partial ACK retransmits the next hole (RFC 6582 3.2)", nodelay, steps{
			{write(5000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; P 4001:5001 ack 1"},
			{both(in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0)), ". 1:1001 ack 1"},
			{in("A", 1, 2001, 60000, 0), ". 2001:3001 ack 1"},
		}, StateEstablished, nil},
		{"a window update is no duplicate ACK (RFC 5681 2)", nodelay, steps{
			{write(1000), "P 1:1001 ack 1"},
			{both(in("A", 1, 1, 60001, 0), in("A", 1, 1, 60002, 0), in("A", 1, 1, 60003, 0)), ""},
		}, StateEstablished, nil},
		{"active close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT (RFC 9293 figure 12)", nodelay, steps{
			{closeWrite, "F 1:1 ack 1"},
			{both(in("A", 1, 2, 60000, 0), state(StateFinWait2)), ""},
			{in("FA", 1, 2, 60000, 0), ". 2:2 ack 2"},
			{in("R", 2, 0, 0, 0), ""}, // RFC 1337
		}, StateTimeWait, nil},
		{"simultaneous close: CLOSING, TIME-WAIT (RFC 9293 figure 13)", nodelay, steps{
			{closeWrite, "F 1:1 ack 1"},
			{both(in("FA", 1, 1, 60000, 0), state(StateClosing)), ". 2:2 ack 2"},
			{in("A", 2, 2, 60000, 0), ""},
		}, StateTimeWait, nil},
		{"FIN and ACK of our FIN in one segment go straight to TIME-WAIT", nodelay, steps{
			{closeWrite, "F 1:1 ack 1"},
			{in("FA", 1, 2, 60000, 0), ". 2:2 ack 2"},
		}, StateTimeWait, nil},
		{"passive close: CLOSE-WAIT, LAST-ACK, CLOSED", nodelay, steps{
			{both(in("FA", 1, 1, 60000, 0), state(StateCloseWait)), ". 1:1 ack 2"},
			{both(closeWrite, state(StateLastAck)), "F 1:1 ack 2"},
			{in("A", 2, 2, 60000, 0), ""},
		}, StateClosed, nil},
		{"half-close: data still arrives after our FIN (RFC 9293 3.6)", nodelay, steps{
			{closeWrite, "F 1:1 ack 1"},
			{in("A", 1, 2, 60000, 1000), ""},
			{in("A", 1001, 2, 60000, 1000), ". 2:2 ack 2001"},
		}, StateFinWait2, nil},
		{"a repeated FIN in TIME-WAIT is acknowledged (RFC 9293 3.10.7.4, eighth)", nodelay, steps{
			{closeWrite, "F 1:1 ack 1"},
			{in("FA", 1, 2, 60000, 0), ". 2:2 ack 2"},
			{in("FA", 1, 2, 60000, 0), ". 2:2 ack 2"},
		}, StateTimeWait, nil},
		{"close with unread data resets (RFC 9293 SHLD-3)", nodelay, steps{
			{both(in("PA", 1, 1, 60000, 5), closeAll), "R 1:1 ack 6"},
		}, StateClosed, nil},
		{"data for an orphan is reset (RFC 1122 4.2.2.13)", nodelay, steps{
			{closeAll, "F 1:1 ack 1"},
			{in("PA", 1, 1, 60000, 5), "R 2:2 ack 1"},
		}, StateClosed, nil},
		{"abort sends RST (RFC 9293 3.10.5)", nodelay, steps{
			{func(r *rig) { r.c.Abort(r.now) }, "R 1:1 ack 1"},
		}, StateClosed, ErrAborted},
		{"sender's silly-window avoidance (RFC 9293 3.8.6.2.1)", nodelay, steps{
			{in("A", 1, 1, 100, 0), ""},
			{write(2000), ""}, // 100 bytes are neither a segment nor half of the largest window
			{in("A", 1, 1, 1000, 0), ". 1:1001 ack 1"},
		}, StateEstablished, nil},
		{"a shrunk window holds new data back (RFC 9293 SHLD-15)", nodelay, steps{
			{write(2000), ". 1:1001 ack 1; P 1001:2001 ack 1"},
			{both(in("A", 1, 1001, 500, 0), write(100)), ""},
		}, StateEstablished, nil},
		{"data beyond the offered window is cut off (RFC 9293 3.10.7.4, first)", Options{RecvBuffer: 2048, NoDelay: true}, steps{
			{in("A", 1, 1, 60000, 1500), ""},
			{in("A", 1501, 1, 60000, 1000), ". 1:1 ack 2049"},
			{in("A", 2049, 1, 60000, 1), ". 1:1 ack 2049"}, // a probe of the closed window
		}, StateEstablished, nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := establishedRig(t, plain, row.opts)
			r.t = t
			r.run(row.s)
			require.Equal(t, row.end, r.c.State())
			if row.err == nil {
				require.NoError(t, r.c.Err())
			} else {
				require.Equal(t, row.err, r.c.Err())
			}
			r.c.Release()
			require.Zero(t, r.env.Budget.Used())
		})
	}
}

func TestSynSent(t *testing.T) {
	for _, row := range []struct {
		rule string
		s    steps
		end  State
		err  error
	}{
		{"an ACK of something else draws RST (RFC 9293 3.10.7.3)", steps{
			{in("A", 0, 7, 0, 0), "R 7:7"},
		}, StateSynSent, nil},
		{"RST with the right ACK: refused (RFC 9293 3.10.7.3)", steps{
			{in("RA", 0, 1, 0, 0), ""},
		}, StateClosed, ErrRefused},
		{"RST without ACK is not believed (RFC 9293 3.10.7.3)", steps{
			{in("R", 0, 0, 0, 0), ""},
		}, StateSynSent, nil},
		{"simultaneous open by SYN and SYN-ACK (RFC 9293 figure 8)", steps{
			{both(in("S", 0, 0, 1000, 0), state(StateSynReceived)), "S 0:0 ack 1"},
			{in("SA", 0, 1, 1000, 0), ". 1:1 ack 1"},
		}, StateEstablished, nil},
		{"simultaneous open ended by a plain ACK", steps{
			{in("S", 0, 0, 1000, 0), "S 0:0 ack 1"},
			{in("A", 1, 1, 1000, 0), ""},
		}, StateEstablished, nil},
		{"RST in SYN-RECEIVED of an active open: refused (RFC 9293 3.10.7.4)", steps{
			{in("S", 0, 0, 1000, 0), "S 0:0 ack 1"},
			{in("R", 1, 0, 0, 0), ""},
		}, StateClosed, ErrRefused},
		{"a wrong ACK in SYN-RECEIVED draws RST", steps{
			{in("S", 0, 0, 1000, 0), "S 0:0 ack 1"},
			{in("A", 1, 5, 1000, 0), "R 5:5"},
		}, StateSynReceived, nil},
		{"data written early goes with the ACK of the handshake", steps{
			{write(10), ""},
			{in("SA", 0, 1, 1000, 0), "P 1:11 ack 1"},
		}, StateEstablished, nil},
		{"CloseWrite before ESTABLISHED sends the FIN then", steps{
			{closeWrite, ""},
			{in("SA", 0, 1, 1000, 0), "F 1:1 ack 1"},
		}, StateFinWait1, nil},
		{"close in SYN-SENT deletes the connection (RFC 9293 3.10.4)", steps{
			{closeAll, ""},
		}, StateClosed, nil},
		{"a hard ICMP error ends it (RFC 9293 SHLD-26)", steps{
			{func(r *rig) { r.c.Unreachable(r.now, ErrPortUnreachable, r.c.snd.iss) }, ""},
		}, StateClosed, ErrPortUnreachable},
		{"an ICMP error with a foreign sequence number does not (RFC 5927 4.1)", steps{
			{func(r *rig) { r.c.Unreachable(r.now, ErrPortUnreachable, r.c.snd.iss.Add(9)) }, ""},
		}, StateSynSent, nil},
		{"a soft ICMP error does not (RFC 9293 MUST-56)", steps{
			{func(r *rig) { r.c.Unreachable(r.now, ErrHostUnreachable, r.c.snd.iss) }, ""},
		}, StateSynSent, nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := newRig(t, plain, Options{})
			r.c.Open(r.now)
			require.Equal(t, "S 0:0", r.out())
			r.run(row.s)
			require.Equal(t, row.end, r.c.State())
			if row.err != nil {
				require.Equal(t, row.err, r.c.Err())
			}
		})
	}
}

// RFC 9293 MUST-22, MUST-23: a SYN is repeated with backoff for at least 180 s;
// the ICMP error heard meanwhile says why.
func TestSynIsRepeatedForThreeMinutes(t *testing.T) {
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	r.out()
	require.Equal(t, "S 0:0; S 0:0; S 0:0", r.after(8*time.Second))
	r.c.Unreachable(r.now, ErrHostUnreachable, r.c.snd.iss)
	r.after(172 * time.Second)
	require.Equal(t, StateSynSent, r.c.State())
	r.after(70 * time.Second)
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, ErrHostUnreachable, r.c.Err())
}

func TestTimeWaitLastsTwoMSL(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	closeWrite(r)
	r.out()
	r.in("FA", 1, 2, 60000, 0)
	r.out()
	r.after(50 * time.Second)
	r.in("FA", 1, 2, 60000, 0) // restarts the timer
	r.out()
	r.after(59 * time.Second)
	require.Equal(t, StateTimeWait, r.c.State())
	r.after(2 * time.Second)
	require.Equal(t, StateClosed, r.c.State())
	require.NoError(t, r.c.Err())
}

func TestTimeWaitReuse(t *testing.T) { // RFC 6191, C-19
	for _, row := range []struct {
		rule string
		ts   uint32 // relative to TS.Recent
		seq  int    // relative to RCV.NXT
		want bool
	}{
		{"larger timestamp", 1, -50000, true},
		{"equal timestamp, larger sequence number", 0, 10, true},
		{"equal timestamp, smaller sequence number", 0, -10, false},
		{"smaller timestamp", ^uint32(0), 10, false},
	} {
		r := timestampRig(t)
		closeWrite(r)
		r.out()
		r.in("FA", 1, 2, 60000, 0)
		require.Equal(t, StateTimeWait, r.c.State())
		in := &Arrival{}
		in.Seg = wire.TCP{Flags: wire.SYN, Seq: r.c.rcv.nxt.Add(row.seq)}
		in.Seg.Options = wire.TCPOptions{HasTimestamps: true, TSVal: r.c.rcv.tsRecent + row.ts}
		require.Equal(t, row.want, r.c.Reusable(r.now, in), row.rule)
		in.Seg.Flags = wire.SYN | wire.ACK
		require.False(t, r.c.Reusable(r.now, in), "only a plain SYN")
	}
}

func timestampRig(t *testing.T) *rig {
	r := newRig(t, Config{NoSACK: true, NoScale: true}, Options{NoDelay: true})
	r.c.Open(r.now)
	r.out()
	r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 100, HasMSS: true, MSS: 1012}
	r.in("SA", 0, 1, 60000, 0)
	r.out()
	r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 100}
	r.c.rcv.quick = 0
	return r
}

func TestPAWS(t *testing.T) { // RFC 7323 5, attack 30
	r := timestampRig(t)
	require.Equal(t, 1000, r.c.MSS(), "options count against the segment (RFC 6691)")
	r.opt.TSVal = 99
	r.in("PA", 1, 1, 60000, 10)
	require.Equal(t, ". 1:1 ack 1", r.out(), "an old timestamp draws an ACK")
	require.Equal(t, uint64(1), r.env.Stats.Dropped[trace.DropPAWS])
	r.opt.TSVal = 5000
	r.in("A", 11, 1, 60000, 10) // out of order: does not cover Last.ACK.sent
	require.Equal(t, uint32(100), r.c.rcv.tsRecent, "poisoned from ahead")
	r.in("R", 1, 1, 0, 0) // PAWS does not protect from RST
	require.Equal(t, StateClosed, r.c.State())

	r = timestampRig(t)
	r.now = r.now.Add(25 * 24 * time.Hour)
	r.opt.TSVal = 99
	r.in("PA", 1, 1, 60000, 10)
	require.Equal(t, 10, r.c.Readable(), "after 24 days TS.Recent is not valid")
}

func TestZeroWindowProbes(t *testing.T) { // RFC 9293 3.8.6.1, MUST-36, MUST-37
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.in("A", 1, 1, 0, 0)
	r.write(3000)
	require.Empty(t, r.out())
	require.Equal(t, ". 1:2 ack 1", r.after(r.c.timeout()), "one byte after one RTO")
	for range 40 { // far longer than R2
		r.in("A", 1, 1, 0, 0)
		require.Equal(t, ". 1:2 ack 1", r.after(r.c.timeout()), "again, later and later")
	}
	require.Equal(t, StateEstablished, r.c.State(), "open while probes are answered")
	r.in("A", 1, 1, 60000, 0)
	require.Equal(t, ". 1:2 ack 1; . 2:1002 ack 1; . 1002:2002 ack 1; P 2002:3001 ack 1", r.out())
	r.in("A", 1, 3001, 0, 0)
	r.write(10)
	r.after(r2 + 10*time.Minute)
	require.Equal(t, ErrTimeout, r.c.Err(), "no answer for R2")
}

func TestReceiverSillyWindow(t *testing.T) { // RFC 9293 3.8.6.2.2, MUST-39
	r := establishedRig(t, plain, Options{RecvBuffer: 8000})
	for i := range 8 {
		r.in("A", 1+1000*i, 1, 60000, 1000)
		r.out()
	}
	require.Equal(t, 8000, r.c.Readable())
	buf := make([]byte, 100)
	for range 14 {
		r.c.Read(r.now, buf)
		require.Empty(t, r.out(), "a small opening is not told")
	}
	r.c.Read(r.now, buf)
	require.Equal(t, ". 1:1 ack 8001", r.out(), "one segment is")
}

func TestKeepalive(t *testing.T) { // RFC 9293 3.8.4
	o := Options{KeepAlive: true, KeepIdle: 60 * time.Second, KeepIntvl: 10 * time.Second, KeepCount: 3}
	r := establishedRig(t, plain, o)
	require.Equal(t, ". 0:0 ack 1", r.after(61*time.Second))
	r.in("A", 1, 1, 60000, 0)
	require.Empty(t, r.after(50*time.Second), "an answer begins the idle time again")
	require.Equal(t, ". 0:0 ack 1; . 0:0 ack 1; . 0:0 ack 1", r.after(35*time.Second))
	require.Equal(t, StateEstablished, r.c.State())
	require.Equal(t, "R 1:1 ack 1", r.after(10*time.Second))
	require.Equal(t, ErrTimeout, r.c.Err())

	r = establishedRig(t, plain, Options{})
	require.Equal(t, clock.Never, r.c.Deadline(), "off by default (MUST-25)")
}

func TestUserTimeout(t *testing.T) { // RFC 9293 3.10.8
	r := establishedRig(t, plain, Options{UserTimeout: 5 * time.Second})
	r.write(10)
	r.out()
	r.after(4900 * ms)
	require.Equal(t, StateEstablished, r.c.State())
	r.after(200 * ms)
	require.Equal(t, ErrTimeout, r.c.Err())
}

func TestOrphanLeavesFinWait2(t *testing.T) { // attack 40
	r := establishedRig(t, plain, Options{})
	closeAll(r)
	r.out()
	r.in("A", 1, 2, 60000, 0)
	require.Equal(t, StateFinWait2, r.c.State())
	r.after(61 * time.Second)
	require.Equal(t, StateClosed, r.c.State())
}

func TestRetransmissionBacksOffUntilR2(t *testing.T) { // RFC 6298 5.5, RFC 9293 3.8.3
	r := establishedRig(t, plain, Options{})
	r.write(1500)
	r.out()
	require.Equal(t, ". 1:1001 ack 1", r.after(r.c.timeout()), "the loss window is one segment (RFC 5681 3.1)")
	first := r.c.timeout()
	require.Equal(t, ". 1:1001 ack 1", r.after(first))
	require.Equal(t, 2*first, r.c.timeout())
	r.after(r2)
	require.Equal(t, StateEstablished, r.c.State())
	r.after(4 * time.Minute)
	require.Equal(t, ErrTimeout, r.c.Err())
}

func TestDelayedACK(t *testing.T) { // RFC 9293 MUST-40
	r := establishedRig(t, plain, Options{})
	r.in("PA", 1, 1, 60000, 10)
	require.Empty(t, r.out())
	require.Empty(t, r.after(39*ms))
	require.Equal(t, ". 1:1 ack 11", r.after(ms))
	r.in("PA", 11, 1, 60000, 10)
	r.write(5)
	require.Equal(t, "P 1:6 ack 21", r.out(), "it rides on data")
	require.Less(t, NewEnv(Config{DelayedACK: time.Hour}, [32]byte{1}, nil, nil).Config.DelayedACK, 500*ms)
}
