package dns

import (
	"context"
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"
)

// A request is a question that somebody asked us.
type request struct {
	id    uint16
	bits  uint16 // the header's flags, of which some come back
	name  []byte // in wire form, letter case as sent
	t     Type
	class uint16
	edns  bool
	size  int // most bytes that an answer may have
	do    bool
	code  RCode // not 0: the answer is this and no more
}

// Bits of the header.
const (
	bitQR      = 1 << 15
	bitsOpCode = 0xF << 11
	bitAA      = 1 << 10
	bitTC      = 1 << 9
	bitRD      = 1 << 8
	bitRA      = 1 << 7
	bitAD      = 1 << 5
	bitCD      = 1 << 4
)

// doBit is where an OPT record has DO, in the place of a TTL (RFC 3225 3).
const doBit = 1 << 15

// Sizes of answers over UDP. One that is larger is cut: it might be fragmented on its way, or amplify (RFC 9715).
const (
	plainSize = 512
	mostSize  = 0xFFFF
)

// parseRequest reads a question. ok is false where nothing may be answered at all: what is no question, or one that
// cannot be told apart from noise. Answers to answers would go on for ever.
func parseRequest(msg []byte, over Transport) (r request, ok bool) {
	if len(msg) < headerLen || msg[2]&0x80 != 0 {
		return r, false
	}
	r.id, r.bits = binary.BigEndian.Uint16(msg), binary.BigEndian.Uint16(msg[2:])
	r.size = plainSize
	if over == TCP {
		r.size = mostSize
	}
	if r.bits&bitsOpCode != 0 {
		r.code = dnsmessage.RCodeNotImplemented
		return r, true
	}
	if count(msg, inQuestion) != 1 || count(msg, inAnswer) != 0 || count(msg, inAuthority) != 0 || checkMessage(msg) != nil {
		r.code = dnsmessage.RCodeFormatError
		return r, true
	}
	n := wireLen(msg[headerLen:]) // a first name has nothing to point at
	r.name = msg[headerLen : headerLen+n]
	rest := msg[headerLen+n:]
	r.t, r.class = Type(binary.BigEndian.Uint16(rest)), binary.BigEndian.Uint16(rest[2:])
	r.readOPT(msg, headerLen+n+4, over)
	return r, true
}

// readOPT reads what EDNS says, if it is there. The message was checked.
func (r *request) readOPT(msg []byte, off int, over Transport) {
	for range count(msg, inAdditional) {
		at, err := checkName(msg, off, len(msg))
		if err != nil {
			return
		}
		typ, next := dnsmessage.Type(count(msg, at)), at+10+count(msg, at+8)
		if typ == dnsmessage.TypeOPT {
			r.edns, r.do = true, msg[at+6]&0x80 != 0
			if over == UDP {
				r.size = max(plainSize, min(count(msg, at+2), udpSize)) // RFC 6891 6.2.3
			}
			if msg[at+5] != 0 {
				r.code = rcodeBadVers
			}
		}
		off = next
	}
}

// refusal is the code for what this server does not do, 0 where it does it.
func (r *request) refusal() RCode {
	switch {
	case r.code != 0:
		return r.code
	case r.class != uint16(dnsmessage.ClassINET):
		return dnsmessage.RCodeRefused
	case r.bits&bitRD == 0:
		return dnsmessage.RCodeRefused // what others asked for is nobody's business
	case r.t == 0 || r.t == dnsmessage.TypeOPT || r.t >= 249 && r.t <= 255:
		return dnsmessage.RCodeNotImplemented // TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY (RFC 8482)
	}
	return 0
}

// reply begins an answer: the header and the question, as it was sent.
func (r *request) reply(p *packer, code RCode) {
	p.head(r.id, bitQR|bitRA|r.bits&(bitsOpCode|bitRD|bitCD)|uint16(code)&15)
	if r.name != nil {
		p.question(r.name, r.t, r.class)
	}
}

// end puts the OPT record to an answer and cuts one that is too long: its header says so then, and the question
// comes again over TCP.
func (r *request) end(p *packer, code RCode) []byte {
	const optLen = 11
	room := r.size
	if r.edns {
		room -= optLen
	}
	if len(p.b) > room {
		bits := binary.BigEndian.Uint16(p.b[2:])
		r.reply(p, code)
		binary.BigEndian.PutUint16(p.b[2:], bits|bitTC)
	}
	if r.edns {
		p.opt(udpSize, uint8(code>>4), 0, r.do)
	}
	return p.b
}

// fails is an answer that is nothing but a code.
func (r *request) fails(p *packer, code RCode) []byte {
	r.reply(p, code)
	return r.end(p, code)
}

// quick answers from what is known, without waiting: false where somebody must be asked.
func (c *Client) quick(p *packer, r *request) ([]byte, bool) {
	name, _, ok := readName(r.name)
	if !ok {
		return r.fails(p, dnsmessage.RCodeServerFailure), true // a dot in a label: no zone that we could tell of
	}
	a := &Answer{Name: name, Type: r.t, Canonical: name}
	done, err := c.known(a)
	if !done {
		return nil, false
	}
	return r.answer(p, a, err), true
}

// slow answers after asking.
func (c *Client) slow(ctx context.Context, p *packer, r *request) []byte {
	name, _, _ := readName(r.name)
	a, err := c.lookupName(ctx, name, r.t)
	return r.answer(p, a, err)
}

// Respond answers a message as a server does over a stream, whoever it is from: nil where nothing is to be said.
func (c *Client) Respond(ctx context.Context, msg []byte) []byte {
	r, ok := parseRequest(msg, TCP)
	if !ok {
		return nil
	}
	p := &packer{}
	if code := r.refusal(); code != 0 {
		return r.fails(p, code)
	}
	if out, ok := c.quick(p, &r); ok {
		return out
	}
	return c.slow(ctx, p, &r)
}

// answer writes what was found.
func (r *request) answer(p *packer, a *Answer, err error) []byte {
	code := codeOf(err)
	r.reply(p, code)
	if a == nil || code == dnsmessage.RCodeServerFailure {
		return r.end(p, code)
	}
	var room [256]byte
	write := func(section int, recs []Record) {
		for i := range recs {
			rec := &recs[i]
			p.record(section, appendName(room[:0], rec.Name), rec.Type, rec.Class, min(rec.TTL, maxTTL), appendData(nil, rec.Data))
		}
	}
	write(inAnswer, a.DNAMEs)
	write(inAnswer, a.Chain)
	write(inAnswer, a.Records)
	if a.Negative != nil && len(a.Records) == 0 {
		write(inAuthority, []Record{*a.Negative})
	}
	if room := r.size - len(p.b); room > 512 || len(a.Along) < 4 {
		write(inAdditional, a.Along)
	}
	return r.end(p, code)
}

// codeOf is the code that an error of a Lookup is told as.
func codeOf(err error) RCode {
	e, ok := err.(*Error)
	switch {
	case err == nil || ok && e.Kind == ErrNoData:
		return dnsmessage.RCodeSuccess
	case ok && e.Kind == ErrNXDomain:
		return dnsmessage.RCodeNameError
	case ok && e.Kind == ErrTooLong:
		return rcodeYXDomain
	}
	return dnsmessage.RCodeServerFailure
}
