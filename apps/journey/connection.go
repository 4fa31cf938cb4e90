package journey

import (
	"fmt"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A Way says how packets go to the peer.
type Way struct {
	Us     netip.Prefix // our address with its network
	Peer   netip.Addr
	Via    netip.Addr // the next hop; Peer itself where it is on-link
	Device string     // the TUN's name; "": two hosts joined in memory
}

// Connection begins the third chapter: who we are and which way it goes.
func (j *Journey) Connection(w Way) {
	j.end(func() {
		j.heading("The connection")
		j.tellWay(w)
		j.blank()
	})
}

func (j *Journey) tellWay(w Way) {
	bits := w.Us.Bits()
	j.addressFact("our address", w.Us.String(), w.Us.Addr(), bits)
	mask := maskOf(bits)
	j.addressFact("netmask", mask.String(), mask, bits)
	network := w.Us.Masked().Addr()
	j.addressFact("network", network.String(), network, bits)
	j.addressFact("host part", and(w.Us.Addr(), mask, true).String(), and(w.Us.Addr(), mask, true), bits)
	j.addressFact("broadcast", or(network, mask).String(), or(network, mask), bits)
	if w.Via == w.Peer {
		j.addressFact("the peer", w.Peer.String(), w.Peer, bits)
		j.fact("the way", j.t("The peer has our network's bits: it is on-link. Packets go to it directly, through no gateway."))
	} else {
		j.fact("the peer", w.Peer.String())
		j.fact("the way", j.t("The peer has other network bits than we: packets go to the gateway %s, which passes them on.", w.Via))
	}
	if w.Device != "" {
		j.fact("no MAC layer", j.t("%s is a TUN: it carries IP packets as they are. There is no Ethernet header, no MAC address, and no ARP to find one.", w.Device))
	} else {
		j.fact("no MAC layer", j.t("Two hosts joined in memory, as on a TUN: IP packets as they are, no Ethernet header, no MAC address, no ARP."))
	}
}

func (j *Journey) addressFact(name, text string, a netip.Addr, bits int) {
	j.line(margin + pad(j.t(name), factColumn) + pad(text, 18) + "  " + binary(a, bits))
}

func maskOf(bits int) netip.Addr {
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	p, _ := all.Prefix(bits) // IPv4 and at most 32: no error
	return p.Addr()
}

func and(a, mask netip.Addr, inverted bool) netip.Addr {
	x, m := a.As4(), mask.As4()
	for i := range x {
		if inverted {
			m[i] = ^m[i]
		}
		x[i] &= m[i]
	}
	return netip.AddrFrom4(x)
}

func or(network, mask netip.Addr) netip.Addr {
	x, m := network.As4(), mask.As4()
	for i := range x {
		x[i] |= ^m[i]
	}
	return netip.AddrFrom4(x)
}

// Agreed tells what the handshake of the latest connection settled.
func (j *Journey) Agreed() {
	j.end(func() {
		if f := j.recent; f != nil && f.us.known && f.peer.known {
			j.blank()
			j.tellAgreed(f)
			j.blank()
		}
	})
}

func (j *Journey) tellAgreed(f *flow) {
	us, peer := f.us.syn.Options, f.peer.syn.Options
	j.line(margin + pad(j.t("option"), factColumn) + pad(j.t("we"), 12) + pad(j.t("peer"), 12) + j.t("agreed"))
	row := func(name, a, b, result string) {
		name = j.t(name)
		for _, l := range wrap(result, columns-len(margin)-factColumn-24) {
			j.line(margin + pad(name, factColumn) + pad(a, 12) + pad(b, 12) + l)
			name, a, b = "", "", ""
		}
	}
	stamps := us.HasTimestamps && peer.HasTimestamps
	row("MSS", j.mss(us), j.mss(peer), j.segmentSize(us, peer, stamps))
	if us.HasWindowScale && peer.HasWindowScale {
		row("window scale", fmt.Sprint(us.WindowScale), fmt.Sprint(peer.WindowScale),
			j.t("windows count in 2^%d = %d bytes (ours) and 2^%d = %d bytes (theirs)", us.WindowScale, 1<<us.WindowScale, peer.WindowScale, 1<<peer.WindowScale))
	} else {
		row("window scale", j.yes(us.HasWindowScale), j.yes(peer.HasWindowScale), j.t("no: windows of 64 KiB at most"))
	}
	row("SACK", j.yes(us.SACKPermitted), j.yes(peer.SACKPermitted), either(us.SACKPermitted && peer.SACKPermitted,
		j.t("losses are named exactly"), j.t("no: only what is in order can be acknowledged")))
	row("timestamps", j.yes(us.HasTimestamps), j.yes(peer.HasTimestamps), either(stamps,
		j.t("each segment carries 12 bytes with the time"), j.t("no")))
	row("first number", fmt.Sprint(uint32(f.us.isn)), fmt.Sprint(uint32(f.peer.isn)), j.t("each side picks its own; the ladder counts from it"))
}

func (j *Journey) mss(o wire.TCPOptions) string {
	if !o.HasMSS {
		return j.t("none")
	}
	return fmt.Sprint(o.MSS)
}

// segmentSize says how much data one segment carries.
func (j *Journey) segmentSize(us, peer wire.TCPOptions, stamps bool) string {
	size := 536 // RFC 9293 3.7.1, MUST-15
	if us.HasMSS && peer.HasMSS {
		size = int(min(us.MSS, peer.MSS))
	}
	if stamps {
		return j.t("%d bytes in a segment, 12 of them for timestamps, %d for data", size, size-12)
	}
	return j.t("%d bytes of data in a segment", size)
}

func (j *Journey) yes(b bool) string { return either(b, j.t("yes"), j.t("no")) }

func either(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
