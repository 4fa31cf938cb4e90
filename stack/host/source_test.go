package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
)

// No packet has a broadcast address as its source (RFC 1122 3.2.1.3(f)), not
// even of a socket that is bound to one in order to listen there; as on Linux
// it sends from the address that the route gives.
func TestSocketOnBroadcastAddressSendsFromOurs(t *testing.T) {
	for _, a := range []string{"192.0.2.255", "192.0.2.0", "255.255.255.255"} {
		w := newWorld(t)
		s := w.bound(w.a, Datagram, netip.MustParseAddr(a), 7)
		srv := w.bound(w.b, Datagram, anyAddress, 9)
		_, err := w.a.SendTo(w.now, s, []byte("x"), netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		w.flush()
		_, _, from, err := w.b.RecvFrom(w.now, srv, make([]byte, 9), 0)
		require.NoError(t, err)
		require.Equal(t, netip.AddrPortFrom(addrA, 7), from)
		answers(w.a, w.now, rawUDP(addrB, netip.MustParseAddr(a), 9, 7, []byte("y")))
		got, err := w.recv(w.a, s)
		require.NoError(t, err, "and hears what is sent there")
		require.Equal(t, "y", got)
		w.quiesce()
	}
}

// What leaves has an address of ours as its source (RFC 1122 3.2.1.3), also
// after an address was taken away from sockets that use it.
func TestNothingLeavesFromAnAddressWeLost(t *testing.T) {
	w := newWorld(t)
	w.listen(w.a, 5)
	c, _ := w.pair()
	u := w.bound(w.a, Datagram, addrA, 7)
	ping := w.bound(w.a, Echo, addrA, 7)
	in := w.open(w.b, Stream) // a SYN-ACK will be owed
	require.Equal(t, ErrInProgress, w.b.Connect(w.now, in, netip.AddrPortFrom(addrA, 80)))
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	w.flush()
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 0, pattern(64), true)) // and a Time Exceeded

	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.77/24")}, nil))
	w.seen = func(from *Host, p []byte) { require.NotEqual(t, addrA.AsSlice(), p[12:16]) }
	_, err := w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	_, err = w.a.SendTo(w.now, u, []byte("x"), netip.AddrPortFrom(addrB, 9))
	require.Equal(t, ErrInvalid, err, "as on Linux")
	_, err = w.a.SendTo(w.now, ping, make8(8), netip.AddrPortFrom(addrB, 0))
	require.Equal(t, ErrInvalid, err)
	w.run(70 * time.Second)
	require.NotZero(t, w.a.Counters().Drop[trace.DropNoRoute])
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, nil))
	w.seen, w.lose = nil, nil
	_, err = w.a.SendTo(w.now, u, []byte("x"), netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.quiesce()
}

// make8 is an ICMP message of 8 bytes.
func make8(icmpType byte) []byte { return []byte{icmpType, 0, 0, 0, 0, 0, 0, 0} }
