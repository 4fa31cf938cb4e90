package tcp

import "github.com/sockeye-net/sockeye/stack/wire"

// A model is RFC 9293 3.10.7 read once more, for one segment, as plainly as
// can be: it shares nothing with the code under test but the names of states,
// flags and errors. Sequence numbers count from ISS and IRS, so that ordinary
// integers compare them.
//
// Where the RFC leaves a choice, or a later one decides, the model says:
//
//	RFC 5961 3.2   a RST counts only exactly at RCV.NXT; in the window else: challenge ACK; outside: nothing
//	RFC 5961 4.2   a SYN in a synchronized state draws a challenge ACK, at any sequence number
//	RFC 5961 5.2   an ACK outside SND.UNA-MAX.SND.WND .. SND.NXT draws an ACK, and its segment is discarded
//	RFC 7323 5     no timestamps were agreed here: PAWS is silent
//	RFC 1337 3     a RST does not end TIME-WAIT
//	RFC 6191 2     a SYN beyond RCV.NXT may take the place of a connection in TIME-WAIT
//	SHLD-31        what is out of order is held, and acknowledged at once (MAY-13)
//	MUST-66        at RCV.NXT a closed window lets ACK, RST and URG in, not text or FIN
//	3.10.7.3, .4   a RST that ends SYN-SENT or an active SYN-RECEIVED reports "refused"
type model struct {
	state   State
	passive bool // SYN-RECEIVED came from LISTEN

	sndUna, sndNxt, sndWnd, maxSndWnd int
	sndWl1, sndWl2                    int
	finSent                           bool // our FIN is what ends at SND.NXT
	rcvNxt, rcvWnd                    int
	finKnown                          bool // the peer's FIN came, or is held

	reply reply
	text  int  // bytes delivered
	held  int  // bytes held out of order
	msl2  bool // the 2 MSL timer was started
	err   Error
}

// A reply is the segment that answers; without flags there is none.
type reply struct {
	flags    wire.Flags
	seq, ack int
}

// A cellSegment is the segment that arrives.
type cellSegment struct {
	flags         wire.Flags
	seq, ack, wnd int
	text          int // bytes
}

func (s *cellSegment) has(f wire.Flags) bool { return s.flags&f != 0 }

// len is SEG.LEN.
func (s *cellSegment) len() int {
	n := s.text
	if s.has(wire.SYN) {
		n++
	}
	if s.has(wire.FIN) {
		n++
	}
	return n
}

func (m *model) ack()          { m.reply = reply{wire.ACK, m.sndNxt, m.rcvNxt} }
func (m *model) reset(seq int) { m.reply = reply{wire.RST, seq, 0} }
func (m *model) die(err Error) { m.state, m.err, m.reply = StateClosed, err, reply{} }
func (m *model) in(states ...State) bool {
	for _, s := range states {
		if m.state == s {
			return true
		}
	}
	return false
}

// arrives is 3.10.7.
func (m *model) arrives(s cellSegment) {
	switch m.state {
	case StateClosed:
		m.closed(s)
	case StateListen:
		m.listen(s)
	case StateSynSent:
		m.synSent(s)
	default:
		m.otherwise(s)
	}
}

// closed is 3.10.7.1.
func (m *model) closed(s cellSegment) {
	switch {
	case s.has(wire.RST):
	case s.has(wire.ACK):
		m.reset(s.ack)
	default:
		m.reply = reply{wire.RST | wire.ACK, 0, s.seq + s.len()}
	}
}

// listen is 3.10.7.2.
func (m *model) listen(s cellSegment) {
	switch {
	case s.has(wire.RST): // first
	case s.has(wire.ACK): // second
		m.reset(s.ack)
	case s.has(wire.SYN): // third
		m.rcvNxt = s.seq + 1
		m.reply = reply{wire.SYN | wire.ACK, 0, m.rcvNxt}
		m.state = StateSynReceived
	}
}

// synSent is 3.10.7.3.
func (m *model) synSent(s cellSegment) {
	if s.has(wire.ACK) && (s.ack <= 0 || s.ack > m.sndNxt) { // first
		if !s.has(wire.RST) {
			m.reset(s.ack)
		}
		return
	}
	if s.has(wire.RST) { // second
		if s.has(wire.ACK) {
			m.die(ErrRefused)
		}
		return
	}
	if !s.has(wire.SYN) { // fourth and fifth
		return
	}
	m.rcvNxt = s.seq + 1
	if !s.has(wire.ACK) {
		m.state = StateSynReceived
		m.reply = reply{wire.SYN | wire.ACK, 0, m.rcvNxt}
		return
	}
	m.sndUna = s.ack
	m.established(s)
	m.ack()
	s.flags &^= wire.SYN
	s.seq++
	m.trim(&s)
	m.textAndFIN(s) // "continue processing at the sixth step"
}

func (m *model) established(s cellSegment) {
	m.state = StateEstablished
	m.sndWnd, m.sndWl1, m.sndWl2 = s.wnd, s.seq, s.ack
	m.maxSndWnd = max(m.maxSndWnd, s.wnd)
}

