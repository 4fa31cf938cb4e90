package oracle

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A move is one step of a random sequence: a segment of the peer, or a call, or
// time that passes. Its numbers are fixed, so that a sequence may be played
// again, and with moves left out.
type move struct {
	kind moveKind
	seg  segment       // of hear
	n    int           // of send: bytes
	wait time.Duration // of pass
}

type moveKind uint8

const (
	hear moveKind = iota
	send
	read
	shut
	shutRead
	closeAll
	pass
	timeout // of a retransmission
	open
	listen
)

var moveNames = [...]string{"hear", "send", "read", "shutdown", "shutdown for reading", "close", "pass", "timeout", "connect", "listen"}

func (m move) String() string {
	switch m.kind {
	case hear:
		return "< " + m.seg.String()
	case send:
		return fmt.Sprintf("send(%d)", m.n)
	case pass:
		return fmt.Sprintf("+%v", m.wait)
	}
	return moveNames[m.kind] + "()"
}

// sequenceBuffer is the receive buffer in sequences, large enough never to close
// the window: gVisor counts memory where ours counts bytes.
const sequenceBuffer = 30000

// A view is what can be seen of a move. Segments of data that follow each other
// are one, a FIN that follows data is part of it, and the ACK is the last one.
type view struct {
	data  string // ranges sent, with SYN, FIN and RST
	ack   int    // -1: none
	sack  string // with it
	echo  int    // with it
	state tcp.State
	got   string // what a call returned
	poll  host.Mask
}

func (v view) String() string {
	return fmt.Sprintf("[%s] ack %d%s echo %d, %v %s poll %#x", v.data, v.ack, v.sack, v.echo, v.state, v.got, v.poll)
}

// make plays a move.
func (p *party) play(m move) (v view) {
	var err error
	switch m.kind {
	case hear:
		p.hear(m.seg)
	case send:
		var n int
		n, err = p.stack.SendWith(p.now, p.conn, make([]byte, m.n), 0)
		v.got = fmt.Sprint("sent ", n)
	case read:
		n, end, why, wrong := p.take(p.taken + 1)
		p.taken += n
		v.got, err = fmt.Sprintf("read %d, end %v, wrong %v", n, end, wrong), why
	case shut:
		err = p.stack.Shutdown(p.now, p.conn, host.ShutWrite)
	case shutRead:
		err = p.stack.Shutdown(p.now, p.conn, host.ShutRead)
	case closeAll:
		err = p.stack.Close(p.now, p.conn)
	case pass:
		p.pass(m.wait)
	case timeout:
		v.say(p.untilSaid(), m.kind)
		v.state = p.state()
		return v
	case open:
		err = p.open(sequenceBuffer)
	case listen:
		err = p.listen(sequenceBuffer)
	}
	if err != nil {
		v.got += " " + err.Error()
	}
	v.say(p.drain(), m.kind)
	p.accept()
	v.state = p.state()
	v.poll, _ = p.stack.Poll(p.conn)
	v.poll &= host.Readable | host.Writable // gVisor tells of hangups otherwise than Linux
	if v.state != tcp.StateEstablished {
		// gVisor sends no blocks once it has sent its FIN, and echoes the timestamp
		// before that of a FIN (RFC 2018 3 does not end there, nor RFC 7323 4.3).
		v.sack, v.echo = "", 0
	}
	return v
}

// untilSaid lets time pass until something is said.
func (p *party) untilSaid() (said []reply) {
	end := p.now.Add(130 * time.Second) // beyond the longest RTO
	for at := p.stack.Deadline(); len(said) == 0 && at != clock.Never && at <= end; at = p.stack.Deadline() {
		p.now = max(p.now, at)
		p.stack.Expire(p.now)
		said = p.drain()
	}
	return said
}

// say brings what was said into the form of a view. A read may tell of the window,
// which is a matter of taste; of what a timeout sends again only the beginning counts.
func (v *view) say(said []reply, kind moveKind) {
	var parts []string
	v.ack = -1
	for i := 0; i < len(said); i++ {
		r := said[i]
		if r.flags&wire.ACK != 0 {
			v.ack, v.sack, v.echo = r.ack, r.sack, r.echo
		}
		special := r.flags & (wire.SYN | wire.FIN | wire.RST)
		if r.text == 0 && special == 0 {
			continue
		}
		end := r.seq + r.text
		for i+1 < len(said) && special == 0 {
			next := said[i+1]
			if next.seq != end || next.flags&(wire.SYN|wire.RST) != 0 || next.text == 0 && next.flags&wire.FIN == 0 {
				break
			}
			end += next.text
			special |= next.flags & wire.FIN
			v.ack, v.sack, v.echo = next.ack, next.sack, next.echo
			i++
		}
		parts = append(parts, fmt.Sprintf("%v %d:%d", special, r.seq, end))
	}
	switch {
	case kind == timeout && len(said) > 0:
		parts = []string{fmt.Sprint("again from ", said[0].seq)}
		v.echo = 0 // gVisor's repeated SYN-ACK has none
	case kind == read && len(parts) == 0:
		v.ack, v.sack, v.echo = -1, "", 0
	}
	v.data = strings.Join(parts, ", ")
}
