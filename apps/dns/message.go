package dns

import (
	"errors"

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

// A reader is dnsmessage's parser, and where in the message it stands.
type reader struct {
	dnsmessage.Parser
	msg []byte
	off int // where the next record begins
}

// Parse reads a message that arrived. It accepts no message that checkMessage does not.
func Parse(msg []byte) (*Message, error) {
	if err := checkMessage(msg); err != nil {
		return nil, err
	}
	p := reader{msg: msg, off: headerLen}
	h, err := p.Start(msg)
	if err != nil {
		return nil, err
	}
	m := &Message{
		ID: h.ID, Response: h.Response, OpCode: uint8(h.OpCode), RCode: h.RCode, AA: h.Authoritative, TC: h.Truncated,
		RD: h.RecursionDesired, RA: h.RecursionAvailable, AD: h.AuthenticData, CD: h.CheckingDisabled,
	}
	for {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, err
		}
		m.Questions = append(m.Questions, Question{text(&q.Name), q.Type, uint16(q.Class)})
		p.off, _ = checkQuestion(msg, p.off)
	}
	if m.Answers, err = m.section(&p, p.AnswerHeader); err != nil {
		return nil, err
	}
	if m.Authorities, err = m.section(&p, p.AuthorityHeader); err != nil {
		return nil, err
	}
	m.Additionals, err = m.section(&p, p.AdditionalHeader)
	return m, err
}

// section reads the records of one section; an OPT record goes to m.EDNS.
func (m *Message) section(p *reader, header func() (dnsmessage.ResourceHeader, error)) ([]Record, error) {
	var out []Record
	for {
		h, err := header()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		body, err := p.body(h.Type)
		if err != nil {
			return nil, err
		}
		if h.Type == dnsmessage.TypeOPT {
			m.RCode = h.ExtendedRCode(m.RCode)
			m.EDNS = &EDNS{UDPSize: uint16(h.Class), Version: uint8(h.TTL >> 16), DO: h.DNSSECAllowed()}
			continue
		}
		r := Record{Name: text(&h.Name), Type: h.Type, Class: uint16(h.Class), TTL: h.TTL, Data: body}
		if r.TTL > 1<<31-1 {
			r.TTL = 0
		}
		out = append(out, r)
	}
}

// body reads a record's data. What dnsmessage does not know, or will not read (a dot inside
// a label of a mailbox name), comes as the bytes that it is, and spoils no other record.
func (p *reader) body(t Type) (dnsmessage.ResourceBody, error) {
	name, err := checkName(p.msg, p.off, len(p.msg))
	if err != nil {
		return nil, err
	}
	from := name + 10
	p.off = from + count(p.msg, name+8)
	if body, err := readKnown(&p.Parser, t); body != nil && err == nil {
		return body, nil
	}
	u, err := p.UnknownResource()
	if _, names, _ := namesOf(t); names > 0 {
		u.Data = writtenOut(p.msg, from, p.off, t)
	}
	return &u, err
}

// readKnown reads the data of a type that dnsmessage knows; nil for any other. Where it fails the
// parser still stands before the data.
func readKnown(p *dnsmessage.Parser, t Type) (dnsmessage.ResourceBody, error) {
	switch t {
	case TypeA:
		d, err := p.AResource()
		return &d, err
	case TypeAAAA:
		d, err := p.AAAAResource()
		return &d, err
	case TypeNS:
		d, err := p.NSResource()
		return &d, err
	case TypeCNAME:
		d, err := p.CNAMEResource()
		return &d, err
	case TypePTR:
		d, err := p.PTRResource()
		return &d, err
	case TypeMX:
		d, err := p.MXResource()
		return &d, err
	case TypeSOA:
		d, err := p.SOAResource()
		return &d, err
	case TypeTXT:
		d, err := p.TXTResource()
		return &d, err
	case TypeSRV:
		d, err := p.SRVResource()
		return &d, err
	}
	return nil, nil
}
