package dns

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// The data of types that dnsmessage does not know comes as bytes. Here they become text, each
// function returning "" where the bytes are not of the type's shape.

// bytesString is the data of a type that dnsmessage does not know, as its RFC writes it.
func bytesString(t Type, b []byte) string {
	switch t {
	case typeDNAME:
		if name, rest, ok := readName(b); ok && len(rest) == 0 {
			return Escape(name)
		}
	case TypeCAA:
		return caaString(b)
	case TypeHTTPS, typeSVCB:
		return svcbString(b)
	}
	return namesString(t, b)
}

// caaString is RFC 8659 4.1.1: flags, tag, "value".
func caaString(b []byte) string {
	if len(b) < 2 || 2+int(b[1]) > len(b) {
		return ""
	}
	tag, value := b[2:2+int(b[1])], b[2+int(b[1]):]
	return strconv.Itoa(int(b[0])) + " " + Escape(string(tag)) + ` "` + escape(string(value), textSpecial) + `"`
}

var svcKeys = [...]string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"}

func svcKey(k uint16) string {
	if int(k) < len(svcKeys) {
		return svcKeys[k]
	}
	return "key" + strconv.Itoa(int(k))
}

// svcbString is RFC 9460 2.1: priority, target, parameters.
func svcbString(b []byte) string {
	if len(b) < 3 {
		return ""
	}
	target, rest, ok := readName(b[2:])
	if !ok {
		return ""
	}
	out := strconv.Itoa(int(binary.BigEndian.Uint16(b))) + " " + Escape(target)
	for len(rest) > 0 {
		if len(rest) < 4 {
			return ""
		}
		key, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if 4+n > len(rest) {
			return ""
		}
		out += " " + svcKey(key)
		if v := svcValue(key, rest[4:4+n]); v != "" {
			out += "=" + v
		}
		rest = rest[4+n:]
	}
	return out
}

// svcValue is the value of one parameter (RFC 9460 14.3.2).
func svcValue(key uint16, v []byte) string {
	var parts []string
	switch {
	case key == 0 && len(v)%2 == 0:
		for ; len(v) > 0; v = v[2:] {
			parts = append(parts, svcKey(binary.BigEndian.Uint16(v)))
		}
	case key == 1 && (len(v) == 0 || checkTexts(v) == nil):
		for len(v) > 0 {
			parts = append(parts, escape(string(v[1:1+int(v[0])]), `"\,`))
			v = v[1+int(v[0]):]
		}
		return `"` + strings.Join(parts, ",") + `"`
	case key == 3 && len(v) == 2:
		return strconv.Itoa(int(binary.BigEndian.Uint16(v)))
	case key == 4 && len(v)%4 == 0:
		for ; len(v) > 0; v = v[4:] {
			parts = append(parts, netip.AddrFrom4([4]byte(v)).String())
		}
	case key == 5:
		return base64String(v)
	case key == 6 && len(v)%16 == 0:
		for ; len(v) > 0; v = v[16:] {
			parts = append(parts, netip.AddrFrom16([16]byte(v)).String())
		}
	case len(v) > 0:
		return `"` + escape(string(v), textSpecial) + `"`
	}
	return strings.Join(parts, ",")
}

// base64String is RFC 4648 4; encoding/base64 would make its tables in programs that never print.
func base64String(b []byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var out []byte
	for len(b) > 0 {
		var group [3]byte
		n := copy(group[:], b)
		b = b[n:]
		bits := int(group[0])<<16 | int(group[1])<<8 | int(group[2])
		four := [4]byte{digits[bits>>18], digits[bits>>12&63], digits[bits>>6&63], digits[bits&63]}
		copy(four[n+1:], "==")
		out = append(out, four[:]...)
	}
	return string(out)
}
