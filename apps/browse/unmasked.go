//go:build !js

package browse

import (
	"encoding/binary"
	"net"

	"github.com/sockeye-net/sockeye/apps/http"
)

// An unmasked connection reads a server's answer to an upgrade, and then its frames, and ends where one of them is
// masked, as only a client's may be (RFC 6455 5.1): whoever sent it may be no server, but a mirror.
type unmasked struct {
	net.Conn
	ended  int    // how much of the blank line after a head has come
	frames bool   // the head of a 101 is over
	head   []byte // of the frame at hand, as far as it has come; before the frames, a response's first line's beginning
	left   uint64 // payload of it that is still to come
	bad    bool   // a mask has come
}

var errMasked = &http.Error{Kind: http.RecvFailed, Text: "the server says what it must not: a frame with a mask"}

func (u *unmasked) Read(p []byte) (int, error) {
	if u.bad {
		return 0, errMasked
	}
	n, err := u.Conn.Read(p)
	if good := n - u.see(p[:n]); u.bad {
		n, err = good, nil // what came before it counts
	}
	if n == 0 && u.bad {
		err = errMasked
	}
	return n, err
}

// see follows what has come, up to a mask; it returns how many bytes are left from there on.
func (u *unmasked) see(b []byte) int {
	for len(b) > 0 {
		switch {
		case !u.frames:
			b = b[u.blank(b):]
		case u.left > 0:
			n := min(u.left, uint64(len(b)))
			u.left -= n
			b = b[n:]
		default:
			u.head = append(u.head, b[0])
			b = b[1:]
			if u.bad = len(u.head) >= 2 && u.head[1]&0x80 != 0; u.bad {
				return len(b) + 1
			}
			if n, ok := frameLength(u.head); ok {
				u.left, u.head = n, u.head[:0]
			}
		}
	}
	return 0
}

// blank looks for the end of a head in b, and returns how much of b belongs to the head. Frames follow only a 101:
// another 1xx is followed by the next head, and a refusal by its body.
func (u *unmasked) blank(b []byte) int {
	const begin, end = "HTTP/1.1 101", "\r\n\r\n"
	for i, c := range b {
		if len(u.head) < len(begin) {
			u.head = append(u.head, c)
		}
		switch {
		case c == end[u.ended]:
			u.ended++
		case c == end[0]:
			u.ended = 1
		default:
			u.ended = 0
		}
		if u.ended == len(end) {
			u.frames = string(u.head) == begin
			u.head, u.ended = u.head[:0], 0
			return i + 1
		}
	}
	return len(b)
}

// frameLength is how long the payload of a frame is, once its head is whole.
func frameLength(head []byte) (n uint64, ok bool) {
	if len(head) < 2 {
		return 0, false
	}
	switch n = uint64(head[1] & 0x7f); {
	case n < 126:
		return n, true
	case n == 126:
		if len(head) < 4 {
			return 0, false
		}
		return uint64(binary.BigEndian.Uint16(head[2:])), true
	}
	if len(head) < 10 {
		return 0, false
	}
	return binary.BigEndian.Uint64(head[2:]), true
}
