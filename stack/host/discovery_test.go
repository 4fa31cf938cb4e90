package host

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What IP_MTU_DISCOVER makes of a datagram (Linux's ip(7); RFC 1191 3): whether it
// leaves, with DF, in how many pieces, and what a router's word changes.
func TestDiscovery(t *testing.T) {
	const whole, refused = 1, 0
	for _, c := range []struct {
		rule          string
		d             Discovery
		df            bool // of what fits
		atLink, above int  // pieces of a datagram as large as the link's MTU, and larger
		told          int  // pieces of one as large as the link's MTU once a router has said 1000
		learns        bool
	}{
		{"DONT: no DF, in pieces by what is known", DiscoverDont, false, whole, 2, 2, true},
		{"WANT, the default: DF, in pieces by what is known", DiscoverWant, true, whole, 2, 2, true},
		{"DO: DF, never in pieces", DiscoverDo, true, whole, refused, refused, true},
		{"PROBE: DF, up to the link's MTU whatever is known", DiscoverProbe, true, whole, refused, whole, true},
		{"INTERFACE: no DF, nothing is believed", DiscoverInterface, false, whole, refused, whole, false},
		{"OMIT: the same, larger ones in pieces", DiscoverOmit, false, whole, 2, whole, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			var sent [][]byte
			w.seen = func(from *Host, p []byte) {
				if from == w.a {
					sent = append(sent, append([]byte{}, p...))
				}
			}
			s := w.bound(w.a, Datagram, addrA, 5)
			o, err := w.a.Options(s)
			require.NoError(t, err)
			o.Discover = c.d
			require.NoError(t, w.a.SetOptions(w.now, s, o))
			try := func(size int) int {
				sent = nil
				_, err := w.a.SendTo(w.now, s, pattern(size-28), netip.AddrPortFrom(addrB, 9))
				if err != nil {
					require.Equal(t, ErrMsgSize, err)
				}
				w.flush()
				return len(sent)
			}
			require.Equal(t, whole, try(1000))
			require.Equal(t, c.df, sent[0][6]&0x40 != 0)
			require.Equal(t, c.df, binary.BigEndian.Uint16(sent[0][4:]) == 0, "an identification where routers may cut it")
			require.Equal(t, c.above, try(1501))
			require.Equal(t, c.atLink, try(1500))
			quote := sent[0]
			answers(w.a, w.now, tooBig(1000, quote))
			require.Equal(t, c.told, try(1500))
			require.Equal(t, whole, try(1000), "no error is told: it has no peer")
			known, _ := w.a.pathMTU(addrB, datagramPaths)
			require.Equal(t, c.learns, known == 1000)
			require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 9)))
			mtu, err := w.a.PathMTU(s)
			require.NoError(t, err)
			require.Equal(t, known, mtu)
			answers(w.a, w.now, tooBig(999, quote))
			want := error(ErrMsgSize) // as Linux tells a connected socket
			if c.d == DiscoverDont {
				want = nil
			}
			require.Equal(t, want, w.a.SocketError(s))
			w.quiesce()
		})
	}
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	for _, d := range []Discovery{-2, 5} {
		require.Equal(t, ErrInvalid, w.a.SetOptions(w.now, s, Options{Discover: d}))
	}
	_, err := w.a.PathMTU(s)
	require.Equal(t, ErrNotConnected, err)
}

// A path too small to be believed takes packets without DF, but from who insists.
func TestDiscoveryOfSmallPath(t *testing.T) {
	for d, df := range map[Discovery]bool{DiscoverDont: false, DiscoverWant: false, DiscoverDo: true, DiscoverProbe: true} {
		w := newWorld(t)
		s := w.bound(w.a, Datagram, addrA, 5)
		answers(w.a, w.now, tooBig(300, rawUDP(addrA, addrB, 5, 9, pattern(1000))))
		require.NoError(t, w.a.SetOptions(w.now, s, Options{Discover: d}))
		w.seen = func(_ *Host, p []byte) { require.Equal(t, df, p[6]&0x40 != 0, d) }
		w.lose = func(*Host, []byte) bool { return true }
		_, err := w.a.SendTo(w.now, s, pattern(100), netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		w.flush()
	}
}

// A stream without discovery leaves DF out and no router's word makes its segments
// smaller; each has an identification of its own, so nothing is a super-segment.
func TestDiscoveryOfStreams(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	o, err := w.a.Options(c)
	require.NoError(t, err)
	o.Discover = DiscoverDont
	require.NoError(t, w.a.SetOptions(w.now, c, o))
	ids := map[uint16]bool{}
	var quote []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			require.Zero(t, p[6]&0x40)
			id := binary.BigEndian.Uint16(p[4:])
			require.False(t, ids[id], "again")
			ids[id] = true
			if quote == nil {
				quote = append([]byte{}, p...)
			}
		}
	}
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	_, err = w.a.Send(w.now, c, pattern(3000))
	require.NoError(t, err)
	w.flush()
	w.lose = nil
	answers(w.a, w.now, tooBig(1000, quote))
	w.pump(c, s, nil, pattern(1000))
	i, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, 1500, i.PMTU)
	o.Discover = DiscoverWant
	require.NoError(t, w.a.SetOptions(w.now, c, o))
	i, err = w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, 1000, i.PMTU, "but it is known")
	mtu, err := w.a.PathMTU(c)
	require.NoError(t, err)
	require.Equal(t, 1000, mtu)
}

