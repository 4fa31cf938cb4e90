package stack

import (
	"os"
	"sync"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A side is one direction of a socket: who waits for it, and until when.
type side struct {
	busy    bool        // a call that may wait is at work in this direction
	line    sync.Cond   // where the next ones stand; L is the shard's mu
	cond    sync.Cond   // where that call sleeps; L is the shard's mu
	lead    *lead       // the shard's
	asleep  int         // in cond, and not leading
	news    uint        // counts wakes, so that none is lost between a try and the wait
	expired bool        // the deadline has passed
	lent    bool        // the call at work copies outside the lock
	held    bool        // news are held back: see lead.hold
	into    *tcp.Reader // of the call that waits for bytes; nil: none
	err     error       // met after part of the work was done: the next call's
}

// wake makes who waits in this direction look again. The lock is held.
func (d *side) wake() {
	d.news++
	d.held = false
	if d.asleep > 0 {
		d.lead.woke = true
		d.cond.Broadcast()
	}
	d.lead.interrupt(d)
}

// take waits for the turn to work in this direction. The lock is held. It is
// a flag and not a Mutex, so that a call that must not wait never does, and so
// that who stands in line is durably blocked for testing/synctest.
func (d *side) take() {
	for d.busy {
		d.line.Wait()
	}
	d.busy = true
}

// pass gives the turn to the next in line. The lock is held.
func (d *side) pass() {
	d.busy = false
	d.line.Signal()
}

// back ends the copying outside the lock. The lock is held.
func (d *side) back() {
	d.lent = false
	d.line.Broadcast()
}

// settle waits until nobody copies: for a call that must not wait for longer,
// and must not find the same bytes. The lock is held.
func (d *side) settle() {
	for d.lent {
		d.line.Wait()
	}
}

// news notes what the host said and wakes who waits for it. The lock is held.
func (s *Socket) news(m host.Mask) {
	if m&host.AlarmRead != 0 {
		s.rd.expired = true
	}
	if m&host.AlarmWrite != 0 {
		s.wr.expired = true
	}
	if m&host.Gone != 0 {
		s.gone = true
	}
	const ends = host.HangupRead | host.Hangup | host.Failed | host.AlarmRead | host.Urgent
	if m&(host.Readable|ends) != 0 && (m&ends != 0 || !s.rd.lead.hold(&s.rd)) {
		s.rd.wake()
	}
	if m&(host.Writable|host.Hangup|host.Failed|host.AlarmWrite|host.Gone) != 0 {
		s.wr.wake()
	}
}

// wake makes all who wait on the socket look again. The lock is held.
func (s *Socket) wake() {
	s.rd.wake()
	s.wr.wake()
}

// until repeats try, in direction d, while it says that it would block.
func (s *Socket) until(d *side, f Flags, try func(now clock.Instant) error) error {
	sh := s.sh
	sh.enter()
	defer sh.leave()
	if f&DontWait != 0 {
		if d.busy && d == &s.wr && s.kind == host.Stream {
			return host.ErrWouldBlock // it would get between the bytes of another Send
		}
		return s.attempt(d, try)
	}
	d.take()
	defer d.pass()
	for {
		seen := d.news
		if err := s.attempt(d, try); err != host.ErrWouldBlock {
			return err
		}
		sh.await(d, seen)
	}
}

// attempt tries once. The lock is held.
func (s *Socket) attempt(d *side, try func(now clock.Instant) error) error {
	if err := s.able(d); err != nil {
		return err
	}
	return try(s.sh.now)
}

// able says why the socket does not work in direction d, or nil. The lock is held.
func (s *Socket) able(d *side) error {
	if err := s.usable(); err != nil {
		return err
	}
	if d.expired {
		return os.ErrDeadlineExceeded
	}
	err := d.err
	d.err = nil
	return err
}
