package script

import "net/netip"

// A flow is what the script's numbers of one peer port are relative to.
type flow struct {
	local, remote netip.AddrPort // invalid: not known yet
	iss           uint32         // our sequence number that the script calls 0
	issKnown      bool
	renewed       bool // the next SYN of ours may have another ISS
	irs           uint32
	irsKnown      bool
	tsOff         uint32 // our timestamp less the script's
	tsKnown       bool
}

type flowKey struct {
	proto  protocol
	number int
}

// firstPeerPort is the port of the first peer that connects to us; peerPort the
// one that we connect to, and ourPort the one that we bind to where a script
// says "...", as in packetdrill.
const (
	firstPeerPort = 40000
	peerPort      = 8080
	ourPort       = 8080
	echoID        = 7
)

func (m *machine) flow(p protocol, number int) *flow {
	k := flowKey{p, number}
	f := m.flows[k]
	if f == nil {
		f = &flow{}
		m.flows[k] = f
	}
	return f
}

// reach gives the flow of an injected packet its ports where it has none: the
// peer begins.
func (m *machine) reach(f *flow, number int) {
	if f.local.IsValid() {
		return
	}
	f.local = netip.AddrPortFrom(m.prog.settings.local.Addr(), m.ourPort)
	f.remote = netip.AddrPortFrom(m.prog.settings.remote, uint16(firstPeerPort+number-1))
}

// pattern is the payload's byte at a place in a stream.
func pattern(at uint32) byte { return byte(at*131 + at>>8 + 17) }

func fill(b []byte, at uint32) {
	for i := range b {
		b[i] = pattern(at + uint32(i))
	}
}

// wrongAt returns the first place where b is not the pattern from at on, or -1.
func wrongAt(b []byte, at uint32) int {
	for i := range b {
		if b[i] != pattern(at+uint32(i)) {
			return i
		}
	}
	return -1
}
