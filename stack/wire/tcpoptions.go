package wire

import "encoding/binary"

// To add a TCP option:
//  1. give its kind and length a name below and a field in TCPOptions;
//  2. read it in take and write it in encode, in words of four bytes with NOPs
//     in front, so that no end-of-list and no padding is ever needed;
//  3. count its words in Len, before the SACK blocks, which take what is left;
//  4. add a row to each of the tables in tcpoptions_test.go.

// Option kinds (IANA) and their lengths, kind and length byte included.
const (
	optEnd           = 0 // RFC 9293 3.1; no length byte, nor has NOP
	optNop           = 1
	optMSS           = 2 // RFC 9293 3.7.1
	optWindowScale   = 3 // RFC 7323 2.2
	optSACKPermitted = 4 // RFC 2018 2
	optSACK          = 5 // RFC 2018 3
	optTimestamps    = 8 // RFC 7323 3.2

	lenMSS           = 4
	lenWindowScale   = 3
	lenSACKPermitted = 2
	lenSACKBase      = 2 // and 8 for each block
	lenSACKBlock     = 8
	lenTimestamps    = 10
)

const (
	maxTCPOptions = 40 // what a data offset of 15 words leaves
	wordLen       = 4
)

// MaxSACKBlocks is the most SACK blocks that fit beside nothing else (RFC 2018
// 3); beside timestamps 3 do.
const MaxSACKBlocks = 4

// A SACKBlock is one isolated block of received data: from Left up to, and not
// including, Right.
type SACKBlock struct{ Left, Right Seq }

// TCPOptions are the options of one segment. The zero value is none.
type TCPOptions struct {
	MSS            uint16 // maximum segment size (RFC 9293 3.7.1), where HasMSS
	WindowScale    uint8  // shift as on the wire (RFC 7323 2.2), where HasWindowScale
	NumSACK        uint8  // how many of SACK are set
	HasMSS         bool
	HasWindowScale bool
	SACKPermitted  bool // RFC 2018 2
	HasTimestamps  bool // RFC 7323 3.2
	TSVal, TSEcr   uint32
	SACK           [MaxSACKBlocks]SACKBlock
}

// reset makes o none, but leaves the unused SACK blocks as they are.
func (o *TCPOptions) reset() {
	o.MSS, o.WindowScale, o.NumSACK = 0, 0, 0
	o.HasMSS, o.HasWindowScale, o.SACKPermitted, o.HasTimestamps = false, false, false, false
	o.TSVal, o.TSEcr = 0, 0
}

// alignedTimestamps are the bytes before the two values where timestamps are all
// there is, as nearly every segment has it (RFC 7323 appendix A).
const alignedTimestamps = optNop<<24 | optNop<<16 | optTimestamps<<8 | lenTimestamps

