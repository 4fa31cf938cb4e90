package dns

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// Records are kept as the bytes that they are on the wire, names uncompressed: a tenth of what
// dnsmessage's values take, and ready to be sent.

// appendName appends a name in wire form, uncompressed. The name is one that this package parsed.
func appendName(b []byte, name string) []byte {
	for start, i := 0, 0; i < len(name); i++ {
		if name[i] == '.' {
			if i > start {
				b = append(b, byte(i-start))
				b = append(b, name[start:i]...)
			}
			start = i + 1
		}
	}
	return append(b, 0)
}

// readName reads an uncompressed name, and what follows it. ok is false where it is none, or has a dot
// inside a label, which a name as text cannot show.
func readName(b []byte) (name string, rest []byte, ok bool) {
	var n dnsmessage.Name
	rest, ok = readInto(&n, b)
	return text(&n), rest, ok
}

// readInto is readName for a name within a value.
func readInto(n *dnsmessage.Name, b []byte) (rest []byte, ok bool) {
	at := 0
	for {
		if len(b) == 0 {
			return nil, false
		}
		c := int(b[0])
		if c == 0 {
			break
		}
		if c > maxLabel || 1+c > len(b) || at+c+1 >= maxName || bytes.IndexByte(b[1:1+c], '.') >= 0 {
			return nil, false
		}
		at += copy(n.Data[at:], b[1:1+c])
		n.Data[at] = '.'
		at++
		b = b[1+c:]
	}
	if at == 0 {
		n.Data[0], at = '.', 1
	}
	n.Length = uint8(at)
	return b[1:], true
}

// appendData appends a record's data in wire form.
func appendData(b []byte, d dnsmessage.ResourceBody) []byte {
	be := binary.BigEndian
	switch d := d.(type) {
	case *dnsmessage.AResource:
		return append(b, d.A[:]...)
	case *dnsmessage.AAAAResource:
		return append(b, d.AAAA[:]...)
	case *dnsmessage.NSResource:
		return appendName(b, text(&d.NS))
	case *dnsmessage.CNAMEResource:
		return appendName(b, text(&d.CNAME))
	case *dnsmessage.PTRResource:
		return appendName(b, text(&d.PTR))
	case *dnsmessage.MXResource:
		return appendName(be.AppendUint16(b, d.Pref), text(&d.MX))
	case *dnsmessage.SRVResource:
		b = be.AppendUint16(be.AppendUint16(be.AppendUint16(b, d.Priority), d.Weight), d.Port)
		return appendName(b, text(&d.Target))
	case *dnsmessage.SOAResource:
		b = appendName(appendName(b, text(&d.NS)), text(&d.MBox))
		for _, n := range []uint32{d.Serial, d.Refresh, d.Retry, d.Expire, d.MinTTL} {
			b = be.AppendUint32(b, n)
		}
		return b
	case *dnsmessage.TXTResource:
		for _, t := range d.TXT {
			b = append(append(b, byte(len(t))), t...)
		}
		return b
	case *dnsmessage.UnknownResource:
		return append(b, d.Data...)
	}
	return b
}

// readData makes a record's data of its wire form. What is not of its type's shape stays bytes.
func readData(t Type, b []byte) dnsmessage.ResourceBody {
	if d := readShaped(t, b); d != nil {
		return d
	}
	return &dnsmessage.UnknownResource{Type: t, Data: append([]byte(nil), b...)}
}

func readShaped(t Type, b []byte) dnsmessage.ResourceBody {
	be := binary.BigEndian
	switch {
	case t == TypeA && len(b) == 4:
		return &dnsmessage.AResource{A: [4]byte(b)}
	case t == TypeAAAA && len(b) == 16:
		return &dnsmessage.AAAAResource{AAAA: [16]byte(b)}
	case t == TypeTXT:
		return readTexts(b)
	case t == TypeSOA:
		return readSOA(b)
	}
	var d dnsmessage.ResourceBody
	var name *dnsmessage.Name
	switch t {
	case TypeNS:
		r := &dnsmessage.NSResource{}
		d, name = r, &r.NS
	case TypeCNAME:
		r := &dnsmessage.CNAMEResource{}
		d, name = r, &r.CNAME
	case TypePTR:
		r := &dnsmessage.PTRResource{}
		d, name = r, &r.PTR
	case TypeMX:
		if len(b) < 2 {
			return nil
		}
		r := &dnsmessage.MXResource{Pref: be.Uint16(b)}
		d, name, b = r, &r.MX, b[2:]
	case TypeSRV:
		if len(b) < 6 {
			return nil
		}
		r := &dnsmessage.SRVResource{Priority: be.Uint16(b), Weight: be.Uint16(b[2:]), Port: be.Uint16(b[4:])}
		d, name, b = r, &r.Target, b[6:]
	default:
		return nil
	}
	if rest, ok := readInto(name, b); !ok || len(rest) > 0 {
		return nil
	}
	return d
}

func readTexts(b []byte) dnsmessage.ResourceBody {
	d := &dnsmessage.TXTResource{}
	if checkTexts(b) != nil {
		return nil
	}
	for len(b) > 0 {
		n := 1 + int(b[0])
		d.TXT = append(d.TXT, string(b[1:n]))
		b = b[n:]
	}
	return d
}

func readSOA(b []byte) dnsmessage.ResourceBody {
	d := &dnsmessage.SOAResource{}
	b, ok := readInto(&d.NS, b)
	if !ok {
		return nil
	}
	if b, ok = readInto(&d.MBox, b); !ok || len(b) != 20 {
		return nil
	}
	for i, n := range []*uint32{&d.Serial, &d.Refresh, &d.Retry, &d.Expire, &d.MinTTL} {
		*n = binary.BigEndian.Uint32(b[4*i:])
	}
	return d
}
