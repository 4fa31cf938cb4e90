package host

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// edit changes a frame on its way and mends its checksums, so that the edit counts.
func (d *duel) edit() {
	if len(d.wire) == 0 {
		return
	}
	f := &d.wire[d.in.byte()%len(d.wire)]
	before := bytes.Clone(f.data)
	f.data = d.change(f.data)
	mend(f.data)
	d.blame(before, f.data)
}

// change makes one edit: to a field, to a byte anywhere, or to the length.
func (d *duel) change(b []byte) []byte {
	const ip, t = 0, ipHeaderLen
	kind, v := d.in.byte()%20, d.in.word()
	at16 := func(at int) {
		if len(b) >= at+2 {
			binary.BigEndian.PutUint16(b[at:], uint16(v))
		}
	}
	add32 := func(at, n int) {
		if len(b) >= at+4 {
			binary.BigEndian.PutUint32(b[at:], binary.BigEndian.Uint32(b[at:])+uint32(n))
		}
	}
	flip := func(at int, mask byte) {
		if at < len(b) {
			b[at] ^= mask
		}
	}
	signed := int(int16(v))
	switch kind {
	case 0:
		add32(t+4, signed) // sequence number
	case 1:
		add32(t+8, signed) // acknowledgement
	case 2:
		add32(t+8, signed*1400)
	case 3, 4:
		at16(t + 14) // window
	case 5, 6:
		flip(t+13, 1<<(v&7)) // flags
	case 7:
		at16(t + 18) // urgent pointer
	case 8:
		flip(t+12, byte(v)&0xf0) // data offset
	case 9, 10, 11:
		if len(b) > t+20 {
			flip(t+20+v%min(len(b)-t-20, 40), byte(v>>8)) // options, mostly
		}
	case 12:
		flip(ip+1, byte(v)) // TOS
	case 13:
		at16(ip + 4 + 2*(v>>15)) // identification, or flags and fragment offset
	case 14:
		flip(ip+8+v&1, byte(v>>8)) // TTL, protocol
	case 15:
		flip(ip+12+v&7, byte(v>>8)) // addresses
	case 16:
		at16(t + v>>15*2) // ports
	case 17:
		if len(b) > t+8 { // shorter
			b = b[:max(len(b)-v%1500, t+8)]
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		}
	case 18:
		b = append(b, make([]byte, v%64)...) // longer
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	default:
		flip(v%len(b), byte(1+d.in.byte())) // any byte, the payload's mostly
	}
	return b
}

// mend makes the checksums of a packet good again, as far as it has any.
func mend(b []byte) {
	if len(b) < ipHeaderLen {
		return
	}
	hl := int(b[0]&15) * 4
	if hl < ipHeaderLen || hl > len(b) {
		return
	}
	resum(b)
	body, at := b[hl:], 0
	switch {
	case binary.BigEndian.Uint16(b[6:])&0x3fff != 0:
		return // a fragment
	case b[9] == wire.ProtoTCP:
		at = 16
	case b[9] == wire.ProtoUDP:
		at = 6
	case b[9] == wire.ProtoICMP:
		at = 2
	default:
		return
	}
	if len(body) < at+2 {
		return
	}
	body[at], body[at+1] = 0, 0
	sum := uint64(0)
	if b[9] != wire.ProtoICMP {
		src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		sum = wire.SumPseudo(src, dst, b[9], len(body))
	}
	binary.BigEndian.PutUint16(body[at:], wire.Fold(wire.Sum(sum, body)))
}

// A view is what an edit may have changed of a segment or datagram.
type view struct {
	ok       bool
	fragment bool
	from, to netip.AddrPort
	protocol uint8
	tcp      wire.TCP
	payload  []byte
}

func look(b []byte) (v view) {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil {
		return v
	}
	v.protocol, v.fragment = ip.Protocol, ip.MF || ip.FragOff != 0
	var ports [2]uint16
	switch ip.Protocol {
	case wire.ProtoTCP:
		v.tcp, v.payload, err = wire.DecodeTCP(body)
		ports = [2]uint16{v.tcp.SrcPort, v.tcp.DstPort}
	case wire.ProtoUDP:
		if len(body) < 8 {
			return v
		}
		ports = [2]uint16{binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])}
		v.payload = body[4:] // the length, too, is its content
	default:
		return v
	}
	v.ok = err == nil
	v.from, v.to = netip.AddrPortFrom(ip.Src, ports[0]), netip.AddrPortFrom(ip.Dst, ports[1])
	return v
}

