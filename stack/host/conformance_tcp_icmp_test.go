package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.9.1.8 and 3.9.2.2: what is told of ICMP errors.

// deafConnect begins a connection to a peer that does not hear, and returns
// what an ICMP error would quote of its SYN.
func (w *world) deafConnect() (Handle, []byte) {
	w.t.Helper()
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	c := w.open(w.a, Stream)
	quote := w.quoteOf(w.a, func() {
		require.Equal(w.t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	})
	return c, quote
}

// deafSend sends data into the void and returns its quote.
func (w *world) deafSend(c Handle) []byte {
	w.t.Helper()
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	return w.quoteOf(w.a, func() {
		_, err := w.a.Send(w.now, c, pattern(100))
		require.NoError(w.t, err)
	})
}

func unreachable(code uint8) wire.ICMP { return wire.ICMP{Type: wire.ICMPUnreachable, Code: code} }

func (w *world) icmp(m wire.ICMP, quote []byte) {
	w.t.Helper()
	require.Empty(w.t, answers(w.a, w.now, rawICMP(addrB, addrA, m, quote)))
}

func TestReq9293_M54_ICMPDemux(t *testing.T) {
	w := newWorld(t)
	var cs []Handle
	var quotes [][]byte
	for range 5 {
		c, q := w.deafConnect()
		cs, quotes = append(cs, c), append(quotes, q)
	}
	for i, hit := range []int{3, 0, 4} {
		w.icmp(unreachable(wire.UnreachPort), quotes[hit])
		for j, c := range cs {
			gone := j == 3 || i >= 1 && j == 0 || i >= 2 && j == 4
			require.Equal(t, gone, w.state(w.a, c) == tcp.StateClosed, "%d %d", i, j)
		}
		require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(cs[hit]))
	}
}

func TestReq9293_M55_SourceQuench(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	quote := w.deafSend(c)
	before, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	events(w.a)
	w.silent(w.a, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPSourceQuench}, quote), trace.DropICMP)
	after, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, before, after)
	w.lose = nil
	w.run(2 * time.Second)
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Len(t, got, 100)
}

// soft are the errors that may pass: net and host unreachable, source route
// failed, time exceeded, parameter problem.
var soft = []wire.ICMP{
	unreachable(0), unreachable(1), unreachable(5), unreachable(11), unreachable(12),
	{Type: wire.ICMPTimeExceeded}, {Type: wire.ICMPTimeExceeded, Code: 1}, {Type: wire.ICMPParamProblem},
}

func TestReq9293_M56_SoftErrorNoAbort(t *testing.T) {
	for _, m := range soft {
		w := newWorld(t)
		c, quote := w.deafConnect()
		w.icmp(m, quote)
		require.Equal(t, tcp.StateSynSent, w.state(w.a, c), "%+v", m)
		w.lose = nil
		w.listen(w.b, 5)
		w.run(2 * time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "%+v", m)
		quote = w.deafSend(c)
		w.icmp(m, quote)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "%+v", m)
		require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
		w.flush()
		w.icmp(m, quote)
		require.Equal(t, tcp.StateFinWait1, w.state(w.a, c), "%+v", m)
		require.NoError(t, w.a.SocketError(c))
	}
}

// As on Linux without IP_RECVERR: the last one is why an attempt failed.
func TestReq9293_S25_SoftErrorVisible(t *testing.T) {
	for code, want := range map[uint8]error{0: tcp.ErrNetUnreachable, 1: tcp.ErrHostUnreachable} {
		w := newWorld(t)
		c, quote := w.deafConnect()
		w.icmp(unreachable(code), quote)
		w.run(5 * time.Minute)
		require.Equal(t, tcp.StateClosed, w.state(w.a, c))
		require.Equal(t, want, w.a.SocketError(c))
	}
}

func TestReq9293_M47_SoftErrorReport(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	w.icmp(unreachable(1), w.deafSend(c))
	w.run(time.Minute)
	w.lose = nil
	w.run(5 * time.Minute)
	_, err := w.recv(w.b, s)
	require.NoError(t, err)
	w.icmp(unreachable(0), w.deafSend(c))
	w.run(time.Hour)
	events(w.a)
	_, err = w.recv(w.a, c)
	require.Equal(t, tcp.ErrNetUnreachable, err, "the latest, not what was overcome")
	w.quiesce()
}

// Codes 2 and 3 end an attempt; 4 is path MTU discovery's (RFC 1191). Once
// synchronized none of them does (RFC 5927 5.2, C-22).
func TestReq9293_S26_HardErrorAbort(t *testing.T) {
	for code, want := range map[uint8]error{2: tcp.ErrProtoUnreachable, 3: tcp.ErrPortUnreachable} {
		w := newWorld(t)
		c, quote := w.deafConnect()
		w.icmp(unreachable(code), quote)
		require.Equal(t, tcp.StateClosed, w.state(w.a, c))
		require.Equal(t, want, w.a.SocketError(c))
	}
	w := newWorld(t)
	c, quote := w.deafConnect()
	w.icmp(wire.ICMP{Type: wire.ICMPUnreachable, Code: 4, Rest: 1000}, quote)
	require.Equal(t, tcp.StateSynSent, w.state(w.a, c))
	w = newWorld(t)
	c, _ = w.pair()
	quote = w.deafSend(c)
	for code := range uint8(16) {
		if code != wire.UnreachFragNeeded {
			w.icmp(unreachable(code), quote)
		}
	}
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	require.NoError(t, w.a.SocketError(c))
}
