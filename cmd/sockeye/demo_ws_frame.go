//go:build !js

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"unicode/utf8"
)

// A wsFrame is a frame of a WebSocket (RFC 6455 5.2).
type wsFrame struct {
	opcode  byte
	last    bool
	masked  bool
	mask    [4]byte
	payload []byte // without its mask
}

var wsNames = map[byte]string{0: "CONTINUATION", 1: "TEXT", 2: "BINARY", 8: "CLOSE", 9: "PING", 10: "PONG"}

func (f *wsFrame) name() string {
	if n, ok := wsNames[f.opcode]; ok {
		return n
	}
	return fmt.Sprintf("opcode %d", f.opcode)
}

// shown is the payload for people: a close's code, a text, or bytes.
func (f *wsFrame) shown() string {
	p := f.payload
	switch {
	case f.opcode == 8 && len(p) >= 2:
		return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(p), p[2:])
	case f.opcode != 2 && utf8.Valid(p):
		return string(p)
	}
	return fmt.Sprintf("% x", p)
}

// parseWSFrame takes a frame off the beginning of b; n is 0 where it is not whole yet.
func parseWSFrame(b []byte) (f *wsFrame, n int) {
	if len(b) < 2 {
		return nil, 0
	}
	f = &wsFrame{opcode: b[0] & 15, last: b[0]&0x80 != 0, masked: b[1]&0x80 != 0}
	size, n := uint64(b[1]&0x7f), 2
	switch {
	case size == 126 && len(b) >= 4:
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	case size > 125:
		return nil, 0
	}
	if f.masked {
		if len(b) < n+4 {
			return nil, 0
		}
		n += copy(f.mask[:], b[n:])
	}
	if uint64(len(b)-n) < size {
		return nil, 0
	}
	f.payload = bytes.Clone(b[n : n+int(size)])
	if f.masked {
		for i := range f.payload {
			f.payload[i] ^= f.mask[i%4]
		}
	}
	return f, n + int(size)
}

// framesSeen is what went over a WebSocket: a head each way, then frames, told as they go.
type framesSeen struct {
	s      *session
	mu     sync.Mutex
	head   [2][]byte // sent, received
	rest   [2][]byte // what is not whole yet
	headed [2]bool
}

// mostSeen bounds what is kept of what is not whole.
const mostSeen = 1 << 16

func (s *framesSeen) take(way int, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rest[way] = append(s.rest[way], b...); len(s.rest[way]) > mostSeen {
		s.rest[way] = nil
	}
	if !s.headed[way] {
		head, rest, ok := bytes.Cut(s.rest[way], []byte("\r\n\r\n"))
		if !ok {
			return
		}
		s.head[way], s.rest[way], s.headed[way] = bytes.Clone(head), bytes.Clone(rest), true
	}
	for {
		f, n := parseWSFrame(s.rest[way])
		if n == 0 {
			return
		}
		s.rest[way] = s.rest[way][n:]
		s.s.tellFrame(f, way == 0)
	}
}

// heads are the two heads of the upgrade.
func (s *framesSeen) heads() (request, reply []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head[0], s.head[1]
}

// headField is the value of a field in a head; "" where it has none.
func headField(head []byte, name string) string {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// A framedConn is a connection whose bytes are looked at as they pass.
type framedConn struct {
	net.Conn
	seen *framesSeen
}

func (c *framedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.seen.take(1, p[:max(n, 0)])
	return n, err
}

func (c *framedConn) Write(p []byte) (int, error) {
	c.seen.take(0, p)
	return c.Conn.Write(p)
}
