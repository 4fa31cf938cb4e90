package dns

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Escape writes a name for people: what is not printable ASCII, or would be misread, as \DDD
// (RFC 1035 5.1). A name from the network cannot drive a terminal.
func Escape(name string) string { return escape(name, nameSpecial) }

// nameSpecial are the characters of a name that a master file gives a meaning to (RFC 1035 5.1).
const nameSpecial = `"\();@$`

func escape(s, special string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte(special, c) >= 0:
			out = append(out, '\\', c)
		case c < ' ' || c >= 0x7F || c == ' ' && special != textSpecial:
			out = append(out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// textSpecial is what needs a backslash inside quotes, where blanks stand for themselves.
const textSpecial = `"\`

// String is the record as a line of a zone file: name, TTL, class, type, data.
func (r Record) String() string {
	return Escape(r.Name) + "\t" + strconv.FormatUint(uint64(r.TTL), 10) + "\t" +
		classString(r.Class) + "\t" + TypeString(r.Type) + "\t" + r.DataString()
}

// String is the question as dig prints it.
func (q Question) String() string {
	return Escape(q.Name) + "\t" + classString(q.Class) + "\t" + TypeString(q.Type)
}

func classString(c uint16) string {
	if c == uint16(dnsmessage.ClassINET) {
		return "IN"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// DataString is the record's data alone, as dig +short prints it.
func (r Record) DataString() string {
	switch d := r.Data.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(d.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(d.AAAA).String()
	case *dnsmessage.NSResource:
		return Escape(text(&d.NS))
	case *dnsmessage.CNAMEResource:
		return Escape(text(&d.CNAME))
	case *dnsmessage.PTRResource:
		return Escape(text(&d.PTR))
	case *dnsmessage.MXResource:
		return strconv.Itoa(int(d.Pref)) + " " + Escape(text(&d.MX))
	case *dnsmessage.SRVResource:
		return numbers(uint32(d.Priority), uint32(d.Weight), uint32(d.Port)) + " " + Escape(text(&d.Target))
	case *dnsmessage.SOAResource:
		return Escape(text(&d.NS)) + " " + Escape(text(&d.MBox)) + " " +
			numbers(d.Serial, d.Refresh, d.Retry, d.Expire, d.MinTTL)
	case *dnsmessage.TXTResource:
		var out []string
		for _, t := range d.TXT {
			out = append(out, `"`+escape(t, textSpecial)+`"`)
		}
		return strings.Join(out, " ")
	case *dnsmessage.UnknownResource:
		if s := bytesString(r.Type, d.Data); s != "" {
			return s
		}
		return strings.TrimRight(`\# `+strconv.Itoa(len(d.Data))+" "+hexString(d.Data), " ") // RFC 3597 5
	}
	return ""
}

// hexString is two digits for each byte; encoding/hex would bring fmt with it.
func hexString(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

func numbers(ns ...uint32) string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(out, " ")
}
