package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// An Audit holds one connection to the invariants of doc.go, step after step:
// tests, the simulator and the fuzzers ask it after each. The zero Audit is
// ready. It reads the connection and changes nothing; nothing else uses it.
//
// To add an invariant: 1. a Breach in the function that it belongs to, 2. a
// sentence in doc.go.
type Audit struct {
	iss    wire.Seq // of the connection that the rest is about
	una    wire.Seq
	adv    wire.Seq
	edge   wire.Seq // largest right edge that the peer offered
	synced bool     // the rest is valid
}

// A Breach says which invariant does not hold.
type Breach string

// Error returns the breach, in English.
func (b Breach) Error() string { return string(b) }

// Check returns the first Breach, or nil. Call it at least once between a
// Transmit and the next Arrive. settled says that Transmit has nothing more.
func (a *Audit) Check(c *Conn, settled bool) error {
	if c.env.Stats.IllegalTransitions != 0 {
		return Breach("an illegal change of state")
	}
	if c.env.Budget.Free() < 0 {
		return Breach("more memory than the Budget has")
	}
	if c.awake != 0 && c.env.awake[c.awake-1].conn != c || c.sb != nil && c.resting() {
		return Breach("a controller that is not where it belongs")
	}
	if c.state == StateClosed {
		a.synced = false
		return auditClosed(c)
	}
	for _, check := range [...]func(*Conn) error{auditSequence, auditTimers, auditScoreboard, auditReassembly} {
		if err := check(c); err != nil {
			return err
		}
	}
	if settled && c.state.sends() && c.waiting() > 0 && !sendingTimer(c) {
		return Breach("something to send, and nothing that will send it")
	}
	return a.progress(c)
}

// Memory is how many bytes of the Budget the connection has beside itself.
func (a *Audit) Memory(c *Conn) int {
	n := c.in.Held() + c.out.Held()
	if c.sb != nil {
		n += c.sb.charged
	}
	if c.re != nil {
		n += c.re.charged
	}
	return n
}

// progress compares with the last time: what may only grow, and the peer's window.
func (a *Audit) progress(c *Conn) error {
	if !c.state.synchronized() {
		a.synced = false
		return nil
	}
	edge := c.snd.una.Add(int(c.snd.wnd))
	last := *a
	*a = Audit{iss: c.snd.iss, una: c.snd.una, adv: c.rcv.adv, edge: edge, synced: true}
	if last.synced && last.iss == a.iss {
		if a.una.Less(last.una) {
			return Breach("SND.UNA moved to the left")
		}
		if a.adv.Less(last.adv) {
			return Breach("the right edge of our window moved to the left")
		}
		a.edge = wire.MaxSeq(edge, last.edge)
	} else {
		a.edge = wire.MaxSeq(edge, c.snd.nxt) // who comes late cannot know what was offered before
	}
	if a.edge.Add(1).Less(c.snd.nxt) { // a probe's byte, or the FIN that takes no buffer
		return Breach("SND.NXT beyond the largest right edge that was offered")
	}
	return nil
}

func auditClosed(c *Conn) error {
	switch {
	case c.sb != nil || c.re != nil || !c.resting():
		return Breach("CLOSED, and memory for sending or receiving")
	case c.Deadline() != clock.Never:
		return Breach("CLOSED, and a timer runs")
	}
	return nil
}

// auditSequence looks at the sequence numbers and the rings.
func auditSequence(c *Conn) error {
	switch {
	case c.snd.nxt.Less(c.snd.una):
		return Breach("SND.UNA beyond SND.NXT")
	case c.state.synchronized() && c.rcv.adv.Less(c.rcv.nxt):
		return Breach("RCV.NXT beyond the window")
	case c.unsent() < 0:
		return Breach("more is sent than the ring holds")
	case c.has&finSent != 0 && c.snd.una != c.snd.nxt && c.snd.nxt.Sub(c.snd.una) != c.out.Len()+1:
		return Breach("the ring does not end at our FIN")
	}
	return nil
}

func auditTimers(c *Conn) error {
	if c.has&paceHeld != 0 && (c.sb == nil || c.sb.pace.next == clock.Never) {
		return Breach("the rate holds data back, and nobody knows until when")
	}
	armed := c.timers[timerRetransmit] != clock.Never || c.timers[timerPersist] != clock.Never || c.has&owesProbe != 0
	if c.snd.una != c.snd.nxt && !armed {
		return Breach("something is outstanding, and no timer runs")
	}
	return nil
}