// SHLD-20, RFC 9293 3.9.1.8: soft errors are not told of unless the owner asks,
// and he may change his mind; they end nothing either way.
func TestReq9293_S20_ReportsOff(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	quote := w.deafSend(c)
	for _, on := range []bool{false, true, false} {
		o, err := w.a.Options(c)
		require.NoError(t, err)
		o.RecvErr = on
		require.NoError(t, w.a.SetOptions(w.now, c, o))
		events(w.a)
		w.icmp(unreachable(wire.UnreachHost), quote)
		require.Equal(t, on, events(w.a)[c]&Failed != 0)
		want := error(nil)
		if on {
			want = tcp.ErrHostUnreachable
		}
		require.Equal(t, want, w.a.SocketError(c))
		_, why := w.a.SoftError(c)
		require.Equal(t, tcp.ErrHostUnreachable, why, "who asks is told")
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	}
	w.lose = nil
	w.run(10 * time.Second)
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, string(pattern(100)), got)
}

// The same of datagrams, as on Linux: hard errors reach who has a peer, with
// IP_RECVERR all errors reach everybody (RFC 1122 4.1.3.3).
func TestErrorsOfDatagramsByWish(t *testing.T) {
	quote := rawUDP(addrA, addrB, 5, 9, nil)
	echo := rawICMP(addrA, addrB, wire.ICMP{Type: wire.ICMPEcho, Rest: 5 << 16}, nil)
	rows := []struct {
		m    wire.ICMP
		err  error
		hard bool
	}{
		{unreachable(0), tcp.ErrNetUnreachable, false},
		{unreachable(1), tcp.ErrHostUnreachable, false},
		{unreachable(2), tcp.ErrProtoUnreachable, true},
		{unreachable(3), tcp.ErrPortUnreachable, true},
		{unreachable(4), ErrMsgSize, true},
		{unreachable(5), tcp.ErrHostUnreachable, false},
		{unreachable(6), tcp.ErrNetUnreachable, true},
		{unreachable(7), tcp.ErrHostUnreachable, true},
		{unreachable(8), tcp.ErrHostUnreachable, true},
		{unreachable(9), tcp.ErrNetUnreachable, true},
		{unreachable(10), tcp.ErrHostUnreachable, true},
		{unreachable(11), tcp.ErrNetUnreachable, false},
		{unreachable(12), tcp.ErrHostUnreachable, false},
		{unreachable(13), tcp.ErrHostUnreachable, true},
		{unreachable(14), tcp.ErrHostUnreachable, true},
		{unreachable(15), tcp.ErrHostUnreachable, true},
		{wire.ICMP{Type: wire.ICMPTimeExceeded}, tcp.ErrHostUnreachable, false},
		{wire.ICMP{Type: wire.ICMPTimeExceeded, Code: 1}, tcp.ErrHostUnreachable, false},
		{wire.ICMP{Type: wire.ICMPParamProblem}, tcp.ErrProtocol, true},
		{wire.ICMP{Type: wire.ICMPSourceQuench}, nil, false}, // RFC 6633 3
		{wire.ICMP{Type: wire.ICMPRedirect}, nil, false},
	}
	for _, r := range rows {
		for mix := range 8 {
			connected, wish, kind := mix&1 != 0, mix&2 != 0, Datagram
			about := quote
			if mix&4 != 0 {
				kind, about = Echo, echo
			}
			w := newWorld(t)
			s := w.bound(w.a, kind, addrA, 5)
			if connected {
				require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 9)))
			}
			require.NoError(t, w.a.SetOptions(w.now, s, Options{RecvErr: wish}))
			events(w.a)
			w.icmp(r.m, about)
			want := r.err
			if !wish && !(connected && r.hard) {
				want = nil
			}
			require.Equal(t, want != nil, events(w.a)[s]&Failed != 0)
			require.Equal(t, want, w.a.SocketError(s), "%+v connected %v wish %v kind %v", r.m, connected, wish, kind)
		}
	}
}

// MAY-9, RFC 9293 3.9.1.9: the TOS of the latest segment, as of every datagram.
func TestReq9293_O09_DSCPUp(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	for _, tos := range []uint8{0xb8, 0, 0x28} {
		o, err := w.a.Options(c)
		require.NoError(t, err)
		o.TOS = tos
		require.NoError(t, w.a.SetOptions(w.now, c, o))
		_, err = w.a.Send(w.now, c, []byte("x"))
		require.NoError(t, err)
		w.flush()
		_, m, err := w.b.RecvMsg(w.now, s, make([]byte, 10), 0)
		require.NoError(t, err)
		require.Equal(t, tos, m.TOS)
		require.Equal(t, 1, m.Size)
	}
}

// Every tweak gives a permutation, and each another.
func TestIdentificationsArePermuted(t *testing.T) {
	key := secret{1, 2}
	for tweak := range uint64(3) {
		seen := make([]bool, 1<<16)
		near := 0
		last := uint16(0)
		for x := range 1 << 16 {
			y := key.permute(tweak, uint16(x))
			require.False(t, seen[y])
			seen[y] = true
			if d := int16(y - last); d > -16 && d < 16 {
				near++
			}
			last = y
		}
		require.Less(t, near, 200, "neighbours are no more alike than others: about 31 of 65536")
	}
	same := 0
	for x := range uint16(10000) {
		if key.permute(1, x) == key.permute(2, x) {
			same++
		}
	}
	require.Less(t, same, 10)
}
