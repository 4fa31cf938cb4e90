package journey

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A Frame is one frame of HTTP/2.
type Frame struct {
	Local        netip.AddrPort // our end of its connection
	Sent         bool
	Type         uint8 // RFC 9113 6
	Stream       uint32
	Length       int
	EndStream    bool
	Fields       [][2]string // of a frame that ends a head
	Packed       int         // bytes of that head after HPACK
	Plain        int         // bytes that it would have in HTTP/1
	Acknowledges bool        // SETTINGS or PING with the flag ACK
}

// frameNames are RFC 9113's.
var frameNames = [...]string{"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"}

func frameName(t uint8) string {
	if int(t) < len(frameNames) {
		return frameNames[t]
	}
	return fmt.Sprintf("type %d", t)
}

// A stream is what is remembered of one request of HTTP/2.
type stream struct {
	local          netip.AddrPort
	id             uint32
	method, path   string
	status         string
	packed, plain  [2]int // of heads: sent, received
	data           [2]int64
	request, reply [][2]string
}

// maxStreams bounds what is remembered of them.
const maxStreams = 1024

// Frame takes a frame that has been read or written.
func (j *Journey) Frame(now clock.Instant, f Frame) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	if f.Stream != 0 {
		j.streamOf(&f).note(&f)
	}
	j.hear(item{at: now, order: orderCall, tell: func() { j.tellFrame(now, &f) }})
}

func (j *Journey) streamOf(f *Frame) *stream {
	for _, s := range j.streams {
		if s.local == f.Local && s.id == f.Stream {
			return s
		}
	}
	s := &stream{local: f.Local, id: f.Stream}
	if len(j.streams) < maxStreams {
		j.streams = append(j.streams, s)
	}
	return s
}

func (s *stream) note(f *Frame) {
	way := 1
	if f.Sent {
		way = 0
	}
	if f.Type == 0 {
		s.data[way] += int64(f.Length)
	}
	s.packed[way] += f.Packed
	s.plain[way] += f.Plain
	if f.Fields == nil {
		return
	}
	if f.Sent {
		s.request = f.Fields
	} else {
		s.reply = f.Fields
	}
	for _, h := range f.Fields {
		switch h[0] {
		case ":method":
			s.method = h[1]
		case ":path":
			s.path = h[1]
		case ":status":
			s.status = h[1]
		}
	}
}

// tellFrame is a line between the packets: what HTTP/2 put into them, or found in them.
func (j *Journey) tellFrame(at clock.Instant, f *Frame) {
	way := "<"
	if f.Sent {
		way = ">"
	}
	text := fmt.Sprintf("h2 %s %s", way, frameName(f.Type))
	if f.Stream != 0 {
		text += "  " + j.t("stream %d", f.Stream)
	}
	text += "  len " + fmt.Sprint(f.Length)
	switch {
	case f.Plain > 0:
		text += "  " + j.t("(%d bytes before HPACK)", f.Plain)
	case f.EndStream:
		text += "  " + j.t("the end of the stream")
	case f.Acknowledges:
		text += "  ACK"
	}
	j.record("frame", at, text)
	j.rung(fmt.Sprintf("%*s  %s", timeColumn, j.time(at), j.call(text)), 0)
}

// StreamHeads returns the heads of the stream that was opened last, a line for each field.
func (j *Journey) StreamHeads() (request, reply []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.streams) == 0 {
		return nil, nil
	}
	s := j.streams[len(j.streams)-1]
	return headText(s.request), headText(s.reply)
}

func headText(fields [][2]string) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, f[0]+": "+f[1]+"\r\n"...)
	}
	return b
}

// Streams tells the requests that went over HTTP/2, and what HPACK saved.
func (j *Journey) Streams() {
	j.end(func() {
		if len(j.streams) == 0 {
			return
		}
		j.heading("HTTP/2: its streams")
		j.tellStreams()
		j.blank()
	})
}

func (j *Journey) tellStreams() {
	j.paragraph(j.t("All requests share one TCP connection. Each has a stream; the heads go through HPACK, which sends what both sides know already as a number."))
	j.blank()
	j.line(margin + pad(j.t("stream"), 8) + pad(j.t("request"), 26) + pad(j.t("head sent"), 14) + pad(j.t("received"), 14) + j.t("data"))
	all := slices.Clone(j.streams)
	slices.SortStableFunc(all, func(a, b *stream) int {
		return cmp.Or(cmp.Compare(a.local.Port(), b.local.Port()), cmp.Compare(a.id, b.id))
	})
	var plain, packed int
	for _, s := range all {
		what := clean(s.method+" "+s.path, 18)
		if s.status != "" {
			what += " " + clean(s.status, 4)
		}
		j.line(margin + pad(fmt.Sprint(s.id), 8) + pad(what, 26) +
			pad(fmt.Sprintf("%d -> %d", s.plain[0], s.packed[0]), 14) + pad(fmt.Sprintf("%d -> %d", s.plain[1], s.packed[1]), 14) + count(s.data[1]))
		plain += s.plain[0] + s.plain[1]
		packed += s.packed[0] + s.packed[1]
	}
	j.blank()
	j.paragraph(j.t("Heads of %s in HTTP/1 became %s: HPACK.", j.n(int64(plain), "byte"), j.n(int64(packed), "byte")))
}
