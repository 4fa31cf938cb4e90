package dns

import (
	"encoding/binary"
	"errors"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	headerLen  = 12
	maxName    = 255 // bytes on the wire, RFC 1035 2.3.4
	maxLabel   = 63
	maxPointer = 10 // hops in one name; dnsmessage follows no more
)

// What checkMessage finds wrong.
var (
	errShort       = errors.New("message ends too early")
	errTrailing    = errors.New("bytes after the last record")
	errPointer     = errors.New("compression pointer does not go backward")
	errHops        = errors.New("too many compression pointers in one name")
	errLabelType   = errors.New("unknown label type")
	errLongName    = errors.New("name longer than 255 bytes")
	errRDLength    = errors.New("RDLENGTH does not fit the data")
	errLongMessage = errors.New("message longer than any question")
	errOPT         = errors.New("misplaced or repeated OPT record")
)

// checkMessage walks a whole message without building anything and says whether it is well formed.
// A record count that lies only makes the walk reach the end too early (RFC 9267 3 to 5).
func checkMessage(msg []byte) error {
	if len(msg) < headerLen {
		return errShort
	}
	off := headerLen
	var err error
	for range count(msg, 4) {
		if off, err = checkQuestion(msg, off); err != nil {
			return err
		}
	}
	opts := 0
	for section := 6; section <= 10; section += 2 {
		for range count(msg, section) {
			var typ dnsmessage.Type
			start := off
			if typ, off, err = checkRecord(msg, off); err != nil {
				return err
			}
			if typ == dnsmessage.TypeOPT {
				// RFC 6891 6.1.1: one, in the additional section, owned by the root.
				if opts++; opts > 1 || section != 10 || msg[start] != 0 {
					return errOPT
				}
			}
		}
	}
	if off != len(msg) {
		return errTrailing
	}
	return nil
}

// count reads one of the header's counts.
func count(msg []byte, at int) int { return int(binary.BigEndian.Uint16(msg[at:])) }

func checkQuestion(msg []byte, off int) (int, error) {
	off, err := checkName(msg, off, len(msg))
	if err != nil {
		return 0, err
	}
	if off+4 > len(msg) {
		return 0, errShort
	}
	return off + 4, nil
}

func checkRecord(msg []byte, off int) (dnsmessage.Type, int, error) {
	off, err := checkName(msg, off, len(msg))
	if err != nil {
		return 0, 0, err
	}
	if off+10 > len(msg) {
		return 0, 0, errShort
	}
	typ := dnsmessage.Type(binary.BigEndian.Uint16(msg[off:]))
	end := off + 10 + count(msg, off+8)
	if end > len(msg) {
		return 0, 0, errRDLength
	}
	return typ, end, checkData(msg, off+10, end, typ)
}

// checkData checks the data of the types whose shape we rely on.
//
// To add a type: say here, or in namesOf (dotted.go), what its RDATA looks like, name it in typeNames (type.go),
// let readKnown (message.go) hand it to dnsmessage if that knows it, keep it in data.go, and print it in DataString
// (text.go); where dnsmessage does not know it, print it in bytesString (extra.go) and no more.
func checkData(msg []byte, off, end int, typ dnsmessage.Type) error {
	switch typ {
	case dnsmessage.TypeA:
		return exactly(end-off, 4)
	case dnsmessage.TypeAAAA:
		return exactly(end-off, 16)
	case typeDNAME:
		// RFC 6672 2.5: never compressed. Taken alone it has nothing to point at.
		return checkNames(msg[off:end], 0, end-off, 0, 1, 0)
	case dnsmessage.TypeTXT:
		return checkTexts(msg[off:end])
	case dnsmessage.TypeOPT:
		return checkOptions(msg[off:end])
	}
	if before, names, after := namesOf(typ); names > 0 {
		return checkNames(msg, off, end, before, names, after)
	}
	return nil
}

func exactly(got, want int) error {
	if got != want {
		return errRDLength
	}
	return nil
}

// checkNames checks data that is before bytes, then names, then after bytes.
func checkNames(msg []byte, off, end, before, names, after int) error {
	off += before
	var err error
	for range names {
		if off, err = checkName(msg, off, end); err != nil {
			return err
		}
	}
	return exactly(end-off, after)
}

func checkTexts(data []byte) error {
	if len(data) == 0 {
		return errRDLength // RFC 1035 3.3.14: one or more
	}
	for len(data) > 0 {
		n := 1 + int(data[0])
		if n > len(data) {
			return errRDLength
		}
		data = data[n:]
	}
	return nil
}

func checkOptions(data []byte) error {
	for len(data) > 0 {
		if len(data) < 4 {
			return errRDLength
		}
		n := 4 + count(data, 2)
		if n > len(data) {
			return errRDLength
		}
		data = data[n:]
	}
	return nil
}

// checkName checks the name at off, whose own bytes end before end, and returns where it ends.
// A pointer must go to before the run of labels that it ends, so that each hop goes strictly
// backward and no name can come back to itself (RFC 9267 2).
func checkName(msg []byte, off, end int) (int, error) {
	after := 0 // where the name ends in place; 0: not known, no pointer yet
	start := off
	for length, hops := 0, 0; ; {
		if off >= end {
			return 0, errShort
		}
		c := int(msg[off])
		switch c & 0xC0 {
		case 0x00:
			length += 1 + c
			off += 1 + c
			if length > maxName {
				return 0, errLongName
			}
			if off > end {
				return 0, errShort
			}
			if c == 0 && after == 0 {
				return off, nil
			}
			if c == 0 {
				return after, nil
			}
		case 0xC0:
			if off+2 > end {
				return 0, errShort
			}
			to := int(binary.BigEndian.Uint16(msg[off:]) & 0x3FFF)
			if to >= start || to < headerLen {
				return 0, errPointer
			}
			if hops++; hops > maxPointer {
				return 0, errHops
			}
			if after == 0 {
				after = off + 2
			}
			// The tail that it shares was written before: none of it may reach into what points at it.
			off, end, start = to, start, to
		default:
			return 0, errLabelType
		}
	}
}
