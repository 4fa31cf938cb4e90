// Package outlet is a link whose packets the program itself pushes and pulls: the
// other end of a VPN's tunnel, a test, a radio.
//
//	o := outlet.New(1420, 0)
//	s, err := stack.New(stack.Config{Link: o, Prefixes: ...})
//	go func() { // what the stack sends
//		bufs, sizes := make([][]byte, 64), make([]int, 64)
//		...
//		n, err := o.Pull(ctx, bufs, sizes)
//	}()
//	o.Push(ctx, packets) // what arrives
//
// Place in the walk: the first and the last step, as any link. The stack's side
// never waits for the program: when the program does not pull, the stack's packets
// stay with their connections, up to the depth and no further.
//
// It carries plain packets, one each, with their checksums. Two stacks, or a program
// that understands super-segments, use link.NewPipe.
//
// Invariants: bytes are copied at Push and at Pull, and belong to nobody else after;
// steady state allocates nothing; Push and Pull are safe for concurrent use, and
// end by their context and by Close.
package outlet

import (
	"context"
	"errors"
	"sync"

	"github.com/sockeye-net/sockeye/stack/link"
)

// ErrShort says that a packet is longer than the buffer that was to take it. The
// packet is lost.
var ErrShort = errors.New("outlet: the buffer is shorter than the packet")

// Stats counts packets.
type Stats struct {
	Pushed, Pulled uint64
	TooLarge       uint64 // refused: longer than the MTU, or empty
	Full           uint64 // refused: TryPush found no room, or the stack found none
	Short          uint64 // lost: ErrShort
}

// An Outlet is a link.Link with Push and Pull on its other side. Make it with New.
type Outlet struct {
	mu       sync.Mutex
	cond     sync.Cond // the stack's Wait
	mtu      int
	in, out  fifo     // to the stack, from the stack
	lent     [][]byte // of in: what the stack may look at until its next TryRead
	wake     bool
	roomBack bool // the stack found out full, and it is no more
	full     bool // the stack found out full
	closed   chan struct{}
	over     bool
	some     chan struct{} // out has something; one may look
	room     chan struct{} // in has room; one may look
	stats    Stats
}

var _ link.Link = (*Outlet)(nil)

const defaultDepth = 512

// New returns an Outlet for packets of up to mtu bytes (below 68: 1500) that holds
// up to depth of them each way (0: 512).
func New(mtu, depth int) *Outlet {
	const leastMTU = 68 // RFC 791 3.2
	if mtu < leastMTU {
		mtu = 1500
	}
	if depth <= 0 {
		depth = defaultDepth
	}
	o := &Outlet{mtu: mtu, closed: make(chan struct{}), some: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	o.in.depth, o.out.depth = depth, depth
	o.cond.L = &o.mu
	return o
}

// Push gives the stack packets that have arrived, waiting for room, and returns how
// many it took: all, unless ctx ended or the link was closed (link.ErrClosed). What
// is empty or longer than the MTU is counted and passed over.
func (o *Outlet) Push(ctx context.Context, packets [][]byte) (int, error) {
	done := 0
	for {
		n, err := o.TryPush(packets[done:])
		done += n
		if err != nil || done == len(packets) {
			return done, err
		}
		if err := o.wait(ctx, o.room); err != nil {
			return done, err
		}
	}
}

// TryPush is Push that does not wait: it returns how many the stack had room for.
func (o *Outlet) TryPush(packets [][]byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return 0, link.ErrClosed
	}
	n, before := 0, o.in.n
	for ; n < len(packets) && o.in.n < o.in.depth; n++ {
		if p := packets[n]; len(p) > 0 && len(p) <= o.mtu {
			o.in.put(p)
			o.stats.Pushed++
		} else {
			o.stats.TooLarge++
		}
	}
	o.stats.Full += uint64(len(packets) - n)
	if o.in.n < o.in.depth {
		signal(o.room)
	}
	if o.in.n > before {
		o.cond.Broadcast()
	}
	return n, nil
}

// Pull copies packets that the stack sends into bufs, waiting for the first, and
// their lengths into sizes; it returns how many. A packet that its buffer cannot
// hold is lost, and Pull returns ErrShort with those before it.
func (o *Outlet) Pull(ctx context.Context, bufs [][]byte, sizes []int) (int, error) {
	for {
		n, err := o.TryPull(bufs, sizes)
		if n > 0 || err != nil || len(bufs) == 0 || len(sizes) == 0 {
			return n, err
		}
		if err := o.wait(ctx, o.some); err != nil {
			return 0, err
		}
	}
}

// TryPull is Pull that does not wait.
func (o *Outlet) TryPull(bufs [][]byte, sizes []int) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	var err error
	for n < len(bufs) && n < len(sizes) && o.out.n > 0 {
		b := o.out.take()
		o.out.free(b)
		if len(b) > len(bufs[n]) {
			o.stats.Short++
			err = ErrShort
			break
		}
		sizes[n] = copy(bufs[n], b)
		n++
	}
	o.stats.Pulled += uint64(n)
	if o.full && o.out.n < o.out.depth {
		o.full, o.roomBack = false, true
		o.cond.Broadcast()
	}
	if o.out.n > 0 {
		signal(o.some)
	} else if n == 0 && err == nil && o.over {
		err = link.ErrClosed
	}
	return n, err
}

// wait blocks until there may be what c tells of.
func (o *Outlet) wait(ctx context.Context, c chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-o.closed:
		return link.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal leaves a sign in c, if there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// SetMTU changes the MTU; the stack follows when it next sends, or by its Refresh.
func (o *Outlet) SetMTU(mtu int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mtu = mtu
}

// Stats returns the counts.
func (o *Outlet) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stats
}
