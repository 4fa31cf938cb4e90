package stack

import (
	"runtime"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
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

// idleMost is how long it is where applications have come back again and again: a timer
// that is near wakes a thread, which may take the next packet to another processor.
const idleMost = 4 * idleTime

// A lead is who waits for the link. The shard's lock guards it.
type lead struct {
	link     link.Link
	taken    bool  // somebody leads
	side     *side // what the leader waits for; nil: the background leads
	waiting  bool  // the leader is in link.Wait, or about to be: only Wake reaches it
	woke     bool  // the batch under way has news for one of them
	called   int   // beds whose sleepers were woken and have not come yet
	free     sync.Cond
	held     []*side       // whose waiters have bytes, and may get more before they are woken
	batches  int           // since held was empty
	feeding  bool          // a batch is in the host's hands
	idle     alarm         // goes off when nobody has led for patience
	patience time.Duration // idleTime to idleMost; the background's lead begins it anew
	idling   bool          // it is set, and was not heard of
	idleAt   clock.Instant // when it was set
	nudged   chan struct{} // with room for one
	in       [batch]link.Packet
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
			sh.now = max(sh.now, sh.read())
		} else {
			sh.leadFor(d, seen) // its time is that of the last batch
		}
	}
}

func (sh *shard) sleep(d *side) {
	b := sh.lie(d)
	b.asleep++
	b.cond.Wait()
	b.asleep--
	if b.called {
		b.called = false
		sh.lead.called--
	}
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
}

// resign gives the lead up, tells Close, and the background if nobody takes it. It is
// called with each request: to set the alarm each time costs more than to have the
// idle time end a little early, and to wake the background, which goes back to sleep, a
// thread's wake-up.
func (sh *shard) resign() {
	l := &sh.lead
	l.taken, l.side = false, nil
	l.free.Broadcast()
	if l.idling {
		if sh.now.Sub(l.idleAt) <= l.patience/2 {
			return
		}
		l.patience = min(2*l.patience, idleMost)
	}
	l.idling, l.idleAt = true, sh.now
	l.idle.Reset(l.patience)
}

// feed waits for the link and walks one batch through the host. The lock is
// held before and after. It never claims to be alone: a thread that waits in the
// kernel is one that the runtime has to replace, and where the peer lives in the
// same process that cost nine tenths of the requests per second.
func (sh *shard) feed() {
	l := &sh.lead
	l.waiting, l.woke = true, false
	called := l.called > 0
	sh.mu.Unlock()
	if called {
		// Whoever was woken comes first: his memory is full, or not there, and what
		// is read before he has come goes to the ring, another copy.
		runtime.Gosched()
	}
	var err error
	if len(l.held) == 0 {
		err = sh.link.Wait(false)
	}
	n := 0
	if err == nil {
		n, err = sh.link.TryRead(l.in[:])
	}
	if sh.peers != nil {
		n = sh.peers.several.sort(sh, n)
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
		sh.peers.several.open(sh)
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
	l := &sh.lead
	defer l.idle.Stop()
	for sh.failed == nil {
		if !l.taken {
			sh.leadAlone()
		}
		if sh.failed == nil {
			sh.mu.Unlock()
			<-l.nudged
			sh.mu.Lock()
			l.idling = false
		}
	}
}

// leadAlone reads and feeds until an application was woken.
func (sh *shard) leadAlone() {
	l := &sh.lead
	sh.begin(nil)
	l.idle.Stop()
	l.idling, l.patience = false, idleTime
	select {
	case <-l.nudged: // that was before
	default:
	}
	for sh.failed == nil && !l.woke {
		sh.feed()
	}
	l.woke = false
	sh.resign()
}

// nudge tells the background that idleTime is over, or the shard.
func (sh *shard) nudge() {
	select {
	case sh.lead.nudged <- struct{}{}:
	default:
	}
}
