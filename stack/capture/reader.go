package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

// ErrFormat says that a file is neither pcapng nor pcap, or not well-formed.
var ErrFormat = errors.New("capture: malformed")

// maxBlock bounds a block: far more than any IP packet with its comments.
const maxBlock = 1 << 20

// A Packet is one packet of a file.
type Packet struct {
	At        time.Time
	Dir       link.Direction // 0: the file does not say; Local is not told apart
	Interface string         // name, where the file gives one
	LinkType  uint16
	Data      []byte
	Length    int // of the whole packet
	Comments  []string
}

// A Reader reads packets from a pcapng file of either byte order, or from a
// pcap. Blocks that hold no packet with a time are skipped.
type Reader struct {
	r      io.Reader
	order  binary.ByteOrder // nil before the first section
	ifaces []iface
	old    *old // nil: it is no pcap
	begun  bool
}

type iface struct {
	name     string
	linkType uint16
	resol    byte // if_tsresol
}

// NewReader returns a Reader of r, which it reads in small pieces.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next packet, or io.EOF at the end of a well-formed file.
func (r *Reader) Next() (*Packet, error) {
	for {
		if r.old != nil {
			return r.pcapNext()
		}
		kind, body, err := r.block()
		if err != nil {
			return nil, err
		}
		switch kind {
		case blockInterface:
			err = r.describe(body)
		case blockEnhanced:
			return r.enhanced(body)
		}
		if err != nil {
			return nil, err
		}
	}
}

// block reads one block and returns its body.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r.r, head[:8]); err == io.EOF {
		return 0, nil, io.EOF
	} else if err != nil {
		return 0, nil, r.cutShort(err)
	}
	if !r.begun {
		r.begun = true
		if order, nano := pcapOrder(head[:]); order != nil {
			return 0, nil, r.pcapHead(order, nano)
		}
	}
	have := head[:8]
	if binary.LittleEndian.Uint32(head[:]) == blockSection { // reads the same both ways
		if _, err := io.ReadFull(r.r, head[8:]); err != nil {
			return 0, nil, r.cutShort(err)
		}
		have = head[:]
		if err := r.section(head[8:]); err != nil {
			return 0, nil, err
		}
	}
	if r.order == nil {
		return 0, nil, fmt.Errorf("%w: %s", ErrFormat, unlike(head[:8]))
	}
	kind, length := r.order.Uint32(head[:]), r.order.Uint32(head[4:])
	if length < uint32(len(have)+4) || length%4 != 0 || length > maxBlock {
		return 0, nil, malformed("block of %d bytes", length)
	}
	rest := make([]byte, int(length)-len(have))
	if _, err := io.ReadFull(r.r, rest); err != nil {
		return 0, nil, r.cutShort(err)
	}
	body, tail := rest[:len(rest)-4], rest[len(rest)-4:]
	if r.order.Uint32(tail) != length {
		return 0, nil, malformed("lengths differ")
	}
	return kind, body, nil
}

// section begins a section: a new byte order and no interfaces.
func (r *Reader) section(magic []byte) error {
	switch {
	case binary.LittleEndian.Uint32(magic) == byteOrderMagic:
		r.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic) == byteOrderMagic:
		r.order = binary.BigEndian
	default:
		return malformed("byte order")
	}
	r.ifaces = r.ifaces[:0]
	return nil
}

func (r *Reader) describe(b []byte) error {
	if len(b) < 8 {
		return malformed("interface cut short")
	}
	if len(r.ifaces) >= 1<<16 {
		return malformed("too many interfaces")
	}
	f := iface{linkType: r.order.Uint16(b), resol: 6}
	err := r.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optInterfaceName:
			f.name = string(v)
		case code == optInterfaceTSResol && len(v) == 1:
			f.resol = v[0]
		}
	})
	r.ifaces = append(r.ifaces, f)
	return err
}

func (r *Reader) enhanced(b []byte) (*Packet, error) {
	if len(b) < 20 {
		return nil, malformed("packet cut short")
	}
	id, captured := r.order.Uint32(b), r.order.Uint32(b[12:])
	if uint64(id) >= uint64(len(r.ifaces)) {
		return nil, malformed("interface %d was not described", id)
	}
	padded := (uint64(captured) + 3) &^ 3
	if padded > uint64(len(b)-20) {
		return nil, malformed("packet of %d bytes does not fit its block", captured)
	}
	f := &r.ifaces[id]
	p := &Packet{
		At:        f.time(uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))),
		Interface: f.name,
		LinkType:  f.linkType,
		Data:      b[20 : 20+captured],
		Length:    int(r.order.Uint32(b[16:])),
	}
	err := r.options(b[20+padded:], func(code uint16, v []byte) {
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, string(v))
		case code == optEnhancedFlags && len(v) == 4:
			switch r.order.Uint32(v) & flagDirMask {
			case flagInbound:
				p.Dir = link.In
			case flagOutbound:
				p.Dir = link.Out
			}
		}
	})
	return p, err
}

// options calls take for each option of b.
func (r *Reader) options(b []byte, take func(code uint16, v []byte)) error {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == optEnd {
			return nil
		}
		padded := (n + 3) &^ 3
		if 4+padded > len(b) {
			return malformed("option %d does not fit", code)
		}
		take(code, b[4:4+n])
		b = b[4+padded:]
	}
	return nil
}

// time converts a timestamp of the interface's resolution: 10^-resol s, or
// 2^-resol s where the high bit is set.
func (f *iface) time(ts uint64) time.Time {
	var sec, ns uint64
	if n := uint(f.resol & 0x7F); f.resol&0x80 != 0 {
		n = min(n, 63)
		sec = ts >> n
		hi, lo := bits.Mul64(ts&(1<<n-1), 1e9)
		ns, _ = bits.Div64(hi, lo, 1<<n) // fits: the fraction is below 1<<n
	} else {
		unit := uint64(1)
		for range min(n, 19) {
			unit *= 10
		}
		sec = ts / unit
		hi, lo := bits.Mul64(ts%unit, 1e9)
		ns, _ = bits.Div64(hi, lo, unit)
	}
	return time.Unix(int64(sec), int64(ns))
}

// cutShort tells a file that ends too early from a failure to read it.
func (r *Reader) cutShort(err error) error {
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case r.old != nil:
		return malformedPcap("cut short")
	case r.order == nil:
		return fmt.Errorf("%w: too short for pcap or pcapng", ErrFormat)
	}
	return malformed("cut short")
}

// unlike says what a file is that is no capture we know, by its first bytes.
func unlike(head []byte) string {
	text := "it begins like neither pcap nor pcapng"
	for _, known := range []struct{ magic, name string }{{"\x1f\x8b", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"\xfd7zXZ", "xz"}, {"BZh", "bzip2"}} {
		if strings.HasPrefix(string(head), known.magic) {
			return text + ", but like " + known.name + ": unpack it first"
		}
	}
	return text
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w pcapng: %s", ErrFormat, fmt.Sprintf(format, args...))
}
