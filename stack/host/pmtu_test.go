package host

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// tooBig builds what a router says of a packet that it refused.
func tooBig(mtu int, quote []byte) []byte {
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachFragNeeded, Rest: uint32(mtu)}
	return rawICMP(addrB, addrA, m, quote[:28])
}

// Every connection to a destination hears of its smaller path MTU, not only
// the one that found out first (RFC 1191 6.4).
func TestPathMTUReachesEveryConnection(t *testing.T) {
	w := newWorld(t)
	w.listen(w.b, 5)
	first, second := w.dial(w.a, addrB), w.dial(w.a, addrB)
	var sent [][]byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && len(p) > 1000 {
			sent = append(sent, append([]byte{}, p...))
		}
	}
	w.lose = func(_ *Host, p []byte) bool { return len(p) > 1000 }
	for _, s := range []Handle{first, second} {
		_, err := w.a.Send(w.now, s, pattern(5000))
		require.NoError(t, err)
		w.flush()
		require.NotZero(t, len(sent))
		quote := sent[0]
		sent = nil
		answers(w.a, w.now, tooBig(1000, quote))
		w.flush()
		_, err = w.a.Send(w.now, s, pattern(5000))
		require.NoError(t, err)
		w.flush()
		require.Zero(t, len(sent), "segments of the old size")
	}
	w.lose = nil
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
