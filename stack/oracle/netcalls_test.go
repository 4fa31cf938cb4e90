package oracle

import (
	"bytes"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/script"
)

// The calls that only some scripts make, and of which gVisor's stack lacks some.

func (n *netstack) SendWith(now clock.Instant, h host.Handle, p []byte, f host.SendFlags) (got int, err error) {
	if f&host.OOB != 0 {
		return 0, script.Lacks("urgent data")
	}
	err = n.call(now, h, func(s *socket) tcpip.Error {
		m, e := s.ep.Write(bytes.NewReader(p), tcpip.WriteOptions{More: f&host.More != 0})
		got = int(m)
		return e
	})
	return got, err
}

func (n *netstack) Recv(now clock.Instant, h host.Handle, p []byte, f host.RecvFlags) (int, error) {
	if f&host.RecvOOB != 0 {
		return 0, script.Lacks("urgent data")
	}
	got, _, _, err := n.RecvFrom(now, h, p, f)
	return got, err
}

// Push does nothing: gVisor sends what it held when Nagle is turned off.
func (n *netstack) Push(clock.Instant, host.Handle) error { return nil }

func (n *netstack) SetQuickACK(now clock.Instant, h host.Handle, on bool) error {
	return n.call(now, h, func(s *socket) tcpip.Error {
		s.ep.SocketOptions().SetQuickAck(on)
		return nil
	})
}

func (n *netstack) QuickACK(h host.Handle) (bool, error) {
	s, err := n.at(h)
	if err != nil {
		return false, err
	}
	return s.ep.SocketOptions().GetQuickAck(), nil
}

// Queued knows what was received and not read; what is under way gVisor keeps to itself.
func (n *netstack) Queued(h host.Handle) (host.Queued, error) {
	s, err := n.at(h)
	if err != nil {
		return host.Queued{}, err
	}
	unread, e := s.ep.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
	return host.Queued{In: unread, Out: -1, Unsent: -1}, translate(e)
}

func (n *netstack) AtMark(host.Handle) (bool, error)    { return false, nil }
func (n *netstack) UrgentLeft(host.Handle) (int, error) { return 0, nil }
func (n *netstack) PathMTU(host.Handle) (int, error)    { return 0, script.Lacks("IP_MTU") }

// discoveries are the ways of path MTU discovery that gVisor knows.
var discoveries = map[host.Discovery]tcpip.PMTUDStrategy{
	host.DiscoverDont: tcpip.PMTUDiscoveryDont, host.DiscoverWant: tcpip.PMTUDiscoveryWant,
	host.DiscoverDo: tcpip.PMTUDiscoveryDo, host.DiscoverProbe: tcpip.PMTUDiscoveryProbe,
}

// lackingOption names the option in o that gVisor has not.
func lackingOption(o *host.Options) script.Lacks {
	_, known := discoveries[o.Discover]
	switch {
	case !known:
		return "this way of path MTU discovery"
	case o.RecvErr:
		return "soft errors as errors of a call"
	case o.TCP.NotSentLowat != 0:
		return "TCP_NOTSENT_LOWAT"
	case o.TCP.OOBInline:
		return "urgent data"
	}
	return ""
}
