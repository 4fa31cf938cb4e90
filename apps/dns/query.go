package dns

import (
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// udpSize is what we say we take in one datagram: it crosses every path of an MTU of 1280 unfragmented.
const udpSize = 1232

// A query is one question, ready to send, and what an answer to it must show.
type query struct {
	id   uint16
	name string // as it was given
	sent string // as it is asked for: its letter case mixed
	t    Type
	edns bool
	keep bool // an answer that was cut short is taken
	msg  []byte
}

// newQuery builds a question with a fresh ID and, unless told otherwise, fresh letter case.
func (r *Resolver) newQuery(name string, t Type, edns bool) (*query, error) {
	id, err := r.random16()
	if err != nil {
		return nil, err
	}
	q := &query{id: id, name: name, sent: name, t: t, edns: edns, keep: r.KeepTruncated}
	if !r.NoMixedCase {
		var bits [32]byte
		if err := r.random(bits[:]); err != nil {
			return nil, err
		}
		q.sent = mixCase(name, &bits)
	}
	b := appendHead(nil, id, r.Flags.bits())
	b[inQuestion+1] = 1
	b = append(appendName(b, q.sent), byte(t>>8), byte(t), 0, 1)
	if edns {
		b[inAdditional+1] = 1
		b = appendOPT(b, r.udpSize(), 0, 0, r.Flags.DNSSEC)
	}
	q.msg = b
	return q, nil
}

// bits are the header's.
func (f *Flags) bits() uint16 {
	b := uint16(bitRD)
	if f.NoRecursion {
		b = 0
	}
	if f.CheckingDisabled {
		b |= bitCD
	}
	if f.AuthenticData {
		b |= bitAD
	}
	return b
}

// udpSize is what this resolver says it takes in one datagram.
func (r *Resolver) udpSize() uint16 {
	if n := r.Flags.UDPSize; n > 0 && n < udpSize {
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
	bits := binary.BigEndian.Uint16(msg[2:])
	if binary.BigEndian.Uint16(msg) != q.id || bits&bitQR == 0 || bits&bitsOpCode != 0 {
		return nil, junk, errQuestion
	}
	if q.edns && count(msg, inQuestion) == 0 && balks(RCode(bits&15)) {
		return nil, noEDNS, nil // servers from before EDNS may send back the header alone
	}
	switch v := q.echoed(msg); {
	case v == wrongCase && over == TCP: // the stream is secret enough
	case v != good:
		return nil, v, errQuestion
	}
	if over == UDP && (cut || bits&bitTC != 0 && !q.keep) {
		return nil, truncated, nil // its records may be cut anywhere: do not look at them
	}
	m, err := Parse(q.spelt(msg))
	if err != nil {
		return nil, junk, err
	}
	m.Questions[0].Name = q.sent
	if q.edns && (m.EDNS == nil && balks(m.RCode) || m.RCode == rcodeBadVers) {
		return m, noEDNS, nil // RFC 6891 7
	}
	return m, good, nil
}

// balks: a server that does not understand EDNS answers so.
func balks(code RCode) bool {
	return code == dnsmessage.RCodeFormatError || code == dnsmessage.RCodeNotImplemented
}

// spelt is a message with the name in its question spelt as it was given: the names that point there are then
// nobody's random letters, neither on a screen nor in the cache. The question repeats what was sent.
func (q *query) spelt(msg []byte) []byte {
	out := append([]byte(nil), msg...)
	copy(out[headerLen:], appendName(nil, q.name)) // as long; a first name has nothing to point at
	return out
}

// echoed compares the question section with what was sent.
func (q *query) echoed(msg []byte) verdict {
	if count(msg, inQuestion) != 1 {
		return junk
	}
	if _, err := checkQuestion(msg, headerLen); err != nil {
		return junk
	}
	var p dnsmessage.Parser
	if _, err := p.Start(msg); err != nil {
		return junk
	}
	asked, err := p.Question()
	switch {
	case err != nil || asked.Type != q.t || asked.Class != dnsmessage.ClassINET:
		return junk
	case text(&asked.Name) == q.sent:
		return good
	case ascii.EqualFold(text(&asked.Name), q.sent):
		return wrongCase
	}
	return junk
}