// otherwise is 3.10.7.4.
func (m *model) otherwise(s cellSegment) {
	begin := s.seq
	switch {
	case s.has(wire.SYN) && !s.has(wire.RST) && m.state != StateSynReceived:
		m.synAgain(s) // RFC 5961 4.2 puts this before the first
		return
	case !m.acceptable(s): // first
		if !s.has(wire.RST) {
			m.ack()
			m.finAgain(s)
		}
		return
	case s.has(wire.RST): // second
		m.resets(begin)
		return
	case s.has(wire.SYN): // fourth, in SYN-RECEIVED
		if m.passive {
			m.state = StateListen
		} else {
			m.ack()
		}
		return
	case !s.has(wire.ACK): // fifth
		return
	}
	m.trim(&s)
	if m.acks(s) {
		m.textAndFIN(s) // seventh and eighth
	}
}

// acceptable is the table of 3.4, with MUST-66.
func (m *model) acceptable(s cellSegment) bool {
	inside := func(n int) bool { return m.rcvNxt <= n && n < m.rcvNxt+m.rcvWnd }
	if m.rcvWnd == 0 {
		return s.seq == m.rcvNxt
	}
	if s.len() == 0 {
		return inside(s.seq)
	}
	return inside(s.seq) || inside(s.seq+s.len()-1) ||
		s.seq < m.rcvNxt && s.seq+s.len() > m.rcvNxt+m.rcvWnd // "a segment that has any part in the window"
}

// finAgain is what 3.10.7.4 says of a repeated FIN in TIME-WAIT.
func (m *model) finAgain(s cellSegment) {
	if m.state == StateTimeWait && s.has(wire.FIN) {
		m.msl2 = true
	}
}

// synAgain is the fourth step in the synchronized states.
func (m *model) synAgain(s cellSegment) {
	if m.state == StateTimeWait && !s.has(wire.ACK|wire.FIN) && s.seq > m.rcvNxt {
		m.state = StateListen // the owner lets the listener have it
		return
	}
	m.ack()
}

// resets is the second step.
func (m *model) resets(seq int) {
	switch {
	case m.state == StateTimeWait:
	case seq != m.rcvNxt && (seq < m.rcvNxt || seq >= m.rcvNxt+m.rcvWnd):
	case seq != m.rcvNxt:
		m.ack()
	case m.state == StateSynReceived && m.passive:
		m.state = StateListen
	case m.state == StateSynReceived:
		m.die(ErrRefused)
	case m.in(StateClosing, StateLastAck) && m.outstanding() == 0:
		m.die(0) // both sides had said all
	default:
		m.die(ErrReset)
	}
}

// outstanding is the text that is not acknowledged: the owner has to hear that it
// may never have arrived (RFC 9293 MUST-12).
func (m *model) outstanding() int {
	n := m.sndNxt - m.sndUna
	if m.finSent {
		n--
	}
	return n
}

// trim leaves what lies in the window; what was cut off beyond it, and the
// text below it, is acknowledged with what is left.
func (m *model) trim(s *cellSegment) {
	if old := min(max(m.rcvNxt-s.seq, 0), s.text); old > 0 {
		s.seq += old
		s.text -= old
		m.ack()
	}
	if s.seq+s.len() > m.rcvNxt+m.rcvWnd && s.len() > 0 {
		s.text = min(s.text, max(m.rcvNxt+m.rcvWnd-s.seq, 0))
		s.flags &^= wire.FIN
		m.ack()
	}
}

// acks is the fifth step. It reports whether the segment goes on.
func (m *model) acks(s cellSegment) bool {
	if m.state == StateSynReceived {
		if s.ack <= m.sndUna || s.ack > m.sndNxt {
			m.reset(s.ack)
			return false
		}
		m.established(s)
	}
	if s.ack > m.sndNxt || s.ack < m.sndUna-m.maxSndWnd {
		m.ack()
		return false
	}
	m.sndUna = max(m.sndUna, s.ack)
	if s.ack >= m.sndUna && (s.seq > m.sndWl1 || s.seq == m.sndWl1 && s.ack >= m.sndWl2) {
		m.sndWnd = s.wnd
	}
	if !m.finSent || m.sndUna != m.sndNxt {
		return m.state != StateClosing // "otherwise, ignore the segment"
	}
	switch m.state {
	case StateFinWait1:
		m.state = StateFinWait2
	case StateClosing:
		m.state, m.msl2 = StateTimeWait, true
	case StateLastAck:
		m.die(0)
		return false
	}
	return true
}

// textAndFIN is the seventh and the eighth step.
func (m *model) textAndFIN(s cellSegment) {
	if m.in(StateEstablished, StateFinWait1, StateFinWait2) {
		if s.len() == 0 {
			return
		}
		m.finKnown = m.finKnown || s.has(wire.FIN)
		if s.seq > m.rcvNxt {
			m.held = s.text
			m.ack()
			return
		}
		m.text = s.text
		m.rcvNxt += s.text
		m.rcvWnd -= s.text
		m.ack()
	}
	if s.has(wire.FIN) {
		m.fin()
	}
}

// fin is the eighth step. Nothing follows a FIN: another one past the first
// cannot be, and is only acknowledged.
func (m *model) fin() {
	switch m.state {
	case StateEstablished:
		m.rcvNxt++
		m.state = StateCloseWait
	case StateFinWait1: // "if our FIN has been ACKed" the fifth step has made it FIN-WAIT-2
		m.rcvNxt++
		m.state = StateClosing
	case StateFinWait2:
		m.rcvNxt++
		m.state, m.msl2 = StateTimeWait, true
	case StateTimeWait:
		m.msl2 = true
	}
	m.ack()
}
