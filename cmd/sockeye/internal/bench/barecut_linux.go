package bench

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A bareCut is what a bareConn sends on a device that takes single packets only:
// segments of one text, each with headers and a checksum of its own.
type bareCut struct {
	ip    wire.Template
	tcp   wire.TCPTemplate
	ps    [64]link.Packet
	heads [64][40]byte
}

// sendCut sends text, of at most bareMost bytes, segment by segment.
func (c *bareConn) sendCut(text []byte) error {
	k := &c.cut
	c.seg = wire.TCP{SrcPort: c.local.Port(), DstPort: c.remote.Port(), Ack: c.rcv, Flags: wire.ACK, Window: bareWindow}
	k.ip.Set(wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: c.local.Addr(), Dst: c.remote.Addr(), DF: true})
	k.tcp.Set(&c.seg)
	for len(text) > 0 {
		n := 0
		for ; n < len(k.ps) && len(text) > 0; n++ {
			part := text[:min(c.mss, len(text))]
			text = text[len(part):]
			length := k.tcp.Len() + len(part)
			b := k.heads[n][:]
			at := k.ip.Put(b, length, 0)
			_, sum := k.tcp.Put(b[at:], k.ip.SumPseudo(length), c.nxt, wire.ACK)
			binary.BigEndian.PutUint16(b[at+16:], wire.Fold(wire.Sum(sum, part)))
			k.ps[n] = link.Packet{Head: b, Body: [2][]byte{part}}
			c.nxt = c.nxt.Add(len(part))
		}
		if err := c.dev.WriteBatch(k.ps[:n]); err != nil {
			return err
		}
	}
	return nil
}
