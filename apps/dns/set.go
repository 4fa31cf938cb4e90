package dns

import "encoding/binary"

// A set is records in a row: owner, type, TTL and data of each, as bytes. It is not changed once it is made.
//
//	length of the rest  2 | type 2 | TTL 4 | length of the owner 1 | owner as text | data in wire form
type set []byte

const setHead = 9

// A piece is one record of a set. Its bytes are the set's.
type piece struct {
	owner []byte // with the final dot
	t     Type
	ttl   uint32
	data  []byte
}

func (s set) size() int { return len(s) }

// add appends a record. One too long to be told in two bytes, which no message can bring, is left out.
func (s set) add(r *Record) set {
	start := len(s)
	s = append(s, 0, 0)
	s = binary.BigEndian.AppendUint16(s, uint16(r.Type))
	s = binary.BigEndian.AppendUint32(s, r.TTL)
	s = append(append(s, byte(len(r.Name))), r.Name...)
	s = appendData(s, r.Data)
	n := len(s) - start - 2
	if n > 0xFFFF || len(r.Name) > 0xFF {
		return s[:start]
	}
	binary.BigEndian.PutUint16(s[start:], uint16(n))
	return s
}

// setOf makes a set of records.
func setOf(rs []Record) set {
	var s set
	for i := range rs {
		s = s.add(&rs[i])
	}
	return append(set(nil), s...) // no longer than it must be: it is kept
}

// cut takes the first record off.
func (s set) cut() (p piece, rest set, ok bool) {
	if len(s) < setHead {
		return piece{}, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(s))
	b := s[:n]
	own := setHead + int(b[8])
	return piece{owner: b[setHead:own], t: Type(binary.BigEndian.Uint16(b[2:])), ttl: binary.BigEndian.Uint32(b[4:]), data: b[own:]}, s[n:], true
}

// records makes them records again, with a TTL of at most most.
func (s set) records(most uint32) []Record {
	var out []Record
	for p, rest, ok := s.cut(); ok; p, rest, ok = rest.cut() {
		out = append(out, Record{Name: string(p.owner), Type: p.t, Class: 1, TTL: min(p.ttl, most), Data: readData(p.t, p.data)})
	}
	return out
}

// ttl is the least of the records' TTLs, most where there is none.
func (s set) ttl(most uint32) uint32 {
	for p, rest, ok := s.cut(); ok; p, rest, ok = rest.cut() {
		most = min(most, p.ttl)
	}
	return most
}
