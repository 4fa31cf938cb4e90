package journey

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	peer := j.t(j.o.Peer)
	switch {
	case f.us.reset || f.peer.reset:
		who := j.t("We")
		if f.peer.reset {
			who = upper(peer)
		}
		j.fact("reset", j.t("%s ended the connection with RST: at once, both ways, without regard for what was under way.", who))
		return
	case !c.begun:
		j.fact("still open", j.t("No FIN has been sent."))
		return
	case c.both:
		j.fact("who first", j.t("Both at once: each sent its FIN before the other's had arrived."))
	case c.oursFirst && !f.http:
		j.fact("who first", j.t("We did."))
	case !f.http:
		j.fact("who first", j.t("%s did.", upper(peer)))
	case c.oursFirst:
		j.fact("who first", j.t("We did: the server would have kept the connection alive."))
	default:
		j.fact("who first", j.t("%s did, after the last byte of its answer.", upper(peer)))
	}
	if ours := f.path(); len(ours) > 0 {
		j.fact("our states", strings.Join(ours, " -> "))
	} else {
		j.fact("our states", strings.Join(c.path(true), " -> ")+"  "+j.t("(as our segments show)"))
	}
	j.fact("theirs", strings.Join(c.path(false), " -> ")+"  "+j.t("(as their segments show)"))
	sharing := j.sharing(c, peer)
	if c.dataToo {
		sharing += " " + j.t("The first FIN rode on the last segment of data.")
	}
	j.fact("segments", sharing)
	if last := f.last(); last == tcp.StateTimeWait {
		j.fact("TIME-WAIT", j.t("lasts 2 MSL = %d s, so that a late segment cannot be taken for one of a new connection, and so that we can acknowledge the peer's FIN again if our ACK was lost. We do not wait for it here.", int((2*msl).Seconds())))
	} else if c.begun && !c.oursFirst && !c.both {
		j.fact("TIME-WAIT", j.t("is the other side's: who closes first has to wait."))
	}
}

// sharing says where ACK and FIN shared a segment.
func (j *Journey) sharing(c *closing, peer string) string {
	second := j.t("our")
	if c.oursFirst {
		second = j.t("%s's", peer)
	}
	switch {
	case c.both:
		return j.t("Two FINs that crossed, and an ACK for each.")
	case c.sharedACK && c.done:
		return j.t("Three: FIN, then FIN and ACK, then ACK. The ACK of the first FIN and %s own FIN shared a segment.", second)
	case c.done:
		return j.t("Four: FIN, ACK, FIN, ACK. The ACK of the first FIN went ahead alone, as data's would; %s own FIN came after it in a segment of its own.", second)
	case c.sharedACK:
		return j.t("FIN, then FIN and ACK in one segment; the last ACK was not seen.")
	}
	return j.t("The closing was not seen to its end.")
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

// upper is a name at the beginning of a sentence.
func upper(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}