// blame notes what an edit may have touched. A frame that is no segment any more
// is lost, which touches nothing. An acknowledgement, a window, an option, a
// flag other than SYN, FIN and URG may stop a stream, but never change a byte of it.
func (d *duel) blame(before, after []byte) {
	x, y := look(before), look(after)
	switch {
	case bytes.Equal(before, after):
		return
	case x.fragment || y.fragment: // what is put together of it may be anything
		d.anySegment = d.anySegment || y.protocol == wire.ProtoTCP
		d.anyDatagram = d.anyDatagram || y.protocol == wire.ProtoUDP
		return
	case !y.ok:
		return
	}
	f := d.flow(y.from, y.to)
	if !x.ok || x.from != y.from || x.to != y.to || x.protocol != y.protocol {
		f.data, f.end = true, true
		return
	}
	if y.protocol == wire.ProtoUDP {
		f.data = f.data || !bytes.Equal(x.payload, y.payload)
		return
	}
	const moves = wire.SYN | wire.URG
	if x.tcp.Seq != y.tcp.Seq || (x.tcp.Flags^y.tcp.Flags)&moves != 0 || y.tcp.Flags&wire.URG != 0 && x.tcp.Urgent != y.tcp.Urgent ||
		!bytes.HasPrefix(x.payload, y.payload) {
		f.data = true
	}
	if (x.tcp.Flags^y.tcp.Flags)&wire.FIN != 0 || len(x.payload) != len(y.payload) {
		f.end = true
	}
}

// The duel knows which edits touch what.
func TestBlame(t *testing.T) {
	segment := func(change func(*wire.TCP), payload string) []byte {
		h := wire.TCP{SrcPort: 4000, DstPort: 80, Seq: 100, Ack: 200, Flags: wire.ACK, Window: 1000}
		change(&h)
		b := make([]byte, h.HeaderLen()+len(payload))
		copy(b[h.Encode(b):], payload)
		p := raw(wire.IPv4{Src: addrA, Dst: addrB, Protocol: wire.ProtoTCP}, b)
		mend(p)
		return p
	}
	same := func(*wire.TCP) {}
	for _, c := range []struct {
		name      string
		after     []byte
		data, end bool
	}{
		{"nothing", segment(same, "hello"), false, false},
		{"a window and an acknowledgement", segment(func(h *wire.TCP) { h.Window, h.Ack = 7, 8 }, "hello"), false, false},
		{"an option", segment(func(h *wire.TCP) { h.Options.SACKPermitted = true }, "hello"), false, false},
		{"a sequence number", segment(func(h *wire.TCP) { h.Seq++ }, "hello"), true, false},
		{"a SYN", segment(func(h *wire.TCP) { h.Flags |= wire.SYN }, "hello"), true, false},
		{"a FIN", segment(func(h *wire.TCP) { h.Flags |= wire.FIN }, "hello"), false, true},
		{"a byte", segment(same, "hallo"), true, false},
		{"a shorter segment", segment(same, "hell"), false, true},
		{"a longer one", segment(same, "hello!"), true, true},
		{"another flow", segment(func(h *wire.TCP) { h.SrcPort = 4001 }, "hello"), false, false},
		{"no segment", segment(same, "hello")[:30], false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.True(t, c.name == "no segment" || look(c.after).ok)
			d := &duel{flows: map[flowKey]*flowFacts{}}
			d.blame(segment(same, "hello"), c.after)
			f := d.flow(netip.AddrPortFrom(addrA, 4000), netip.AddrPortFrom(addrB, 80))
			require.Equal(t, [2]bool{c.data, c.end}, [2]bool{f.data, f.end})
			require.False(t, d.anySegment || d.anyDatagram)
		})
	}
}
