package capture

import (
	"fmt"
	"io"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Options describe a capture. Their zero value is useful: times count from 1970.
type Options struct {
	Wall      time.Time     // the wall-clock time at Base
	Base      clock.Instant // Never: the arbitrary start of Instants
	Interface string        // name of the link's interface; "": "sockeye0"
}

// A Writer writes packets to a pcapng file, one Write call for each. It is not
// safe for concurrent use.
type Writer struct {
	w       io.Writer
	wall    time.Time
	base    clock.Instant
	hasLoop bool // the interface of Local packets has been described
	k       block
}

// The file's interfaces. Packets of a host to itself are kept apart, since
// they were never on a wire.
const (
	interfaceLink = 0
	interfaceLoop = 1
)

// NewWriter begins a file on w. The caller buffers and closes w.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	if o.Wall.IsZero() {
		o.Wall = time.Unix(0, 0)
	}
	if o.Interface == "" {
		o.Interface = "sockeye0"
	}
	cw := &Writer{w: w, wall: o.Wall, base: o.Base}
	if err := cw.section(); err != nil {
		return nil, err
	}
	return cw, cw.describe(o.Interface)
}

// section writes the section header: byte order, version, unknown length.
func (w *Writer) section() error {
	w.k.begin(blockSection)
	w.k.u32(byteOrderMagic)
	w.k.u16(1) // version 1.0
	w.k.u16(0)
	w.k.u32(0xFFFFFFFF)
	w.k.u32(0xFFFFFFFF)
	w.k.option(optSectionUser, "Sockeye")
	return w.flush()
}

// describe writes the description of the next interface.
func (w *Writer) describe(name string) error {
	w.k.begin(blockInterface)
	w.k.u16(linkTypeRaw)
	w.k.u16(0)
	w.k.u32(0) // packets are not cut
	w.k.option(optInterfaceName, name)
	w.k.option(optInterfaceTSResol, "\x09") // 10^-9 s
	return w.flush()
}

func (w *Writer) flush() error {
	_, err := w.w.Write(w.k.end())
	return err
}

// WriteRecord writes the packet of r, or the segments that it stands for, with
// why it was sent and the given comments, a line each.
func (w *Writer) WriteRecord(r *link.Record, comments ...string) error {
	all := make([]string, 0, len(comments)+2)
	if r.Why != trace.None {
		all = append(all, r.Why.String())
	}
	all = append(all, comments...)
	var err error
	n := 0
	for seg := range r.Segments {
		p, lines := r.Length, all
		if n++; len(seg) < len(r.Data) || n > 1 {
			p = len(seg)
			lines = append(all, fmt.Sprintf("segment %d that the device cuts from %d bytes", n, r.Length))
		}
		if err = w.WritePacket(r.At, r.Dir, seg, p, lines...); err != nil {
			break
		}
	}
	return err
}

// WritePacket writes one packet as it is: data are the whole of its length
// bytes, or the first of them.
func (w *Writer) WritePacket(at clock.Instant, dir link.Direction, data []byte, length int, comments ...string) error {
	iface, flags := uint32(interfaceLink), uint32(0)
	switch dir {
	case link.In:
		flags = flagInbound
	case link.Out:
		flags = flagOutbound
	case link.Local:
		iface = interfaceLoop
		if !w.hasLoop {
			if err := w.describe("lo"); err != nil {
				return err
			}
			w.hasLoop = true
		}
	}
	ns := uint64(w.wall.Add(at.Sub(w.base)).UnixNano())
	w.k.begin(blockEnhanced)
	w.k.u32(iface)
	w.k.u32(uint32(ns >> 32))
	w.k.u32(uint32(ns))
	w.k.u32(uint32(len(data)))
	w.k.u32(uint32(max(length, len(data))))
	w.k.bytes(data)
	for _, c := range comments {
		w.k.option(optComment, c)
	}
	if flags != 0 {
		w.k.u16(optEnhancedFlags)
		w.k.u16(4)
		w.k.u32(flags)
	}
	return w.flush()
}