// sendingTimer reports whether a timer runs that lets data go.
func sendingTimer(c *Conn) bool {
	if c.has&paceHeld != 0 {
		return true
	}
	for i, at := range c.timers {
		switch i {
		case timerDelACK, timerKeepalive, timerUser, timerTimeWait:
			continue
		}
		if at != clock.Never {
			return true
		}
	}
	return false
}

// auditScoreboard holds the records to SND.UNA and SND.NXT, and their sums to them.
func auditScoreboard(c *Conn) error {
	s := c.sb
	if s == nil {
		if c.state.sends() && c.snd.una != c.snd.nxt {
			return Breach("outstanding, and no scoreboard")
		}
		return nil
	}
	at, sum := c.snd.una, scoreboard{}
	for i := range s.n {
		r := s.at(i)
		if r.seq != at || r.len == 0 {
			return Breach("a gap in the scoreboard")
		}
		at = r.end()
		if err := sum.audit(r, s.hint); err != nil {
			return err
		}
	}
	if c.snd.nxt != at {
		return Breach("the scoreboard does not end at SND.NXT")
	}
	if sum.sackedBytes != s.sackedBytes || sum.lostBytes != s.lostBytes ||
		sum.resentBytes != s.resentBytes || sum.sackedSegs != s.sackedSegs {
		return Breach("the scoreboard's sums are not those of its records")
	}
	if c.opt.sack {
		return auditTimeOrder(c)
	}
	return nil
}

// audit looks at one record and adds it to the sums.
func (s *scoreboard) audit(r *record, hint wire.Seq) error {
	if r.flags&sacked != 0 {
		s.sackedBytes += int(r.len)
		s.sackedSegs += int(r.segs)
		if r.flags&(lost|resent) != 0 {
			return Breach("a SACKed record is lost")
		}
		return nil
	}
	if r.flags&lost != 0 {
		s.lostBytes += int(r.len)
	}
	if r.flags&resent != 0 {
		s.resentBytes += int(r.len)
	}
	if r.flags&(lost|resent) == resent || r.flags&(lost|resent) == lost && r.seq.Less(hint) {
		return Breach("a lost record that is never sent again")
	}
	return nil
}

// auditTimeOrder holds that RACK will meet every record that is out: what was
// sent once at judged or beyond, what was sent again among the resends, both in
// the order of time.
func auditTimeOrder(c *Conn) error {
	s, last := c.sb, clock.Never
	for i := range s.n {
		r := s.at(i)
		if r.flags&(sacked|lost|everSent) != 0 {
			continue
		}
		if r.end().LessEq(s.judged) || r.sent < last {
			return Breach("a record that RACK passed over")
		}
		last = r.sent
	}
	last, out := clock.Never, 0
	for i := range s.again.n {
		e := s.again.at(i)
		if e.sent < last {
			return Breach("retransmissions out of the order of time")
		}
		last = e.sent
		for j := s.find(e.seq); j < s.n && s.at(j).seq.Less(e.seq.Add(int(e.len))); j++ {
			if e.isOf(s.at(j)) {
				out++
			}
		}
	}
	for i := range s.n {
		if r := s.at(i); r.flags&(everSent|sacked) == everSent && r.flags&(lost|resent) != lost {
			out--
		}
	}
	const enough = 16 << 20 // with less, the list may be refused memory: then the timer repairs
	if out < 0 && c.env.Budget.Limit() >= enough {
		return Breach("a retransmission that RACK does not know")
	}
	return nil
}

func auditReassembly(c *Conn) error {
	r := c.re
	if r == nil {
		return nil
	}
	at, n := c.rcv.nxt, 0
	for i := range r.n {
		if !at.Less(r.spans[i].l) || !r.spans[i].l.Less(r.spans[i].r) {
			return Breach("pieces out of order that touch")
		}
		at = r.spans[i].r
		n += at.Sub(r.spans[i].l)
	}
	if n != r.bytes {
		return Breach("the sum of the pieces out of order is wrong")
	}
	return nil
}
