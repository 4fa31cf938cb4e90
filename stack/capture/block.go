package capture

import "encoding/binary"

// Types of block and codes of option, as the pcapng specification
// (draft-ietf-opsawg-pcapng) numbers them.
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockEnhanced  = 6 // one packet with time, interface and options
	blockSecrets   = 10

	byteOrderMagic = 0x1A2B3C4D

	optEnd     = 0
	optComment = 1

	optSectionUser = 4 // the application that wrote the file

	optInterfaceName    = 2
	optInterfaceTSResol = 9

	optEnhancedFlags = 2

	linkTypeRaw = 101 // the packet begins with an IPv4 or IPv6 header
)

// Directions in the flags of an enhanced packet block.
const (
	flagInbound  = 1
	flagOutbound = 2
	flagDirMask  = 3
)

// A block is one block being built, in little-endian order.
type block struct{ b []byte }

// begin starts a block; its length is filled in by end.
func (k *block) begin(kind uint32) {
	k.b = append(k.b[:0], make([]byte, 8)...)
	binary.LittleEndian.PutUint32(k.b, kind)
}

func (k *block) u16(v uint16) { k.b = binary.LittleEndian.AppendUint16(k.b, v) }
func (k *block) u32(v uint32) { k.b = binary.LittleEndian.AppendUint32(k.b, v) }

// bytes adds v, padded to 4 bytes.
func (k *block) bytes(v []byte) {
	k.b = append(k.b, v...)
	k.pad()
}

func (k *block) pad() {
	for len(k.b)%4 != 0 {
		k.b = append(k.b, 0)
	}
}

// option adds one option; a value longer than 65,535 bytes is cut.
func (k *block) option(code uint16, v string) {
	v = v[:min(len(v), 0xFFFF)]
	k.u16(code)
	k.u16(uint16(len(v)))
	k.b = append(k.b, v...)
	k.pad()
}

// end ends the options and the block.
func (k *block) end() []byte {
	k.u32(optEnd)
	k.u32(uint32(len(k.b) + 4))
	binary.LittleEndian.PutUint32(k.b[4:], uint32(len(k.b)))
	return k.b
}
