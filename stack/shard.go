package stack

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// batch is how many packets are read, or sent, between two releases of the lock.
const batch = 64

// A shard is one host with the lock, the link and the timer that make it run.
type shard struct {
	mu   sync.Mutex
	host *host.Host
	link link.Link
	feat link.Features // the link's, as the host knows them
	read func() clock.Instant

	now     clock.Instant // of the last enter; never runs back
	timer   alarm
	armed   clock.Instant // what timer, or fine, is set to
	fine    fineTimer
	runs    *sync.WaitGroup // whom Close waits for
	sockets []*Socket       // by Handle.Index
	beds    []*bed          // for later
	failed  error           // why the shard no longer works: ErrClosed or the link's error
	out     [batch]link.Packet
	lead    lead
	peers   *peers            // where there are several; nil: alone
	over    chan struct{}     // closed when failed is set
	drained chan struct{}     // closed when nothing is left to deliver; nil: nobody asked
	busy    func(*shard) bool // with drained: (*shard).delivers, linked by who asks

	log        *trace.Log // nil: off
	deliver    func([]trace.Event)
	delivering bool
	events     []trace.Event
}

// enter locks the shard and reads the clock, once for everything until leave.
func (sh *shard) enter() clock.Instant {
	sh.mu.Lock()
	sh.now = max(sh.now, sh.read())
	return sh.now
}

// leave sends what there is to send, wakes who has news, re-arms the timer and
// unlocks. It is the only way out of enter.
func (sh *shard) leave() {
	sh.flush()
	sh.report()
	sh.mu.Unlock()
}

// flush is leave without the unlocking, for a call that goes on to wait.
func (sh *shard) flush() {
	for sh.send() {
		// More than a batch: let others in, and go on with a fresh time.
		sh.wake()
		sh.mu.Unlock()
		sh.enter()
	}
	sh.wake()
	sh.arm()
	if sh.drained != nil && !sh.busy(sh) {
		close(sh.drained)
		sh.drained = nil
	}
}

// send gives the link at most one batch and reports whether there is more that
// the link takes now. With no room it still lets packets from the host to
// itself cross; the link's Wait ends when room comes back, and the leader sends.
func (sh *shard) send() (more bool) {
	if sh.failed != nil {
		return false
	}
	if sh.host.Quiet() && sh.peers == nil {
		return false
	}
	sh.follow()
	room := min(batch, sh.link.Room())
	n := sh.host.Transmit(sh.now, sh.out[:room])
	if n > 0 {
		// What the device refuses is lost like a packet lost on the path: the
		// link counts it and the transports retransmit. A link that is gone
		// for good says so to the reader.
		_ = sh.link.WriteBatch(sh.out[:n])
	}
	if sh.peers != nil {
		sh.peers.several.post(sh)
	}
	return room > 0 && sh.host.Pending()
}

// follow tells the host of features that changed: an MTU, or an offload that
// the device took back.
func (sh *shard) follow() {
	if f := sh.link.Features(); f != sh.feat {
		sh.feat = f
		sh.host.SetFeatures(sh.now, f)
	}
}

// wake passes the host's news on to the sockets that wait for it.
func (sh *shard) wake() {
	for _, r := range sh.host.Events() {
		if i := r.Socket.Index(); i < len(sh.sockets) {
			if s := sh.sockets[i]; s != nil && s.handle == r.Socket {
				s.news(r.Mask)
			}
		}
	}
}

// arm sets the timer to the host's deadline.
func (sh *shard) arm() {
	at := sh.host.Deadline()
	if at == sh.armed || sh.failed != nil {
		return
	}
	sh.armed = at
	if at == clock.Never {
		sh.timer.Stop()
		return
	}
	wait := at.Sub(sh.now)
	if wait < fineBelow && sh.host.Paced() && sh.setFine(at) {
		return // an earlier setting of the other may come for nothing
	}
	sh.timer.Reset(max(0, wait))
}

// fineBelow is how near the deadline of a paced flow is where a timer that is a
// millisecond late would slow it down.
const fineBelow = 2 * time.Millisecond

// expire is what the timer calls.
func (sh *shard) expire() {
	now := sh.enter()
	sh.armed = clock.Never
	if sh.failed == nil {
		sh.host.Expire(now)
	}
	sh.leave()
}

// report delivers trace events outside the lock. One goroutine at a time does
// so, so that they arrive in order; it holds the lock when it returns.
func (sh *shard) report() {
	if sh.log == nil || sh.delivering {
		return
	}
	sh.delivering = true
	for {
		sh.events, _ = sh.log.Take(sh.events[:0])
		if len(sh.events) == 0 {
			break
		}
		sh.mu.Unlock()
		sh.deliver(sh.events)
		sh.mu.Lock()
	}
	sh.delivering = false
}

// fail ends the shard for a reason: the link is gone, or Close.
func (sh *shard) fail(err error) {
	sh.enter()
	sh.end(err)
	sh.leave()
}

// end is fail with the lock held.
func (sh *shard) end(err error) {
	if sh.failed != nil {
		return
	}
	if errors.Is(err, link.ErrClosed) {
		err = ErrClosed
	}
	sh.host.CloseAll(sh.now)
	for sh.send() {
		// The RSTs: as far as the link has room now.
	}
	sh.failed = err
	sh.timer.Stop()
	sh.stopFine()
	close(sh.over)
	sh.nudge()
	for _, s := range sh.sockets {
		if s != nil {
			s.wake()
		}
	}
}

// add makes a socket of the host known, so that its news reach it.
func (sh *shard) add(h host.Handle, k host.Kind) *Socket {
	s := &Socket{handle: h, kind: k}
	if sh.peers != nil {
		s.place = &place{}
	}
	s.settle(sh)
	sh.register(s)
	return s
}

// register puts s where the news of its handle are looked up.
// Not inlined: its callers are many.
//
//go:noinline
func (sh *shard) register(s *Socket) {
	i := s.handle.Index()
	for i >= len(sh.sockets) {
		sh.sockets = append(sh.sockets, nil)
	}
	sh.sockets[i] = s
}

// forget takes a closed socket out of the table.
func (sh *shard) forget(s *Socket) {
	if i := s.handle.Index(); i < len(sh.sockets) && sh.sockets[i] == s {
		sh.sockets[i] = nil
	}
}

// drain returns a channel that is closed when no connection has anything left
// to deliver.
func (sh *shard) drain() <-chan struct{} {
	sh.enter()
	defer sh.leave()
	if sh.drained == nil {
		sh.drained, sh.busy = make(chan struct{}), (*shard).delivers
	}
	return sh.drained
}

// delivers reports whether a connection still has something to deliver.
func (sh *shard) delivers() bool {
	return slices.ContainsFunc(sh.host.Sockets(nil), func(d host.Description) bool {
		return d.Kind == host.Stream && d.State != tcp.StateTimeWait &&
			d.State != tcp.StateClosed && d.State != tcp.StateListen
	})
}
