package link

import (
	"errors"
	"sync"
)

// Why a Pipe refuses a packet.
var (
	ErrFull     = errors.New("link: no room")
	ErrTooLarge = errors.New("link: packet larger than the link carries")
)

// PipeStats counts what one end of a Pipe was given to write.
type PipeStats struct {
	Packets  uint64 // taken
	Full     uint64 // dropped: no room
	TooLarge uint64 // dropped: ErrTooLarge
}

// A PipeEnd is one of the two Links of a Pipe: what is written to one end is
// read from the other, in order. It copies each packet once, into memory that
// it uses again; a Pipe that never carried much holds little.
//
// A transport checksum that the writer left to the device (Packet.CsumDone,
// where Features has ChecksumOffload) is not computed: the reader sees CsumDone.
type PipeEnd struct {
	in, out *queue
	peer    *PipeEnd

	mu     sync.Mutex
	cond   sync.Cond // its Wait is durable for testing/synctest
	news   news
	closed bool // by us
}

var _ Link = (*PipeEnd)(nil)

// news is what a Wait has yet to be told. That data has come is looked up
// again in the queue; the others end the Wait by themselves.
type news uint8

const (
	newsData  news = 1 << iota // or the peer's close: look at the queue
	newsRoom                   // room has come back
	newsWake                   // Wake
	newsClose                  // our own Close
)

// NewPipe returns two Links joined in memory. Each direction holds up to depth
// packets, at least 1; both ends begin with the features f.
func NewPipe(f Features, depth int) (a, b *PipeEnd) {
	ab := &queue{feat: f, depth: max(depth, 1)}
	ba := &queue{feat: f, depth: max(depth, 1)}
	a = &PipeEnd{in: ba, out: ab}
	b = &PipeEnd{in: ab, out: ba}
	a.cond.L, b.cond.L = &a.mu, &b.mu
	a.peer, b.peer = b, a
	return a, b
}

// TryRead implements Link. After the peer's Close it gives what was written
// before, then ErrClosed.
func (e *PipeEnd) TryRead(ps []Packet) (int, error) {
	if e.isClosed() {
		return 0, ErrClosed
	}
	n, wasFull, ended := e.in.take(ps)
	if wasFull && n > 0 {
		e.peer.tell(newsRoom)
	}
	if n == 0 && ended && len(ps) > 0 {
		return 0, ErrClosed
	}
	return n, nil
}

// Wait implements Link; alone makes no difference.
func (e *PipeEnd) Wait(alone bool) error {
	for {
		switch n, ended := e.in.state(); {
		case e.isClosed():
			return ErrClosed
		case n > 0:
			return nil
		case ended:
			return ErrClosed
		}
		if got := e.await(); got&newsClose != 0 {
			return ErrClosed
		} else if got&(newsRoom|newsWake) != 0 {
			return nil
		}
	}
}

// await blocks until there is news and takes it.
func (e *PipeEnd) await() news {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.news == 0 {
		e.cond.Wait()
	}
	got := e.news
	e.news &= newsClose // stays true
	return got
}

// tell leaves news for the end's Wait, the present one or the next one. The
// caller holds no lock: the two ends' locks are never held together.
func (e *PipeEnd) tell(n news) {
	e.mu.Lock()
	e.news |= n
	e.mu.Unlock()
	e.cond.Broadcast()
}

func (e *PipeEnd) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// Wake implements Link.
func (e *PipeEnd) Wake() { e.tell(newsWake) }

// WriteBatch implements Link. Its errors are ErrFull, ErrTooLarge and, once
// either end is closed, ErrClosed; the packets that it can take it takes.
func (e *PipeEnd) WriteBatch(ps []Packet) error {
	taken, err := e.out.put(ps)
	if taken > 0 {
		e.peer.tell(newsData)
	}
	return err
}

// Room implements Link.
func (e *PipeEnd) Room() int { return e.out.room() }

// Features implements Link.
func (e *PipeEnd) Features() Features {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	return e.out.feat
}

// SetFeatures changes what this end carries, as when the MTU of a device is
// set. Packets already in the Pipe stay, and so does the other end.
func (e *PipeEnd) SetFeatures(f Features) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.feat = f
}

// Stats returns what became of the packets written to this end.
func (e *PipeEnd) Stats() PipeStats {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	return e.out.stats
}

// Close implements Link. What this end wrote can still be read by the other;
// what it has not read is lost.
func (e *PipeEnd) Close() error {
	e.mu.Lock()
	again := e.closed
	e.closed = true
	e.mu.Unlock()
	if again {
		return nil
	}
	e.in.close(true)
	e.out.close(false)
	e.tell(newsClose)
	e.peer.tell(newsData)
	return nil
}
