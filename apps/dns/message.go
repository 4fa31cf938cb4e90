package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// A Message is one parsed answer.
type Message struct {
	ID          uint16
	Response    bool // QR
	OpCode      uint8
	RCode       RCode // with the upper bits of EDNS
	AA          bool  // the server is an authority for the name
	TC          bool  // the answer was too long for the transport
	RD, RA      bool  // recursion desired, available
	AD, CD      bool  // authentic data, checking disabled
	Questions   []Question
	Answers     []Record
	Authorities []Record
	Additionals []Record // without the OPT record
	EDNS        *EDNS    // nil: none
}

// A Question is what was asked.
type Question struct {
	Name  string // with the final dot, letter case as sent
	Type  Type
	Class uint16 // 1: IN
}

// A Record is one resource record.
type Record struct {
	Name  string // with the final dot
	Type  Type
	Class uint16
	TTL   uint32                  // seconds; one of 2^31 and above reads as 0 (RFC 2181 8)
	Data  dnsmessage.ResourceBody // *dnsmessage.UnknownResource where the type is not known
}

// EDNS is what an OPT record says (RFC 6891).
type EDNS struct {
	UDPSize uint16 // bytes that the sender takes in one datagram
	Version uint8
	DO      bool
}

// Parse reads a message that arrived. It accepts no message that checkMessage does not, nor one whose owners or
// questions have a dot inside a label, which a name as text cannot show.
func Parse(msg []byte) (*Message, error) {
	if err := checkMessage(msg); err != nil {
		return nil, err
	}
	bits := binary.BigEndian.Uint16(msg[2:])
	m := &Message{ID: binary.BigEndian.Uint16(msg), OpCode: uint8(bits >> 11 & 15), RCode: RCode(bits & 15)}
	for _, f := range m.flags() {
		*f.is = bits&f.bit != 0
	}
	r := reader{msg: msg, off: headerLen}
	for range count(msg, inQuestion) {
		m.Questions = append(m.Questions, r.question())
	}
	m.Answers = m.section(&r, inAnswer)
	m.Authorities = m.section(&r, inAuthority)
	m.Additionals = m.section(&r, inAdditional)
	if r.dotted {
		return nil, errDotted
	}
	return m, nil
}

// section reads the records of one section; an OPT record goes to m.EDNS.
func (m *Message) section(r *reader, section int) []Record {
	var out []Record
	for range count(r.msg, section) {
		rec := r.record()
		if rec.Type == dnsmessage.TypeOPT { // RFC 6891 6.1.2
			m.RCode |= RCode(rec.TTL >> 24 << 4)
			m.EDNS = &EDNS{UDPSize: rec.Class, Version: uint8(rec.TTL >> 16), DO: rec.TTL&doBit != 0}
			continue
		}
		if rec.TTL > 1<<31-1 {
			rec.TTL = 0
		}
		out = append(out, rec)
	}
	return out
}

// A flag is a bit of the header and what it says.
type flag struct {
	is  *bool
	bit uint16
}

func (m *Message) flags() [7]flag {
	return [...]flag{{&m.Response, bitQR}, {&m.AA, bitAA}, {&m.TC, bitTC}, {&m.RD, bitRD}, {&m.RA, bitRA}, {&m.AD, bitAD}, {&m.CD, bitCD}}
}

// A reader goes through a message that checkMessage has found well formed.
type reader struct {
	msg    []byte
	off    int
	dotted bool // a name had a dot inside a label
	room   []byte
}

// next are the next n bytes.
func (r *reader) next(n int) []byte {
	r.off += n
	return r.msg[r.off-n : r.off]
}

// wire appends the name that comes next, uncompressed.
func (r *reader) wire(b []byte) []byte {
	b = appendLabels(b, r.msg, r.off)
	r.off, _ = checkName(r.msg, r.off, len(r.msg))
	return b
}

func (r *reader) name() string {
	r.room = r.wire(r.room[:0])
	name, _, ok := readName(r.room)
	r.dotted = r.dotted || !ok
	return name
}

func (r *reader) question() Question {
	name, fixed := r.name(), r.next(4)
	return Question{name, Type(binary.BigEndian.Uint16(fixed)), binary.BigEndian.Uint16(fixed[2:])}
}

func (r *reader) record() Record {
	be := binary.BigEndian
	name, fixed := r.name(), r.next(10)
	t, end := Type(be.Uint16(fixed)), r.off+int(be.Uint16(fixed[8:]))
	return Record{Name: name, Type: t, Class: be.Uint16(fixed[2:]), TTL: be.Uint32(fixed[4:]), Data: readData(t, r.data(t, end))}
}

// data is what comes up to end, its names uncompressed. It is there until the next call.
func (r *reader) data(t Type, end int) []byte {
	before, names, _ := namesOf(t)
	r.room = append(r.room[:0], r.next(before)...)
	for range names {
		r.room = r.wire(r.room)
	}
	r.room = append(r.room, r.next(end-r.off)...)
	return r.room
}
