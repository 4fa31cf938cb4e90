package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// A name with a dot inside a label is a name (RFC 2181 11), and an SOA's mailbox has one as soon as the
// person's own name does (RFC 1035 8). dnsmessage refuses it. Data with such a name stays bytes, but not
// those of the message: their pointers would mean something else in the cache, and in the next message.

// namesOf is where the names of the types are that may be compressed: after before bytes, and with after
// bytes behind them. names is 0 for every other type.
func namesOf(t Type) (before, names, after int) {
	switch t {
	case TypeNS, TypeCNAME, TypePTR:
		return 0, 1, 0
	case TypeMX:
		return 2, 1, 0
	case TypeSRV:
		return 6, 1, 0
	case TypeSOA:
		return 0, 2, 20
	}
	return 0, 0, 0
}

// writtenOut is the data at off, which checkData has checked, with its names uncompressed.
func writtenOut(msg []byte, off, end int, t Type) []byte {
	before, names, _ := namesOf(t)
	out := append([]byte(nil), msg[off:off+before]...)
	off += before
	for range names {
		out = appendLabels(out, msg, off)
		off, _ = checkName(msg, off, end)
	}
	return append(out, msg[off:end]...)
}

// appendLabels appends the name at off, which checkName has checked.
func appendLabels(b, msg []byte, off int) []byte {
	for {
		switch c := int(msg[off]); {
		case c == 0:
			return append(b, 0)
		case c > maxLabel:
			off = int(binary.BigEndian.Uint16(msg[off:]) & 0x3FFF)
		default:
			b = append(b, msg[off:off+1+c]...)
			off += 1 + c
		}
	}
}

// labelsText is the uncompressed name that b begins with, as a master file has it, and what follows it.
func labelsText(b []byte) (name string, rest []byte, ok bool) {
	n := wireLen(b)
	if n == 0 {
		return "", nil, false
	}
	var out []byte
	for i := 0; b[i] != 0; i += 1 + int(b[i]) {
		out = append(out, escape(string(b[i+1:i+1+int(b[i])]), nameSpecial+".")...)
		out = append(out, '.')
	}
	if len(out) == 0 {
		out = append(out, '.')
	}
	return string(out), b[n:], true
}

// namesString is data of one of those types that stayed bytes.
func namesString(t Type, b []byte) string {
	before, names, after := namesOf(t)
	if names == 0 || len(b) < before {
		return ""
	}
	var out []byte
	for i := range before / 2 {
		out = append(append(out, numbers(uint32(binary.BigEndian.Uint16(b[2*i:])))...), ' ')
	}
	b = b[before:]
	for i := range names {
		name, rest, ok := labelsText(b)
		if !ok {
			return ""
		}
		if i > 0 {
			out = append(out, ' ')
		}
		out, b = append(out, name...), rest
	}
	if len(b) != after {
		return ""
	}
	for ; len(b) > 0; b = b[4:] {
		out = append(append(out, ' '), numbers(binary.BigEndian.Uint32(b))...)
	}
	return string(out)
}

// minTTL is how long an SOA lets it be kept that there is nothing; false: d is no SOA's.
func minTTL(r *Record) (uint32, bool) {
	switch d := r.Data.(type) {
	case *dnsmessage.SOAResource:
		return d.MinTTL, true
	case *dnsmessage.UnknownResource:
		ns := wireLen(d.Data)
		mbox := wireLen(d.Data[ns:])
		if r.Type == TypeSOA && ns > 0 && mbox > 0 && ns+mbox+20 == len(d.Data) {
			return binary.BigEndian.Uint32(d.Data[len(d.Data)-4:]), true
		}
	}
	return 0, false
}
