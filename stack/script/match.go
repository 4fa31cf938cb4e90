package script

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// learn takes from the first packets of a flow what the script cannot know: our
// port, our initial sequence number, where our timestamps begin.
func (f *flow) learn(want, got *packet, local, remote netip.AddrPort) {
	if !f.local.IsValid() || f.renewed && got.flags&(wire.SYN|wire.ACK) == wire.SYN {
		f.local, f.remote = local, remote
	}
	if got.proto != protoTCP {
		return
	}
	if got.flags&wire.SYN != 0 && (!f.issKnown || f.renewed) {
		f.iss, f.issKnown, f.renewed = got.seq, true, false
		f.tsKnown = false
	}
	w, g := timestampOf(want), timestampOf(got)
	if !f.tsKnown && w != nil && g != nil && !w.anyVal {
		f.tsOff, f.tsKnown = g.val-w.val, true
	}
}

func timestampOf(p *packet) *option {
	for i := range p.options {
		if p.options[i].kind == kindTimestamp {
			return &p.options[i]
		}
	}
	return nil
}

// differ says in what got, relative already, is not what the script wants; "" for nothing.
func differ(want, got *packet, tolerance time.Duration) string {
	if want.proto != got.proto {
		return "another protocol"
	}
	if why := want.attr.differ(&got.attr); why != "" {
		return why
	}
	switch want.proto {
	case protoTCP:
		return differSegment(want, got, tolerance)
	case protoICMP:
		if want.icmp != got.icmp {
			return "another message"
		}
	}
	if want.length != got.length {
		return fmt.Sprintf("%d bytes", got.length)
	}
	return ""
}

func differSegment(want, got *packet, tolerance time.Duration) string {
	switch {
	case want.flags != got.flags:
		return "flags " + got.flags.String()
	case want.seq != got.seq:
		return fmt.Sprintf("sequence number %d", got.seq)
	case want.length != got.length:
		return fmt.Sprintf("%d bytes", got.length)
	case want.flags&wire.ACK != 0 && want.ack != got.ack:
		return fmt.Sprintf("ack %d", got.ack)
	case want.win >= 0 && want.win != got.win:
		return fmt.Sprintf("win %d", got.win)
	case want.urg >= 0 && want.urg != got.urg:
		return fmt.Sprintf("urg %d", got.urg)
	case !want.anyOptions && !sameOptions(want.options, got.options, tolerance):
		return "options <" + optionsText(got.options) + ">"
	}
	return ""
}

func sameOptions(want, got []option, tolerance time.Duration) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !want[i].same(&got[i], tolerance) {
			return false
		}
	}
	return true
}

func (o *option) same(got *option, tolerance time.Duration) bool {
	if o.kind != got.kind || o.value != got.value || len(o.blocks) != len(got.blocks) ||
		string(o.raw) != string(got.raw) || (o.raw == nil) != (got.raw == nil) {
		return false
	}
	for i := range o.blocks {
		if o.blocks[i] != got.blocks[i] {
			return false
		}
	}
	// Our clock ticks every millisecond.
	d := max(int32(got.val-o.val), int32(o.val-got.val))
	return (o.anyVal || time.Duration(d)*time.Millisecond <= tolerance) && (o.anyEcr || o.ecr == got.ecr)
}

func (a *attributes) differ(got *attributes) string {
	switch {
	case a.ecn >= 0 && a.ecn != got.ecn:
		return "ECN codepoint " + ecnNames[got.ecn]
	case a.ttl >= 0 && a.ttl != got.ttl:
		return fmt.Sprintf("TTL %d", got.ttl)
	case a.tos >= 0 && a.tos != got.tos:
		return fmt.Sprintf("TOS %d", got.tos)
	case a.df >= 0 && a.df != got.df:
		return "DF is not as said"
	case a.src.IsValid() && a.src != got.src:
		return "source " + got.src.String()
	case a.dst.IsValid() && a.dst != got.dst:
		return "destination " + got.dst.String()
	}
	return ""
}

// badData says where a packet's payload is not the pattern, or "".
func (p *packet) badData() string {
	at := uint32(0)
	switch {
	case p.proto == protoTCP:
		at = p.seq - 1
	case p.proto == protoICMP && p.icmp.isError():
		return ""
	}
	if i := wrongAt(p.data, at); i >= 0 {
		return fmt.Sprintf("byte %d of the payload is not what was written", i)
	}
	return ""
}
