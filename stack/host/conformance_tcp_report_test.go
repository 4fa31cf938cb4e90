package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.8.5 and 3.9.1.8: what the owner is told unasked.

func TestReq9293_M32_UrgentNotify(t *testing.T) {
	w := newWorld(t)
	x := w.stranger(nil).finish()
	events(w.a)
	x.urgent = 5
	x.send(wire.ACK|wire.URG, nil)
	require.Equal(t, Urgent, events(w.a)[x.s]&Urgent, "before its data is there")
	x.send(wire.ACK|wire.URG, nil)
	require.Zero(t, events(w.a)[x.s]&Urgent, "no news")
	x.urgent = 9
	x.send(wire.ACK|wire.URG|wire.PSH, []byte("urgent"))
	require.Equal(t, Urgent|Readable, events(w.a)[x.s]&(Urgent|Readable), "advanced")
	x.urgent = 60
	x.send(wire.ACK|wire.PSH, []byte("plain"))
	require.NotZero(t, events(w.a)[x.s]&Urgent, "the byte has come")
	got, err := w.recv(w.a, x.s)
	require.NoError(t, err)
	require.Equal(t, "urgentpl", got, "a read ends at the mark")
	got, err = w.recv(w.a, x.s)
	require.NoError(t, err)
	require.Equal(t, "in", got, "and goes on behind it")
	left, err := w.a.UrgentLeft(x.s)
	require.NoError(t, err)
	require.Zero(t, left, "without the flag the field is nothing")
}

func TestReqX_X20_ReportKinds(t *testing.T) {
	w := newWorld(t)
	c, quote := w.deafConnect()
	w.icmp(unreachable(wire.UnreachPort), quote)
	require.NotZero(t, events(w.a)[c]&Failed, "an ICMP error")
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(c))

	w = newWorld(t)
	c, _ = w.pair()
	w.deafSend(c)
	w.run(time.Minute)
	i, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	require.GreaterOrEqual(t, i.Retransmits, 3, "excessive retransmission can be seen")
	w.run(time.Hour)
	require.NotZero(t, events(w.a)[c]&(Failed|Hangup), "and is told")
	require.Equal(t, tcp.ErrTimeout, w.a.SocketError(c))

	x := newWorld(t).stranger(nil).finish()
	events(x.w.a)
	x.urgent = 1
	x.send(wire.ACK|wire.URG, nil)
	require.NotZero(t, events(x.w.a)[x.s]&Urgent, "urgent data")
}
