package dns

import (
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/net/dns/dnsmessage"
)

// udpSize is what we say we take in one datagram: it crosses every path of an MTU of 1280 unfragmented.
const udpSize = 1232

// A query is one question, ready to send, and what an answer to it must show.
type query struct {
	id   uint16
	q    dnsmessage.Question
	name dnsmessage.Name // as it was given, before its letter case was mixed
	edns bool
	keep bool // an answer that was cut short is taken
	msg  []byte
}

// newQuery builds a question with a fresh ID and, unless told otherwise, fresh letter case.
func (r *Resolver) newQuery(name dnsmessage.Name, t Type, edns bool) (*query, error) {
	id, err := r.random16()
	if err != nil {
		return nil, err
	}
	given := name
	if !r.NoMixedCase {
		var bits [32]byte
		if err := r.random(bits[:]); err != nil {
			return nil, err
		}
		name = mixCase(name, &bits)
	}
	q := &query{id: id, edns: edns, keep: r.KeepTruncated, name: given, q: dnsmessage.Question{Name: name, Type: t, Class: dnsmessage.ClassINET}}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{ID: id, RecursionDesired: !r.Flags.NoRecursion,
			CheckingDisabled: r.Flags.CheckingDisabled, AuthenticData: r.Flags.AuthenticData},
		Questions: []dnsmessage.Question{q.q},
	}
	if edns {
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(".")}
		if err := h.SetEDNS0(r.udpSize(), 0, r.Flags.DNSSEC); err != nil {
			return nil, err
		}
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	q.msg, err = m.Pack()
	return q, err
}

// udpSize is what this resolver says it takes in one datagram.
func (r *Resolver) udpSize() int {
	if n := int(r.Flags.UDPSize); n > 0 && n < udpSize {
		return n
	}
	return udpSize
}

func (r *Resolver) random16() (uint16, error) {
	var b [2]byte
	err := r.random(b[:])
	return binary.BigEndian.Uint16(b[:]), err
}

func (r *Resolver) random(b []byte) error {
	if r.Rand == nil {
		return systemRandom(b)
	}
	_, err := io.ReadFull(r.Rand, b)
	return err
}

// A verdict is what a message is to a query.
type verdict uint8

const (
	junk      verdict = iota // not an answer to it: count it and wait on
	good                     // the answer
	truncated                // an answer, cut short: ask over TCP
	wrongCase                // an answer with the name's case changed: ask over TCP, where nobody forges
	noEDNS                   // the server does not understand EDNS
)

var errQuestion = errors.New("it does not repeat the question")

// judge decides what a message is. Every field that a forger must guess is looked at (RFC 5452 9.1);
// the address and the ports were checked by the connected socket. cut: the datagram was longer than we take.
func (q *query) judge(msg []byte, cut bool, over Transport) (*Message, verdict, error) {
	if len(msg) < headerLen {
		return nil, junk, errShort
	}
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil, junk, err
	}
	if h.ID != q.id || !h.Response || h.OpCode != 0 {
		return nil, junk, errQuestion
	}
	if q.edns && count(msg, 4) == 0 && (h.RCode == dnsmessage.RCodeFormatError || h.RCode == dnsmessage.RCodeNotImplemented) {
		return nil, noEDNS, nil // servers from before EDNS may send back the header alone
	}
	switch v := q.echoed(msg); {
	case v == wrongCase && over == TCP: // the stream is secret enough
	case v != good:
		return nil, v, errQuestion
	}
	if over == UDP && (cut || h.Truncated && !q.keep) {
		return nil, truncated, nil // its records may be cut anywhere: do not look at them
	}
	m, err := Parse(q.spelt(msg))
	if err != nil {
		return nil, junk, err
	}
	m.Questions[0].Name = text(q.q.Name)
	unknown := m.EDNS == nil && (m.RCode == dnsmessage.RCodeFormatError || m.RCode == dnsmessage.RCodeNotImplemented)
	if q.edns && (unknown || m.RCode == rcodeBadVers) {
		return m, noEDNS, nil // RFC 6891 7
	}
	return m, good, nil
}

// spelt is a message with the name in its question spelt as it was given: the names that point there are then
// nobody's random letters, neither on a screen nor in the cache. The question repeats what was sent.
func (q *query) spelt(msg []byte) []byte {
	out := append([]byte(nil), msg...)
	copy(out[headerLen:], appendName(nil, text(q.name))) // as long; a first name has nothing to point at
	return out
}

// echoed compares the question section with what was sent.
func (q *query) echoed(msg []byte) verdict {
	if count(msg, 4) != 1 {
		return junk
	}
	if _, err := checkQuestion(msg, headerLen); err != nil {
		return junk
	}
	var p dnsmessage.Parser
	if _, err := p.Start(msg); err != nil {
		return junk
	}
	got, err := p.Question()
	switch {
	case err != nil || got.Type != q.q.Type || got.Class != q.q.Class:
		return junk
	case text(got.Name) == text(q.q.Name):
		return good
	case equalName(text(got.Name), text(q.q.Name)):
		return wrongCase
	}
	return junk
}
