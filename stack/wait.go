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
	bed     *bed   // where who waits sleeps; nil: nobody does
	news    uint32 // counts wakes, so that none is lost between a try and the wait
	busy    bool   // a call that may wait is at work in this direction
	expired bool   // the deadline has passed
}

// A bed is what a side has only while somebody sleeps there: most sockets of a
// large server are idle. The shard keeps those that nobody uses.
type bed struct {
	line   sync.Cond // where the next calls stand
	cond   sync.Cond // where the call at work sleeps
	asleep int       // in cond, and not leading
	users  int
	lent   bool       // the call at work copies outside the lock
	held   bool       // news are held back: see shard.hold
	called bool       // sleepers were woken and have not come yet
	reader tcp.Reader // of the call that waits for bytes; no Buf: none does
}

// maxBeds bounds the beds kept for later.
const maxBeds = 1024

// lie returns the bed of d for one more sleeper, who calls rise afterwards. The
// lock is held.
// Not inlined: who sleeps has the time.
//
//go:noinline
func (sh *shard) lie(d *side) *bed {
	if d.bed == nil {
		if n := len(sh.beds); n > 0 {
			d.bed, sh.beds = sh.beds[n-1], sh.beds[:n-1]
		} else {
			d.bed = new(bed)
			d.bed.line.L, d.bed.cond.L = &sh.mu, &sh.mu
		}
	}
	d.bed.users++
	return d.bed
}

// rise takes a sleeper out. Not inlined, like lie.
//
//go:noinline
func (sh *shard) rise(d *side) {
	if d.bed.users--; d.bed.users > 0 {
		return
	}
	if len(sh.beds) < maxBeds {
		sh.beds = append(sh.beds, d.bed)
	}
	d.bed = nil
}

// rouse makes who waits in direction d look again. The lock is held.
func (sh *shard) rouse(d *side) {
	d.news++
	if b := d.bed; b != nil {
		b.held = false
		if b.asleep > 0 {
			sh.lead.woke = true
			if b.reader.Buf != nil && !b.called {
				b.called = true
				sh.lead.called++
			}
			b.cond.Broadcast()
		}
	}
	sh.lead.interrupt(d)
}

// take waits for the turn to work in direction d. The lock is held. It is
// a flag and not a Mutex, so that a call that must not wait never does, and so
// that who stands in line is durably blocked for testing/synctest.
func (sh *shard) take(d *side) {
	if d.busy {
		b := sh.lie(d)
		for d.busy {
			b.line.Wait()
		}
		sh.rise(d)
	}
	d.busy = true
}

// pass gives the turn to the next in line. The lock is held.
func (d *side) pass() {
	d.busy = false
	if d.bed != nil {
		d.bed.line.Signal()
	}
}

// news notes what the host said and wakes who waits for it. The lock is held.
func (s *Socket) news(m host.Mask) {
	if sp := s.spread(); sp == nil || !s.several().told(s, sp, m) {
		s.tell(m)
	}
}

// tell is news of the socket itself, not of a sibling (spread.go).
func (s *Socket) tell(m host.Mask) {
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
	if m&(host.Readable|ends) != 0 && (m&ends != 0 || !s.sh.hold(&s.rd)) {
		s.sh.rouse(&s.rd)
	}
	if m&(host.Writable|host.Hangup|host.Failed|host.AlarmWrite|host.Gone) != 0 {
		s.sh.rouse(&s.wr)
	}
	if m&watched != 0 {
		s.tellWatches(m)
	}
}

// wake makes all who wait on the socket look again. The lock is held.
func (s *Socket) wake() {
	s.sh.rouse(&s.rd)
	s.sh.rouse(&s.wr)
	s.tellWatches(0)
}

// until repeats try, in direction d, while it says that it would block.
func (s *Socket) until(d *side, f Flags, try func(now clock.Instant) error) error {
	s.enter()
	sh := s.sh
	defer sh.leave()
	if f&DontWait != 0 {
		if d.busy && d == &s.wr && s.kind == host.Stream {
			return host.ErrWouldBlock // it would get between the bytes of another Send
		}
		return s.attempt(d, f, try)
	}
	sh.take(d)
	defer d.pass()
	for {
		seen := d.news
		if err := s.attempt(d, f, try); err != host.ErrWouldBlock {
			return err
		}
		sh.await(d, seen)
	}
}

// attempt tries once. The lock is held.
func (s *Socket) attempt(d *side, f Flags, try func(now clock.Instant) error) error {
	if err := s.able(d, f); err != nil {
		return err
	}
	return d.late(try(s.sh.now))
}

// late makes of an error that a call with TryFirst would block the one that it may
// not any more.
func (d *side) late(err error) error {
	if err == host.ErrWouldBlock && d.expired {
		return os.ErrDeadlineExceeded
	}
	return err
}

// able says why the socket does not work in direction d, or nil. The lock is held.
func (s *Socket) able(d *side, f Flags) error {
	if err := s.usable(); err != nil {
		return err
	}
	if d.expired && f&TryFirst == 0 {
		return os.ErrDeadlineExceeded
	}
	return nil
}