// decode reads the options b. A length that is 0, 1 or runs over the end leaves
// no way to find the next option and ends the reading.
func (o *TCPOptions) decode(b []byte) {
	if len(b) == 3*wordLen && binary.BigEndian.Uint32(b) == alignedTimestamps {
		o.HasTimestamps = true
		o.TSVal = binary.BigEndian.Uint32(b[4:])
		o.TSEcr = binary.BigEndian.Uint32(b[8:])
		return
	}
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == optNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		o.take(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
}

// take stores one option. A known kind with a length that is not its own is
// skipped like an unknown one; of two with the same kind the later counts.
func (o *TCPOptions) take(kind uint8, v []byte) {
	switch {
	case kind == optMSS && len(v) == lenMSS-2:
		o.HasMSS = true
		o.MSS = binary.BigEndian.Uint16(v)
	case kind == optWindowScale && len(v) == lenWindowScale-2:
		o.HasWindowScale = true
		o.WindowScale = v[0]
	case kind == optSACKPermitted && len(v) == lenSACKPermitted-2:
		o.SACKPermitted = true
	case kind == optTimestamps && len(v) == lenTimestamps-2:
		o.HasTimestamps = true
		o.TSVal = binary.BigEndian.Uint32(v)
		o.TSEcr = binary.BigEndian.Uint32(v[4:])
	case kind == optSACK && len(v) >= lenSACKBlock && len(v)%lenSACKBlock == 0:
		o.takeSACK(v)
	}
}

// takeSACK stores the blocks of v; 40 bytes of options hold at most 4.
func (o *TCPOptions) takeSACK(v []byte) {
	o.SACK = [MaxSACKBlocks]SACKBlock{}
	o.NumSACK = 0
	for ; len(v) >= lenSACKBlock && o.NumSACK < MaxSACKBlocks; v = v[lenSACKBlock:] {
		o.SACK[o.NumSACK] = SACKBlock{
			Left:  Seq(binary.BigEndian.Uint32(v)),
			Right: Seq(binary.BigEndian.Uint32(v[4:])),
		}
		o.NumSACK++
	}
}

// Len returns the encoded length in bytes, a multiple of 4 of at most 40. SACK
// blocks that do not fit beside the other options are left off.
func (o *TCPOptions) Len() int {
	if o.plain() {
		if o.HasTimestamps {
			return 3 * wordLen
		}
		return 0
	}
	n := o.fixedLen()
	if k := o.sackFit(n); k > 0 {
		n += wordLen + k*lenSACKBlock
	}
	return n
}

// plain reports that there is nothing but timestamps, perhaps, as in nearly every segment.
func (o *TCPOptions) plain() bool {
	return o.NumSACK == 0 && !o.HasMSS && !o.HasWindowScale && !o.SACKPermitted
}

// fixedLen is the length of all options but the SACK blocks, NOPs included.
func (o *TCPOptions) fixedLen() int {
	n := 0
	if o.HasMSS {
		n += wordLen
	}
	if o.HasTimestamps {
		n += 3 * wordLen // SACK-permitted takes the place of its two NOPs
	} else if o.SACKPermitted {
		n += wordLen
	}
	if o.HasWindowScale {
		n += wordLen
	}
	return n
}

// sackFit is how many SACK blocks fit after fixed bytes of other options.
func (o *TCPOptions) sackFit(fixed int) int {
	return min(int(o.NumSACK), (maxTCPOptions-fixed-wordLen)/lenSACKBlock, MaxSACKBlocks)
}

// encode writes the options to b, which is exactly Len long, in the order in
// which Linux sends them. Every option is a number of whole words, so there is
// neither an end-of-list nor padding after it (RFC 9293 3.1, MUST-69).
func (o *TCPOptions) encode(b []byte) {
	if o.plain() {
		if o.HasTimestamps {
			binary.BigEndian.PutUint32(b, alignedTimestamps)
			binary.BigEndian.PutUint32(b[4:], o.TSVal)
			binary.BigEndian.PutUint32(b[8:], o.TSEcr)
		}
		return
	}
	if o.HasMSS {
		b[0], b[1] = optMSS, lenMSS
		binary.BigEndian.PutUint16(b[2:], o.MSS)
		b = b[4:]
	}
	if o.HasTimestamps {
		b[0], b[1], b[2], b[3] = optNop, optNop, optTimestamps, lenTimestamps
		if o.SACKPermitted { // in the place of the NOPs
			b[0], b[1] = optSACKPermitted, lenSACKPermitted
		}
		binary.BigEndian.PutUint32(b[4:], o.TSVal)
		binary.BigEndian.PutUint32(b[8:], o.TSEcr)
		b = b[12:]
	} else if o.SACKPermitted {
		b[0], b[1], b[2], b[3] = optNop, optNop, optSACKPermitted, lenSACKPermitted
		b = b[4:]
	}
	if o.HasWindowScale {
		b[0], b[1], b[2], b[3] = optNop, optWindowScale, lenWindowScale, o.WindowScale
		b = b[4:]
	}
	if k := o.sackFit(o.fixedLen()); k > 0 {
		encodeSACK(b, o.SACK[:k])
	}
}

// encodeSACK writes NOP, NOP and the SACK option with blocks.
func encodeSACK(b []byte, blocks []SACKBlock) {
	b[0], b[1], b[2] = optNop, optNop, optSACK
	b[3] = uint8(lenSACKBase + len(blocks)*lenSACKBlock)
	for i, s := range blocks {
		at := b[wordLen+i*lenSACKBlock:]
		binary.BigEndian.PutUint32(at, uint32(s.Left))
		binary.BigEndian.PutUint32(at[4:], uint32(s.Right))
	}
}
