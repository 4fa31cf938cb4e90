package oracle

import (
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/sockeye-net/sockeye/stack/wire"
)

func sumOf(b []byte) uint16 { return checksum.Checksum(b, 0) }

// judgeOurs holds a packet of ours against gVisor's parsers.
func judgeOurs(t testing.TB, b []byte) {
	ip := header.IPv4(b)
	if !ip.IsValid(len(b)) || !ip.IsChecksumValid() {
		t.Errorf("gVisor finds our IPv4 header wrong: % x", b[:min(len(b), 60)])
		return
	}
	body := ip.Payload()
	switch ip.TransportProtocol() {
	case header.TCPProtocolNumber:
		judgeOurTCP(t, ip, body)
	case header.UDPProtocolNumber:
		u := header.UDP(body)
		if len(u) < header.UDPMinimumSize || int(u.Length()) != len(u) ||
			!u.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), sumOf(u.Payload())) {
			t.Errorf("gVisor finds our UDP datagram wrong: % x", b)
		}
	case header.ICMPv4ProtocolNumber:
		c := header.ICMPv4(body)
		if len(c) < header.ICMPv4MinimumSize || header.ICMPv4Checksum(c, sumOf(c.Payload())) != c.Checksum() {
			t.Errorf("gVisor finds our ICMP message wrong: % x", b)
		}
	}
}

func judgeOurTCP(t testing.TB, ip header.IPv4, body []byte) {
	h := header.TCP(body)
	if len(h) < header.TCPMinimumSize || int(h.DataOffset()) < header.TCPMinimumSize || int(h.DataOffset()) > len(h) {
		t.Errorf("gVisor finds our TCP header wrong: % x", body[:min(len(body), 60)])
		return
	}
	payload := h.Payload()
	if !h.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), sumOf(payload), uint16(len(payload))) {
		t.Errorf("gVisor finds our TCP checksum wrong: % x", body[:min(len(body), 60)])
	}
	// gVisor's parser of options says by nothing but its result that it
	// stumbled; ours reads the same bytes, so the two must agree.
	ours, _, err := wire.DecodeTCP(body)
	if err != nil {
		t.Errorf("we cannot decode our own TCP header (%v): % x", err, body[:min(len(body), 60)])
		return
	}
	theirs := h.ParsedOptions()
	o := ours.Options
	if theirs.TS != o.HasTimestamps || theirs.TSVal != o.TSVal || theirs.TSEcr != o.TSEcr ||
		len(theirs.SACKBlocks) != int(o.NumSACK) {
		t.Errorf("gVisor reads our options as %+v, we sent %+v", theirs, o)
	}
}

// judgeGvisors holds a packet of gVisor's against our parsers: it decodes,
// its checksum is right, and what we encode from it decodes to the same.
func judgeGvisors(t testing.TB, b []byte) {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil {
		t.Errorf("we find gVisor's IPv4 header wrong (%v): % x", err, b[:min(len(b), 60)])
		return
	}
	if !wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, body) {
		t.Errorf("we find gVisor's checksum wrong: % x", b[:min(len(b), 60)])
	}
	switch ip.Protocol {
	case wire.ProtoTCP:
		judgeGvisorTCP(t, body)
	case wire.ProtoUDP:
		if _, _, err := wire.DecodeUDP(body); err != nil {
			t.Errorf("we find gVisor's UDP header wrong (%v): % x", err, body)
		}
	case wire.ProtoICMP:
		if _, _, err := wire.DecodeICMP(body); err != nil {
			t.Errorf("we find gVisor's ICMP message wrong (%v): % x", err, body)
		}
	}
}

func judgeGvisorTCP(t testing.TB, body []byte) {
	h, _, err := wire.DecodeTCP(body)
	if err != nil {
		t.Errorf("we find gVisor's TCP header wrong (%v): % x", err, body[:min(len(body), 60)])
		return
	}
	var again [60]byte
	n := h.Encode(again[:])
	if g, _, err := wire.DecodeTCP(again[:n]); err != nil || g != h {
		t.Errorf("encoding gVisor's TCP header and decoding it again: got %+v, %v, want %+v", g, err, h)
	}
}
