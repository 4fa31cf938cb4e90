package journey

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// closing is how a connection ended, as its segments show.
type closing struct {
	segments   int  // from the first FIN on
	oursFirst  bool // whose FIN came first; meaningful once begun
	begun      bool
	both       bool // the second FIN was sent before the first had arrived
	sharedACK  bool // the first FIN's ACK came with the second FIN
	ackedFirst bool // the first FIN is acknowledged
	done       bool // both are
	dataToo    bool // the first FIN came with data
}

// acknowledged notes that s may acknowledge the FIN of the other side.
func (c *closing) acknowledged(s *segment, other *side) {
	if c.begun && s.Flags&wire.FIN == 0 {
		c.segments++
	}
	if !other.ended || s.Ack != other.fin.Add(1) {
		return
	}
	toFirst := s.ours != c.oursFirst
	if toFirst && !c.ackedFirst {
		c.ackedFirst, s.ackFIN = true, true
		if s.Flags&wire.FIN != 0 {
			c.sharedACK, s.shared = true, true
		}
	}
	if !toFirst && !c.done {
		c.done, s.ackFIN = true, true
	}
}

// ended notes the first FIN of a side.
func (c *closing) ended(s *segment, other *side) {
	c.segments++
	if !c.begun {
		c.begun, c.oursFirst, c.dataToo = true, s.ours, s.len > 0
		return
	}
	c.both = !c.ackedFirst && (!other.ended || s.Ack != other.fin.Add(1))
}

// Closed tells how the connection that was spoken of last was closed. msl is
// the maximum segment lifetime of our side; TIME-WAIT lasts two.
func (j *Journey) Closed(msl time.Duration) {
	j.end(func() {
		f := j.recent
		if f == nil {
			return
		}
		j.blank()
		j.tellClose(f, msl)
		j.blank()
	})
}

func (j *Journey) tellClose(f *flow, msl time.Duration) {
	c := &f.closing
	peer := j.o.Peer
	switch {
	case f.us.reset || f.peer.reset:
		who := "We"
		if f.peer.reset {
			who = upper(peer)
		}
		j.fact("reset", who+" ended the connection with RST: at once, both ways, without regard for what was under way.")
		return
	case !c.begun:
		j.fact("still open", "No FIN has been sent.")
		return
	case c.both:
		j.fact("who first", "Both at once: each sent its FIN before the other's had arrived.")
	case c.oursFirst:
		j.fact("who first", "We did: the server would have kept the connection alive.")
	default:
		j.fact("who first", upper(peer)+" did, after the last byte of its answer.")
	}
	if ours := f.path(); len(ours) > 0 {
		j.fact("our states", strings.Join(ours, " -> "))
	} else {
		j.fact("our states", strings.Join(c.path(true), " -> ")+"  "+j.t("(as our segments show)"))
	}
	j.fact("theirs", strings.Join(c.path(false), " -> ")+"  "+j.t("(as their segments show)"))
	sharing := c.sharing(peer)
	if c.dataToo {
		sharing += " The first FIN rode on the last segment of data."
	}
	j.fact("segments", sharing)
	if last := f.last(); last == tcp.StateTimeWait {
		j.fact("TIME-WAIT", fmt.Sprintf("lasts 2 MSL = %d s, so", int((2*msl).Seconds()))+" that a late segment cannot be taken for one of a new connection, and so that we can acknowledge the peer's FIN again if our ACK was lost. We do not wait for it here.")
	} else if c.begun && !c.oursFirst && !c.both {
		j.fact("TIME-WAIT", "is the other side's: who closes first has to wait.")
	}
}

// sharing says where ACK and FIN shared a segment.
func (c *closing) sharing(peer string) string {
	second := "our"
	if c.oursFirst {
		second = peer + "'s"
	}
	switch {
	case c.both:
		return "Two FINs that crossed, and an ACK for each."
	case c.sharedACK && c.done:
		return "Three: FIN, then FIN and ACK, then ACK. The ACK of the first FIN and " + second + " own FIN shared a segment."
	case c.done:
		return "Four: FIN, ACK, FIN, ACK. The ACK of the first FIN went ahead alone, as data's would; " + second + " own FIN came after it in a segment of its own."
	case c.sharedACK:
		return "FIN, then FIN and ACK in one segment; the last ACK was not seen."
	}
	return "The closing was not seen to its end."
}

// path is what states a side went through, by its segments.
func (c *closing) path(ours bool) []string {
	path := []string{"ESTABLISHED"}
	add := func(s tcp.State) { path = append(path, s.String()) }
	switch {
	case c.both:
		add(tcp.StateFinWait1)
		add(tcp.StateClosing)
		add(tcp.StateTimeWait)
	case c.oursFirst != ours:
		add(tcp.StateCloseWait)
		add(tcp.StateLastAck)
		if c.done {
			add(tcp.StateClosed)
		}
	default:
		add(tcp.StateFinWait1)
		if c.ackedFirst && !c.sharedACK {
			add(tcp.StateFinWait2)
		}
		if c.done {
			add(tcp.StateTimeWait)
		}
	}
	return path
}

// path is our states from ESTABLISHED on.
func (f *flow) path() []string {
	var names []string
	for _, s := range f.states {
		if s != tcp.StateSynSent && s != tcp.StateSynReceived {
			names = append(names, s.String())
		}
	}
	return names
}

func (f *flow) last() tcp.State {
	if len(f.states) == 0 {
		return 0
	}
	return f.states[len(f.states)-1]
}

// State returns the state of the connection that was spoken of last; 0 before there is one.
func (j *Journey) State() tcp.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recent == nil {
		return 0
	}
	return j.recent.last()
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
