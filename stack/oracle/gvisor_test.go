package oracle

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// nic is the number of gVisor's only interface.
const nic tcpip.NICID = 1

// newGvisor returns gVisor's netstack on ep with one address, at its best
// settings: SACK, buffers of 4 MiB that grow to 16 MiB, a receive window that
// follows the reader; with RACK where packets are lost, without it where none
// are, since it costs a quarter of the upload rate.
func newGvisor(t testing.TB, ep gstack.LinkEndpoint, prefix netip.Prefix, rack bool) *gstack.Stack {
	t.Helper()
	s := gstack.New(gstack.Options{
		NetworkProtocols:   []gstack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []gstack.TransportProtocolFactory{gtcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	t.Cleanup(func() {
		// Its reader goes first: Wait has the stack's lock, for which a reader that
		// answers with a reset would wait, and Wait for the reader.
		ep.Attach(nil)
		ep.Wait()
		s.Close()
		s.Wait()
	})
	tuneGvisor(t, s, rack)
	require.Nil(t, s.CreateNIC(nic, ep))
	require.Nil(t, s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{
			Address:   tcpip.AddrFrom4(prefix.Addr().As4()),
			PrefixLen: prefix.Bits(),
		},
	}, gstack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func tuneGvisor(t testing.TB, s *gstack.Stack, rack bool) {
	sack := tcpip.TCPSACKEnabled(true)
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &sack))
	follow := tcpip.TCPModerateReceiveBufferOption(true)
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &follow))
	var recovery tcpip.TCPRecovery
	if rack {
		recovery = tcpip.TCPRACKLossDetection
	}
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &recovery))
	reuse := tcpip.TCPTimeWaitReuseGlobal
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &reuse))
	rcv := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: 4 << 20, Max: 16 << 20}
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &rcv))
	snd := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: 4 << 20, Max: 16 << 20}
	require.Nil(t, s.SetTransportProtocolOption(gtcp.ProtocolNumber, &snd))
}

func gvisorAddr(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()}
}

func gvisorListen(t testing.TB, s *gstack.Stack, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := gonet.ListenTCP(s, gvisorAddr(at), ipv4.ProtocolNumber)
	require.NoError(t, err)
	return l
}

func gvisorDial(ctx context.Context, s *gstack.Stack, to netip.AddrPort) (net.Conn, error) {
	return gonet.DialContextTCP(ctx, s, gvisorAddr(to), ipv4.ProtocolNumber)
}
