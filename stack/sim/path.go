package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A path is one direction between two hosts.
type path struct {
	from, to *Host
	impair   *link.Impair
	in       [16]link.Packet
}

// Connect joins two hosts by a path each way. A host with one neighbour sends
// it everything; one with several sends each packet to the host whose address
// it bears, as a switch would.
func (w *World) Connect(a, b *Host, ab, ba link.Faults) {
	for _, p := range []*path{
		{from: a, to: b, impair: link.NewImpair(ab, w.rng.Uint64())},
		{from: b, to: a, impair: link.NewImpair(ba, w.rng.Uint64())},
	} {
		w.paths = append(w.paths, p)
		p.from.paths = append(p.from.paths, p)
	}
}

// SetFaults changes the faults of the path from one host to another from now on.
func (w *World) SetFaults(from, to *Host, f link.Faults) {
	for _, p := range w.paths {
		if p.from == from && p.to == to {
			p.impair.SetFaults(f)
		}
	}
}

// SetLink changes the features of the host's link from now on.
func (h *Host) SetLink(f link.Features) {
	h.feat = f
	h.SetFeatures(h.World.now, f)
}

// Stats returns what became of the packets on the path from one host to another.
func (w *World) Stats(from, to *Host) link.ImpairStats {
	for _, p := range w.paths {
		if p.from == from && p.to == to {
			return p.impair.Stats()
		}
	}
	return link.ImpairStats{}
}

// send checks a packet that h gave out and puts it on its way: whole, or as
// the segments that the device cuts a super-segment into.
func (w *World) send(h *Host, p *link.Packet) {
	w.flat = p.AppendTo(w.flat[:0])
	w.note(noteSent, h, uint64(p.GSOSize), w.flat)
	w.logf(h, ">", w.flat)
	if p.CsumDone {
		if !h.feat.ChecksumOffload {
			w.fail(h, fmt.Errorf("a checksum was left to a device that fills none"))
		}
		wire.SetTransportChecksum(w.flat, [2][]byte{})
	}
	if !h.feat.Carries(p) {
		w.fail(h, fmt.Errorf("a packet of %d bytes (GSO %d) on a link with %+v", len(w.flat), p.GSOSize, h.feat))
	}
	r := link.Record{Data: w.flat, Length: len(w.flat), GSO: int(p.GSOSize)}
	for seg := range r.Segments {
		if err := w.check.sent(seg); err != nil {
			w.fail(h, err)
		}
		if w.seen != nil {
			w.seen(h, seg)
		}
		if to := h.pathTo(seg); to != nil {
			to.impair.Put(w.now, &link.Packet{Head: seg})
		}
	}
}

// pathTo returns the path that a packet of h takes; nil: to nowhere.
func (h *Host) pathTo(b []byte) *path {
	if len(h.paths) == 1 {
		return h.paths[0]
	}
	for _, p := range h.paths {
		if len(b) >= 20 && p.to.has(netip.AddrFrom4([4]byte(b[16:20]))) {
			return p
		}
	}
	return nil
}

// has reports whether the host has the address.
func (h *Host) has(a netip.Addr) bool {
	return slices.ContainsFunc(h.Prefixes(), func(p netip.Prefix) bool { return p.Addr() == a })
}

// deliver hands over what has arrived.
func (p *path) deliver() {
	w := p.from.World
	for {
		n := p.impair.Take(w.now, p.in[:])
		for i := range p.in[:n] {
			w.note(noteDelivered, p.to, 0, p.in[i].Head)
			w.logf(p.to, "<", p.in[i].Head)
		}
		p.to.InputBatch(w.now, p.in[:n])
		if n == 0 {
			return
		}
		p.to.leave()
	}
}
