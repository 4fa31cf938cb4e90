package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.8.6.3 and 3.10.7.4, seventh: what is acknowledged, and when.

func TestReq9293_S18_DelayedAck(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.in("PA", 1, 1, 60000, 500)
	require.Empty(t, r.out())
	r.write(7)
	require.Equal(t, "P 1:8 ack 501", r.out(), "it rides")
	require.Empty(t, r.after(10*ms))
	r.in("PA", 501, 8, 60000, 500)
	require.Empty(t, r.out())
	require.Equal(t, ". 8:8 ack 1001", r.after(time.Second), "or goes alone, once")
}

func TestReq9293_M40_AckUnder500ms(t *testing.T) {
	for _, asked := range []time.Duration{0, ms, 200 * ms, 500 * ms, time.Hour} {
		cfg := plain
		cfg.DelayedACK = asked
		r := establishedRig(t, cfg, Options{})
		r.in("PA", 1, 1, 60000, 10)
		require.Empty(t, r.out())
		r.now = r.now.Add(200 * time.Microsecond)
		r.in("PA", 11, 1, 60000, 10) // the delay counts from the first
		require.Equal(t, ". 1:1 ack 21", r.after(500*ms-201*time.Microsecond), asked)
	}
}

func TestReq9293_S19_AckEverySecond(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	at := 1
	for range 20 {
		r.in("A", at, 1, 60000, 1000)
		require.Empty(t, r.out())
		r.in("A", at+1000, 1, 60000, 1000)
		require.Len(t, r.segments(), 1)
		at += 2000
	}
	r.c.Read(r.now, make([]byte, at))
	r.out()
	r.c.rcv.mss = minPeerMSS // smaller full segments, too
	for range 3 {
		r.in("A", at, 1, 60000, 500)
		require.Empty(t, r.out())
		r.in("A", at+500, 1, 60000, 500)
		require.Len(t, r.segments(), 1)
		at += 1000
		r.c.rcv.mss = 500
	}
}

func TestReq9293_M58_AckAggregate(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	for i := range 20 {
		r.in("A", 1+1000*i, 1, 60000, 1000)
	}
	require.Equal(t, ". 1:1 ack 20001", r.out(), "one for all")
	r.in("FA", 20001, 1, 60000, 1000)
	require.Equal(t, ". 1:1 ack 21002", r.out(), "of data and FIN")
}

func TestReq9293_M59_ProcessQueueThenAck(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(5000)
	require.Len(t, r.segments(), 5)
	r.write(3000)
	r.segments()
	both(in("A", 1, 1001, 60000, 1000), in("A", 1001, 3001, 60000, 1000), in("PA", 2001, 8001, 60000, 500))(r)
	r.write(10)
	require.Equal(t, "P 8001:8011 ack 2501", r.out(), "what all of them said goes into one segment")
	both(in("A", 4501, 8011, 60000, 1000), in("A", 3501, 8011, 60000, 1000), in("A", 2501, 8011, 60000, 1000))(r)
	require.Equal(t, ". 8011:8011 ack 5501", r.out(), "a gap that has gone by then is not spoken of")
}

func TestReq9293_S31_QueueOutOfOrder(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.c.Events()
	for _, at := range []int{4001, 1001, 3001, 2001} {
		r.in("A", at, 1, 60000, 1000)
		require.Zero(t, r.c.Readable())
		require.Zero(t, r.c.Events()&EvReadable)
	}
	r.out()
	r.in("A", 1, 1, 60000, 1000)
	require.Equal(t, ". 1:1 ack 5001", r.out(), "nothing has to come again")
	require.Equal(t, pattern(1, 5000), r.text())
}

func TestReq9293_O13_ImmediateDupAck(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	for i := range 3 {
		r.in("A", 1001+1000*i, 1, 60000, 1000)
		require.Equal(t, ". 1:1 ack 1", r.out(), "at once, for each")
	}
}

// Urgent data is ordinary data with a mark (RFC 9293 3.8.5).

func TestReq9293_M31_UrgentAnyLength(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 1 << 20, OOBInline: true})
	r.c.Events()
	const total = 300000
	var got []byte
	for at := 1; at <= total; at += 1000 {
		mark := r.c.rcv.up
		r.urgent(at, 1, 1000, uint16(min(total+1-at, 65535)))
		last := at+1000 > total
		require.Equal(t, mark != r.c.rcv.up || last, r.c.Events()&EvUrgent != 0, at)
		require.Equal(t, min(at+65534, total), r.c.rcv.up.Sub(r.irs), "the last urgent byte")
		buf := make([]byte, 2000)
		for n := r.c.Read(r.now, buf); n > 0; n = r.c.Read(r.now, buf) {
			got = append(got, buf[:n]...)
		}
		r.segments()
	}
	require.Equal(t, pattern(1, total), got, "in line, every byte")
}

func TestReq9293_M62_UrgentPointerMeaning(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.c.Events()
	r.urgent(1, 1, 0, 0)
	require.Zero(t, r.c.Events()&EvUrgent, "nothing lies before byte 1")
	r.urgent(1, 1, 0, 1)
	require.NotZero(t, r.c.Events()&EvUrgent, "byte 1 is urgent, the mark stands behind it")
	require.Equal(t, r.irs.Add(1), r.c.rcv.up, "it is the last urgent one")
	r.urgent(1, 1, 5, 5)
	require.Equal(t, r.irs.Add(5), r.c.rcv.up)
	r.c.Events()
	r.urgent(6, 1, 5, 0)
	require.Zero(t, r.c.Events()&EvUrgent, "the pointer counts from its own segment")
	r.urgent(3, 1, 8, 8) // begins before RCV.NXT
	require.Equal(t, r.irs.Add(5), r.c.rcv.up, "what has been received is not marked afterwards")
	require.Equal(t, wire.Seq(11), r.c.rcv.nxt-r.irs)
}
