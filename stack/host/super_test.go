package host_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

var (
	superA = netip.MustParseAddrPort("192.0.2.1:1000")
	superB = netip.MustParseAddrPort("192.0.2.2:2000")
)

// superHost is a host at a with a datagram socket there that sends 1000 bytes per datagram.
func superHost(t *testing.T, a netip.AddrPort, f link.Features) (*host.Host, host.Handle) {
	t.Helper()
	h, err := host.New(host.Config{Seed: [32]byte{1}, Prefixes: []netip.Prefix{netip.PrefixFrom(a.Addr(), 24)}}, f)
	require.NoError(t, err)
	s, err := h.Open(1, host.Datagram)
	require.NoError(t, err)
	require.NoError(t, h.Bind(1, s, a))
	require.NoError(t, h.SetOptions(1, s, host.Options{Segment: 1000}))
	return h, s
}

// carry brings what a sends to b and returns the packets.
func carry(t *testing.T, a, b *host.Host, f link.Features) (sent []link.Packet) {
	t.Helper()
	out := make([]link.Packet, 64)
	for {
		n := a.Transmit(1, out)
		if n == 0 {
			return sent
		}
		for _, p := range out[:n] {
			require.True(t, f.Carries(&p))
			flat := link.Packet{Head: p.AppendTo(nil), GSOSize: p.GSOSize, CsumDone: p.CsumDone}
			sent = append(sent, flat)
			b.Input(1, &flat)
		}
	}
}

func recvAll(h *host.Host, s host.Handle) (sizes []int) {
	buf := make([]byte, 70000)
	for {
		n, err := h.Recv(1, s, buf, 0)
		if err != nil {
			return sizes
		}
		sizes = append(sizes, n)
	}
}

// What one call sends arrives as datagrams, as one packet or as several, by
// what the link can do.
func TestSuperDatagrams(t *testing.T) {
	full := link.Features{MTU: 1500, MaxGSO: 65535, USO: true, ChecksumOffload: true}
	for _, row := range []struct {
		rule     string
		f        link.Features
		discover host.Discovery
		packets  int
	}{
		{"the device cuts", full, 0, 1},
		{"no device to cut", link.Features{MTU: 1500}, 0, 6},
		{"one that cuts TCP only", link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}, 0, 6},
		{"one that makes no checksums", link.Features{MTU: 1500, MaxGSO: 65535, USO: true}, 0, 6},
		{"smaller than what is sent", link.Features{MTU: 1500, MaxGSO: 4000, USO: true, ChecksumOffload: true}, 0, 6},
		{"without DF each has an ID of its own (RFC 6864 4.3)", full, host.DiscoverDont, 6},
	} {
		t.Run(row.rule, func(t *testing.T) {
			a, as := superHost(t, superA, row.f)
			b, bs := superHost(t, superB, row.f)
			require.NoError(t, a.SetOptions(1, as, host.Options{Segment: 1000, Discover: row.discover}))
			n, err := a.SendTo(1, as, make([]byte, 5500), superB)
			require.NoError(t, err)
			require.Equal(t, 5500, n)
			sent := carry(t, a, b, row.f)
			require.Len(t, sent, row.packets)
			require.Equal(t, []int{1000, 1000, 1000, 1000, 1000, 500}, recvAll(b, bs))
			require.EqualValues(t, 6, a.Counters().UDP.OutDatagrams)
			require.EqualValues(t, 6, b.Counters().UDP.InDatagrams)
			ids := map[uint16]bool{}
			for _, p := range sent {
				ip, _, err := wire.DecodeIPv4(p.Head)
				require.NoError(t, err)
				require.Equal(t, row.discover == 0, ip.DF)
				ids[ip.ID] = true
			}
			if row.discover != 0 {
				require.Len(t, ids, 6)
			}
		})
	}
}

func TestSuperDatagramToOurselves(t *testing.T) {
	a, as := superHost(t, superA, link.Features{MTU: 1500})
	_, err := a.SendTo(1, as, make([]byte, 2500), superA)
	require.NoError(t, err)
	require.Empty(t, carry(t, a, nil, link.Features{}))
	require.Equal(t, []int{1000, 1000, 500}, recvAll(a, as))
}

// Nobody waits: every datagram is counted, and the sender hears of it once.
func TestSuperDatagramToNobody(t *testing.T) {
	f := link.Features{MTU: 1500, MaxGSO: 65535, USO: true, ChecksumOffload: true}
	a, as := superHost(t, superA, f)
	b, _ := superHost(t, superB, f)
	_, err := a.SendTo(1, as, make([]byte, 2500), netip.AddrPortFrom(superB.Addr(), 9))
	require.NoError(t, err)
	carry(t, a, b, f)
	require.EqualValues(t, 3, b.Counters().UDP.NoPorts)
	require.EqualValues(t, 3, b.Counters().Drop[trace.DropUDPNoPort])
	require.Len(t, carry(t, b, a, f), 1)
	require.EqualValues(t, 1, a.Counters().ICMP.InDestUnreachs)
}

// All of them or none: a queue that has no room for the last takes not the first.
func TestSuperDatagramIsWholeOrNot(t *testing.T) {
	f := link.Features{MTU: 1500}
	a, as := superHost(t, superA, f)
	require.NoError(t, a.SetOptions(1, as, host.Options{Segment: 10, SendBuffer: 1 << 30}))
	sent := 0
	for {
		_, err := a.SendTo(1, as, make([]byte, 1000), superB)
		if err != nil {
			require.Equal(t, host.ErrWouldBlock, err)
			break
		}
		sent++
	}
	b, bs := superHost(t, superB, f)
	require.NoError(t, b.SetOptions(1, bs, host.Options{RecvBuffer: 1 << 30}))
	require.Equal(t, 10, sent, "1024 packets wait at most")
	require.Len(t, carry(t, a, b, f), 100*sent)
	m, err := a.Poll(as)
	require.NoError(t, err)
	require.NotZero(t, m&host.Writable)
}

func TestSegmentRange(t *testing.T) {
	h, s := superHost(t, superA, link.Features{MTU: 1500})
	for _, v := range []int{-1, 65536} {
		require.Equal(t, host.ErrInvalid, h.SetOptions(1, s, host.Options{Segment: v}))
	}
	e, err := h.Open(clock.Instant(1), host.Stream)
	require.NoError(t, err)
	require.Equal(t, host.ErrNotSupported, h.SetOptions(1, e, host.Options{Segment: 1}))
}

// Sending and receiving them allocates nothing once all has been used.
func TestSuperDatagramsAllocateNothing(t *testing.T) {
	for _, f := range []link.Features{{MTU: 1500}, {MTU: 1500, MaxGSO: 65535, USO: true, ChecksumOffload: true}} {
		a, as := superHost(t, superA, f)
		b, bs := superHost(t, superB, f)
		data, buf, out := make([]byte, 5500), make([]byte, 2000), make([]link.Packet, 64)
		turn := func() {
			_, _ = a.SendTo(1, as, data, superB)
			n := a.Transmit(1, out)
			for i := range out[:n] {
				b.Input(1, &out[i])
			}
			for range 6 {
				_, _ = b.Recv(1, bs, buf, 0)
			}
		}
		for range 10 {
			turn()
		}
		require.Zero(t, testing.AllocsPerRun(100, turn))
		require.EqualValues(t, 6*111, b.Counters().UDP.InDatagrams)
	}
}
