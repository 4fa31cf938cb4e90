package stack

import (
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

// Waiting is leading. Somebody has to wait for the link, read a batch and feed
// it to the host; handing each packet from a goroutine that does to the
// application that sleeps would cost a thread's wake-up. So whoever must wait
// anyway does the reading: the leader, of which there is one at a time, from
// the wait until the batch is processed, so that packets keep their order.

// idleTime is how long nobody leads before the background does: long enough
// that an application that comes straight back finds the lead free.
const idleTime = time.Millisecond

// A lead is who waits for the link. The shard's lock guards it.
type lead struct {
	link    link.Link
	taken   bool  // somebody leads
	terms   uint  // how often somebody began to
	side    *side // what the leader waits for; nil: the background leads
	waiting bool  // the leader is in link.Wait, or about to be: only Wake reaches it
	woke    bool  // the batch under way has news for one of them
	free    sync.Cond
	held    []*side       // whose waiters have bytes, and may get more before they are woken
	batches int           // since held was empty
	feeding bool          // a batch is in the host's hands
	nudged  chan struct{} // with room for one
	in      [batch]link.Packet
}

// maxHeld is for how many batches who has bytes sleeps on.
const maxHeld = 4

// hold keeps back the news that bytes came for d, while there is room for more of
// them and the link has more: one wake-up for several super-segments. Few bytes,
// the answer to a request, are never held back. The lock is held.
func (sh *shard) hold(d *side) bool {
	l, b := &sh.lead, d.bed
	if !l.feeding || b == nil || b.reader.N < lendLeast || b.reader.N == len(b.reader.Buf) {
		return false
	}
	if !b.held {
		b.held = true
		l.held = append(l.held, d)
	}
	return true
}

// release tells the news that were held back. The lock is held.
func (sh *shard) release() {
	l := &sh.lead
	for _, d := range l.held {
		if d.bed != nil && d.bed.held {
			sh.rouse(d)
		}
	}
	clear(l.held)
	l.held, l.batches = l.held[:0], 0
}

// interrupt ends the leader's wait if it waits for d. The lock is held.
func (l *lead) interrupt(d *side) {
	if l.waiting && l.side == d {
		l.link.Wake()
	}
}

// await does what leave does, but instead of returning to the caller it waits
// until d has news that came after seen: leading, or asleep while another
// leads. The lock is held before and after. This is the one place where an
// application waits.
func (sh *shard) await(d *side, seen uint32) {
	sh.flush()
	sh.report()
	for d.news == seen && sh.failed == nil {
		if sh.lead.taken {
			sh.sleep(d)
		} else {
			sh.leadFor(d, seen)
		}
	}
	sh.now = max(sh.now, sh.read())
}

func (sh *shard) sleep(d *side) {
	b := sh.lie(d)
	b.asleep++
	b.cond.Wait()
	b.asleep--
	sh.rise(d)
}

// leadFor reads and feeds until d has news that came after seen. The lock is
// held before and after. The lead is not handed to anybody: who was woken by
// the same batch takes it when it waits again, and so does this application;
// if none does, the background will.
func (sh *shard) leadFor(d *side, seen uint32) {
	sh.begin(d)
	for d.news == seen && sh.failed == nil {
		sh.feed()
	}
	sh.resign()
}

// begin takes the lead.
func (sh *shard) begin(d *side) {
	sh.lead.taken, sh.lead.side = true, d
	sh.lead.terms++
}

// resign gives the lead up and tells the background, and Close.
func (sh *shard) resign() {
	sh.lead.taken, sh.lead.side = false, nil
	sh.lead.free.Broadcast()
}

// feed waits for the link and walks one batch through the host. The lock is
// held before and after. It never claims to be alone: a thread that waits in the
// kernel is one that the runtime has to replace, and where the peer lives in the
// same process that cost nine tenths of the requests per second.
func (sh *shard) feed() {
	l := &sh.lead
	l.waiting, l.woke = true, false
	sh.mu.Unlock()
	var err error
	if len(l.held) == 0 {
		err = sh.link.Wait(false)
	}
	n := 0
	if err == nil {
		n, err = sh.link.TryRead(l.in[:])
	}
	if sh.peers != nil {
		n = sh.sort(n)
	}
	now := sh.enter()
	l.waiting = false
	if err != nil {
		sh.release()
		sh.end(err)
		return
	}
	if sh.failed == nil {
		sh.host.InputBatch(now, l.in[:n])
	}
	l.batches++
	l.feeding = n > 0 && l.batches < maxHeld
	if sh.peers != nil {
		sh.open()
	}
	sh.flush()
	l.feeding = false
	if n == 0 || l.batches >= maxHeld || len(l.held) == 0 {
		sh.release()
	}
	sh.report()
}

// background leads while no application does, until the shard fails.
func (sh *shard) background() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	idle := time.AfterFunc(time.Hour, sh.nudge)
	defer idle.Stop()
	for sh.failed == nil {
		if sh.lead.taken {
			sh.lead.free.Wait()
			continue
		}
		terms := sh.lead.terms
		if terms > 0 && !sh.stayedIdle(idle, terms) {
			continue
		}
		sh.begin(nil)
		for sh.failed == nil && !sh.lead.woke {
			sh.feed()
		}
		sh.lead.woke = false
		sh.resign()
	}
}

// nudge ends the background's wait for idleTime: the time is over, or the shard.
func (sh *shard) nudge() {
	select {
	case sh.lead.nudged <- struct{}{}:
	default:
	}
}

// stayedIdle waits for idleTime and reports whether nobody has led meanwhile.
func (sh *shard) stayedIdle(idle *time.Timer, terms uint) bool {
	idle.Reset(idleTime)
	sh.mu.Unlock()
	<-sh.lead.nudged
	sh.mu.Lock()
	return !sh.lead.taken && sh.lead.terms == terms && sh.failed == nil
}
