package host

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// tooBig builds what a router says of a packet that it refused.
func tooBig(mtu int, quote []byte) []byte {
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachFragNeeded, Rest: uint32(mtu)}
	return rawICMP(addrB, addrA, m, quote[:28])
}

// Every connection to a destination hears of its smaller path MTU, not only the
// one that was told, and of none the bigger crowd is looked through (RFC 1191
// 6.4); ten minutes later all try the larger size again (6.3).
func TestPathMTUReachesEveryConnection(t *testing.T) {
	w := newWorld(t)
	w.listen(w.b, 50)
	var cs []Handle
	for range 20 {
		cs = append(cs, w.dial(w.a, addrB))
	}
	var sent [][]byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && len(p) > 1000 {
			sent = append(sent, append([]byte{}, p...))
		}
	}
	w.lose = func(_ *Host, p []byte) bool { return len(p) > 1000 }
	for _, s := range cs[:3] { // these have large segments on their way
		_, err := w.a.Send(w.now, s, pattern(5000))
		require.NoError(t, err)
	}
	w.flush()
	require.NotEmpty(t, sent)
	quote := sent[0]
	sent = nil
	gen := w.a.pathGen
	answers(w.a, w.now, tooBig(1000, quote))
	require.Equal(t, gen+1, w.a.pathGen)
	for _, s := range cs[1:] {
		require.NotEqual(t, w.a.pathGen, w.a.lookup(s).pathGen, "nobody else was looked at")
	}
	for _, s := range cs {
		_, err := w.a.Send(w.now, s, pattern(5000))
		require.NoError(t, err)
	}
	w.flush()
	w.run(10 * time.Second)
	require.Empty(t, sent, "segments of the old size")
	for _, s := range cs {
		i, err := w.a.Info(w.now, s)
		require.NoError(t, err)
		require.Equal(t, 1000, i.PMTU)
		require.Zero(t, i.NotSentBytes+i.Unacked, "all has arrived")
	}
	w.lose = nil
	w.run(pmtuLife)
	for _, s := range cs {
		_, err := w.a.Send(w.now, s, pattern(5000))
		require.NoError(t, err)
	}
	w.flush()
	require.Len(t, sent, len(cs)*3, "large ones again")
	require.Equal(t, clock.Never, w.a.pathEnd, "nothing else becomes old")
	w.quiesce()
}

// What of a super-segment is too large for a path goes again at once, and neither
// the window nor the threshold shrinks: that is no congestion (RFC 1191 6.5).
func TestPathMTUFallsUnderSuperSegments(t *testing.T) {
	for _, offload := range []link.Features{{MTU: 1500}, {MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}} {
		w := newWorld(t)
		w.a = newHost(t, 1, "192.0.2.1/24", offload)
		c, s := w.pair()
		w.pump(c, s, pattern(300000), nil) // a window that is worth something
		before, err := w.a.Info(w.now, c)
		require.NoError(t, err)
		var quotes [][]byte
		w.lose = func(from *Host, p []byte) bool {
			if from == w.a && len(p) > 1400 {
				quotes = append(quotes, append([]byte{}, p...))
				binary.BigEndian.PutUint16(quotes[len(quotes)-1][2:], 1500) // of each piece
				return true
			}
			return false
		}
		_, err = w.a.Send(w.now, c, pattern(200000))
		require.NoError(t, err)
		w.flush()
		require.NotEmpty(t, quotes)
		w.now = w.now.Add(5 * time.Millisecond)
		w.lose = nil
		fresh := 0
		w.seen = func(from *Host, p []byte) {
			if from == w.a {
				fresh += len(p)
			}
		}
		for _, q := range quotes { // one for each that was refused
			w.a.Input(w.now, packet(tooBig(1400, q)))
		}
		w.carry(w.a, w.b)
		require.Greater(t, fresh, 10000, "at once")
		after, err := w.a.Info(w.now, c)
		require.NoError(t, err)
		require.Equal(t, 1400, after.PMTU)
		require.Greater(t, after.SndSsthresh, 1<<20, "no loss was ever counted")
		require.GreaterOrEqual(t, after.SndCwnd*after.SndMSS, before.SndCwnd*before.SndMSS-after.SndMSS)
		require.Zero(t, after.Retransmits)
		got := 0
		for got < 200000 {
			w.flush()
			b, err := w.recv(w.b, s)
			if err != nil {
				w.run(time.Millisecond)
				require.Less(t, w.now.Sub(start), time.Minute)
			}
			got += len(b)
		}
		end, err := w.a.Info(w.now, c)
		require.NoError(t, err)
		require.Greater(t, end.SndSsthresh, 1<<20)
		require.GreaterOrEqual(t, end.SndCwnd*end.SndMSS, before.SndCwnd*before.SndMSS-end.SndMSS)
		w.quiesce()
	}
}

