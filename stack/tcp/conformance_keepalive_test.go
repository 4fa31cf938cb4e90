package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// RFC 9293 section 3.8.4: keep-alives.

var keep = Options{KeepAlive: true, KeepIdle: 60 * time.Second, KeepIntvl: 10 * time.Second, KeepCount: 3}

const probe = ". 0:0 ack 1"

func TestReq9293_O05_KeepAlive(t *testing.T) {
	r := establishedRig(t, plain, keep)
	require.Equal(t, probe, r.after(60*time.Second))
	require.Equal(t, probe, r.after(10*time.Second))
	require.Equal(t, probe, r.after(10*time.Second))
	require.Equal(t, "R 1:1 ack 1", r.after(10*time.Second))
	require.Equal(t, ErrTimeout, r.c.Err())
}

func TestReq9293_M24_KeepAliveSwitch(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.Empty(t, r.after(10*time.Minute))
	r.c.SetOptions(r.now, keep)
	require.Equal(t, probe, r.after(time.Second), "it has been idle for long")
	r.c.SetOptions(r.now, Options{})
	require.Empty(t, r.after(24*time.Hour))
	require.Equal(t, StateEstablished, r.c.State())
	r.c.SetOptions(r.now, keep)
	other := establishedRig(t, plain, Options{})
	require.Empty(t, other.after(24*time.Hour), "each connection has its own")
}

func TestReq9293_M25_KeepAliveOff(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.False(t, r.c.Options().KeepAlive)
	require.Equal(t, clock.Never, r.c.Deadline())
	require.Empty(t, r.after(365*24*time.Hour))
	require.Equal(t, StateEstablished, r.c.State())
}

func TestReq9293_M26_KeepAliveIdleOnly(t *testing.T) {
	r := establishedRig(t, plain, keep)
	for range 10 { // what arrives is no idleness
		require.Empty(t, r.after(59*time.Second))
		r.in("A", 1, 1, 60000, 0)
		require.Empty(t, r.out())
	}
	r.write(10)
	require.Equal(t, "P 1:11 ack 1", r.out())
	for range 3 { // while data is outstanding only that is repeated
		s := r.after(60 * time.Second)
		require.Contains(t, s, "P 1:11 ack 1")
		require.NotContains(t, s, ":0 ack")
		require.NotContains(t, s, ". 10:10")
	}
	r.in("A", 1, 11, 60000, 0)
	require.Equal(t, ". 10:10 ack 1", r.after(120 * time.Second)[:13])
}

func TestReq9293_M27_KeepAliveInterval(t *testing.T) {
	for _, idle := range []time.Duration{time.Second, time.Minute, 32767 * time.Second} {
		o := keep
		o.KeepIdle = idle
		r := establishedRig(t, plain, o)
		require.Empty(t, r.after(idle-time.Nanosecond), idle)
		require.Equal(t, probe, r.after(time.Nanosecond), idle)
	}
}

func TestReq9293_M28_KeepAlive2h(t *testing.T) {
	r := establishedRig(t, plain, Options{KeepAlive: true})
	require.Empty(t, r.after(2*time.Hour-time.Nanosecond))
	require.Equal(t, probe, r.after(time.Nanosecond))
}

func TestReq9293_M29_KeepAliveTolerant(t *testing.T) {
	r := establishedRig(t, plain, Options{KeepAlive: true})
	require.Equal(t, probe, r.after(2*time.Hour))
	for range defaultKeepCount - 1 {
		require.Equal(t, probe, r.after(75*time.Second))
		require.Equal(t, StateEstablished, r.c.State())
	}
	r.in("A", 1, 1, 60000, 0)
	require.Empty(t, r.after(2*time.Hour-time.Nanosecond), "one answer and all is well")
	require.Equal(t, StateEstablished, r.c.State())
	require.Zero(t, r.c.Info(r.now).Probes)

	r = establishedRig(t, plain, Options{KeepAlive: true, KeepCount: 1})
	require.Equal(t, probe, r.after(2*time.Hour))
	require.Equal(t, StateEstablished, r.c.State(), "even then it waits for the answer")
}

func TestReq9293_S12_KeepAliveNoData(t *testing.T) {
	r := establishedRig(t, plain, keep)
	r.now = r.now.Add(60 * time.Second)
	r.c.Expire(r.now)
	s := r.segment()
	require.Zero(t, s.Len())
	require.Equal(t, r.c.snd.nxt.Add(-1), s.Seg.Seq, "outside the window: it must be answered")
	peer := establishedRig(t, plain, Options{})
	peer.in("A", 0, 1, 60000, 0)
	require.Equal(t, ". 1:1 ack 1", peer.out())
}
