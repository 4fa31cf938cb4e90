package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// State is a connection's state (RFC 9293 3.3.2), numbered as Linux does.
type State uint8

// The states, numbered as Linux's enum.
const (
	StateEstablished State = iota + 1
	StateSynSent
	StateSynReceived
	StateFinWait1
	StateFinWait2
	StateTimeWait
	StateClosed
	StateCloseWait
	StateLastAck
	StateListen
	StateClosing
	numStates
)

var stateNames = [numStates]string{
	StateEstablished: "ESTABLISHED",
	StateSynSent:     "SYN-SENT",
	StateSynReceived: "SYN-RECEIVED",
	StateFinWait1:    "FIN-WAIT-1",
	StateFinWait2:    "FIN-WAIT-2",
	StateTimeWait:    "TIME-WAIT",
	StateClosed:      "CLOSED",
	StateCloseWait:   "CLOSE-WAIT",
	StateLastAck:     "LAST-ACK",
	StateListen:      "LISTEN",
	StateClosing:     "CLOSING",
}

// String returns the RFC's name of the state.
func (s State) String() string {
	if s < numStates && stateNames[s] != "" {
		return stateNames[s]
	}
	return "unknown state"
}

// synchronized reports whether both sides' sequence numbers are known and
// acknowledged (RFC 9293 3.5.1).
func (s State) synchronized() bool {
	switch s {
	case StateClosed, StateListen, StateSynSent, StateSynReceived:
		return false
	}
	return true
}

// sends reports whether data or a FIN of ours may be outstanding or unsent.
func (s State) sends() bool {
	switch s {
	case StateEstablished, StateCloseWait, StateFinWait1, StateClosing, StateLastAck:
		return true
	}
	return false
}

// receives reports whether new text of the peer is of use.
func (s State) receives() bool {
	return s == StateEstablished || s == StateFinWait1 || s == StateFinWait2
}

func set(states ...State) (m uint16) {
	for _, s := range states {
		m |= 1 << s
	}
	return m
}

// legal returns the states that may follow s (RFC 9293 3.3.2, figure 5, with
// the aborts of 3.10).
func (s State) legal() uint16 {
	switch s {
	case StateClosed:
		return set(StateSynSent, StateSynReceived)
	case StateSynSent:
		return set(StateSynReceived, StateEstablished, StateClosed)
	case StateSynReceived:
		return set(StateEstablished, StateFinWait1, StateClosed)
	case StateEstablished:
		return set(StateFinWait1, StateCloseWait, StateClosed)
	case StateFinWait1:
		return set(StateFinWait2, StateClosing, StateTimeWait, StateClosed)
	case StateFinWait2:
		return set(StateTimeWait, StateClosed)
	case StateCloseWait:
		return set(StateLastAck, StateClosed)
	case StateClosing:
		return set(StateTimeWait, StateClosed)
	case StateLastAck, StateTimeWait:
		return set(StateClosed)
	}
	return 0
}

// setState is the only way from one state to another.
func (c *Conn) setState(now clock.Instant, to State) {
	old := c.state
	if old.legal()&(1<<to) == 0 {
		c.env.Stats.IllegalTransitions++
	}
	c.state = to
	if c.env.Trace != nil {
		e := c.event(now, trace.StateChanged, c.env.ending)
		e.Old = uint8(old)
		c.env.Trace.Add(e)
	}
	switch to {
	case StateEstablished:
		c.events |= EvConnected | EvWritable
	case StateTimeWait:
		c.timers = [numTimers]clock.Instant{}
		c.timers[timerTimeWait] = now.Add(2 * c.env.Config.MSL)
		c.releaseSide()
		c.events |= EvWritable
	case StateClosed:
		c.timers = [numTimers]clock.Instant{}
		c.busy.turn(now, idle)
		c.releaseSide()
		c.out.Release(c.env.Budget)
		c.has &^= owesAny
		c.events |= EvClosed | EvReadable | EvWritable
	}
}