// swallow loses what is larger than mtu on its way from a.
func (w *world) swallow(mtu int) (swallowed *int) {
	swallowed = new(int)
	w.lose = func(from *Host, p []byte) bool {
		if from == w.a && len(p) > mtu {
			*swallowed++
			return true
		}
		return false
	}
	return swallowed
}

// What one connection has found out in a black hole (RFC 4821 5.2) the others
// to that destination know, those there are and those that come; ten minutes
// later each tries for itself.
func TestPathFoundIsShared(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	old := w.dial(w.a, addrB)
	swallowed := w.swallow(1280)
	w.pump(c, s, pattern(500000), nil)
	require.Positive(t, *swallowed)
	i, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, 1280, i.PMTU)
	known, _ := w.a.pathMTU(addrB, datagramPaths)
	require.Equal(t, 1500, known, "for datagrams nobody has found anything")

	*swallowed = 0
	for _, x := range []Handle{w.dial(w.a, addrB), old} {
		_, err := w.a.Send(w.now, x, pattern(100000))
		require.NoError(t, err)
		w.flush()
		i, err := w.a.Info(w.now, x)
		require.NoError(t, err)
		require.Equal(t, 1280, i.PMTU)
		require.Zero(t, i.Retransmits)
	}
	require.Zero(t, *swallowed)

	w.run(pmtuLife + time.Second)
	w.lose = nil
	w.pump(c, s, pattern(500000), nil)
	i, err = w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, 1500, i.PMTU, "it was found again")
	w.quiesce()
}

// What an error says of a datagram is checked by no sequence number, so it is
// believed for datagrams only (RFC 5927 7.2).
func TestPathMTUOfDatagramsIsTheirs(t *testing.T) {
	w := newWorld(t)
	w.listen(w.b, 5)
	w.bound(w.a, Datagram, addrA, 53)
	answers(w.a, w.now, tooBig(68, rawUDP(addrA, addrB, 53, 9, pattern(1472))))
	mtu, locked := w.a.pathMTU(addrB, datagramPaths)
	require.Equal(t, 552, mtu)
	require.True(t, locked)
	mtu, locked = w.a.pathMTU(addrB, streamPaths)
	require.Equal(t, 1500, mtu)
	require.False(t, locked)
	largest := 0
	c := w.dial(w.a, addrB)
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			largest = max(largest, len(p))
			require.NotZero(t, binary.BigEndian.Uint16(p[6:])&0x4000, "DF")
		}
	}
	_, err := w.a.Send(w.now, c, pattern(5000))
	require.NoError(t, err)
	w.flush()
	require.Equal(t, 1500, largest)
	w.quiesce()
}

func TestPathMTUImplausible(t *testing.T) {
	for rule, c := range map[string]struct{ says, total int }{
		"a packet that would have fit (RFC 5927 7.2)": {1400, 1400},
		"smaller than any link's packets (RFC 791)":   {0, 68},
		"nothing at all": {0, 0},
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.bound(w.a, Datagram, addrA, 5)
			quote := rawUDP(addrA, addrB, 5, 9, pattern(1472))
			binary.BigEndian.PutUint16(quote[2:], uint16(c.total))
			answers(w.a, w.now, tooBig(c.says, quote))
			mtu, locked := w.a.pathMTU(addrB, datagramPaths)
			require.Equal(t, 1500, mtu)
			require.False(t, locked)
		})
	}
}
