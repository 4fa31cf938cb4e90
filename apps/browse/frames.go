package browse

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/http2/hpack"

	"github.com/sockeye-net/sockeye/apps/http"
)

// A Frame is one frame of HTTP/2, as Browser.Frames hears of it (RFC 9113 4.1).
type Frame struct {
	Local  netip.AddrPort // our end of its connection
	Sent   bool           // by us
	Type   uint8
	Flags  uint8
	Stream uint32 // 0: the connection
	Length int    // of the payload

	// Of the HEADERS frame, or of the last CONTINUATION, that ends a head.
	Fields []http.Field // pseudo-fields included
	Packed int          // bytes of the head after HPACK
	Plain  int          // bytes that it would have in HTTP/1: name, colon, blank, value, line end
}

// Types of frame, and flags (RFC 9113 6).
const (
	FrameData         = 0
	FrameHeaders      = 1
	FrameSettings     = 4
	FramePushPromise  = 5
	FramePing         = 6
	FrameContinuation = 9

	FlagEndStream  = 1
	FlagAck        = 1 // of SETTINGS and PING
	FlagEndHeaders = 4

	flagPadded   = 8
	flagPriority = 0x20
)

const (
	preface   = 24 // bytes that a client sends first (RFC 9113 3.4)
	frameHead = 9
	mostHead  = 1 << 18 // bytes of a head that are kept to be decoded
	mostTable = 1 << 16 // bytes of a dynamic table that a peer may ask for
)

// A watched connection tells of the frames that go over it. To net/http it is one in the clear.
type watched struct {
	*tls.Conn
	in, out *frames
}

func newWatched(c *tls.Conn, tell func(Frame)) *watched {
	at := c.LocalAddr().(*net.TCPAddr).AddrPort() // as conn has it
	mine := func(f Frame) {
		f.Local = at
		tell(f)
	}
	return &watched{c, newFrames(false, mine), newFrames(true, mine)}
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.in.take(p[:n])
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	w.out.take(p) // before it goes: the answer must not be told before the question
	return w.Conn.Write(p)
}

// frames cuts one direction of a connection into its frames.
type frames struct {
	tell func(Frame)
	hp   *hpack.Decoder
	skip int // bytes that are no frame's head
	head []byte
	f    Frame
	left int    // of the payload
	keep []byte // payload of a frame that carries a part of a head
	all  []byte // the head so far
}

func newFrames(sent bool, tell func(Frame)) *frames {
	d := hpack.NewDecoder(4096, nil)
	d.SetAllowedMaxDynamicTableSize(mostTable)
	d.SetMaxStringLength(mostHead)
	r := &frames{tell: tell, hp: d, f: Frame{Sent: sent}}
	if sent {
		r.skip = preface
	}
	return r
}

// take takes the next bytes.
func (r *frames) take(b []byte) {
	for len(b) > 0 {
		switch {
		case r.skip > 0:
			n := min(r.skip, len(b))
			r.skip, b = r.skip-n, b[n:]
		case len(r.head) < frameHead:
			n := min(frameHead-len(r.head), len(b))
			r.head, b = append(r.head, b[:n]...), b[n:]
			r.begin()
		default:
			n := min(r.left, len(b))
			if r.carriesHead() && len(r.keep) < mostHead {
				r.keep = append(r.keep, b[:n]...)
			}
			r.left, b = r.left-n, b[n:]
			r.end()
		}
	}
}

// begin reads a frame's head once it is whole.
func (r *frames) begin() {
	if len(r.head) < frameHead {
		return
	}
	size := binary.BigEndian.Uint32(r.head) >> 8
	r.f = Frame{Sent: r.f.Sent, Type: r.head[3], Flags: r.head[4],
		Stream: binary.BigEndian.Uint32(r.head[5:]) & 0x7FFFFFFF, Length: int(size)}
	r.left, r.keep = int(size), r.keep[:0]
	r.end()
}

// end tells a frame once it is whole.
func (r *frames) end() {
	if r.left > 0 {
		return
	}
	r.head = r.head[:0]
	if r.carriesHead() {
		r.collect()
	}
	r.tell(r.f)
}

func (r *frames) carriesHead() bool {
	return r.f.Type == FrameHeaders || r.f.Type == FramePushPromise || r.f.Type == FrameContinuation
}

// collect adds a frame's part of a head and, with the last one, decodes it.
func (r *frames) collect() {
	b := r.keep
	if r.f.Type != FrameContinuation {
		r.all = r.all[:0]
		b = r.unpadded(b)
	}
	if r.all = append(r.all, b...); r.f.Flags&FlagEndHeaders == 0 || len(r.all) > mostHead {
		return
	}
	fields, err := r.hp.DecodeFull(r.all)
	if err != nil {
		return // the transport will say so
	}
	r.f.Packed = len(r.all)
	for _, h := range fields {
		r.f.Fields = append(r.f.Fields, http.Field{Name: h.Name, Value: h.Value})
		r.f.Plain += len(h.Name) + len(": ") + len(h.Value) + len("\r\n")
	}
}

// unpadded is the part of the payload that is HPACK's (RFC 9113 6.2, 6.6).
func (r *frames) unpadded(b []byte) []byte {
	pad, skip := 0, 0
	if r.f.Flags&flagPadded != 0 && len(b) > 0 {
		pad, skip = int(b[0]), 1
	}
	if r.f.Type == FramePushPromise {
		skip += 4
	} else if r.f.Flags&flagPriority != 0 {
		skip += 5
	}
	if skip+pad > len(b) {
		return nil
	}
	return b[skip : len(b)-pad]
}
