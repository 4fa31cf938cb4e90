package outlet

import "github.com/sockeye-net/sockeye/stack/link"

// The stack's side: link.Link.

// TryRead implements link.Link.
func (o *Outlet) TryRead(ps []link.Packet) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, b := range o.lent {
		o.in.free(b)
		o.lent[i] = nil
	}
	o.lent = o.lent[:0]
	if o.over {
		return 0, link.ErrClosed
	}
	n := 0
	for ; n < len(ps) && o.in.n > 0; n++ {
		b := o.in.take()
		ps[n] = link.Packet{Head: b}
		o.lent = append(o.lent, b)
	}
	if n > 0 {
		signal(o.room)
	}
	return n, nil
}

// Wait implements link.Link.
func (o *Outlet) Wait(bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.over && o.in.n == 0 && !o.wake && !o.roomBack {
		o.cond.Wait()
	}
	if o.over {
		return link.ErrClosed
	}
	if o.in.n == 0 {
		o.wake, o.roomBack = false, false
	}
	return nil
}

// Wake implements link.Link.
func (o *Outlet) Wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake = true
	o.cond.Broadcast()
}

// WriteBatch implements link.Link.
func (o *Outlet) WriteBatch(ps []link.Packet) (err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return link.ErrClosed
	}
	for i := range ps {
		p := &ps[i]
		n, why := p.Len(), error(nil)
		switch {
		case n > o.mtu:
			o.stats.TooLarge++
			why = link.ErrTooLarge
		case o.out.n == o.out.depth:
			o.stats.Full++
			o.full, why = true, link.ErrFull
		default:
			o.out.putPacket(p, n)
		}
		if err == nil {
			err = why
		}
	}
	if o.out.n > 0 {
		signal(o.some)
	}
	return err
}

// Room implements link.Link.
func (o *Outlet) Room() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.out.depth - o.out.n
	if n == 0 {
		o.full = true
	}
	return n
}

// Features implements link.Link.
func (o *Outlet) Features() link.Features {
	o.mu.Lock()
	defer o.mu.Unlock()
	return link.Features{MTU: o.mtu}
}

// Close implements link.Link. What the stack has sent can still be pulled.
func (o *Outlet) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.over = true
		close(o.closed)
		o.cond.Broadcast()
	}
	return nil
}

// A fifo is packets in order, each in a buffer of its own that is used again.
type fifo struct {
	depth int
	slots [][]byte // a ring that grows up to depth
	head  int
	n     int
	spare [][]byte
}

func (f *fifo) put(b []byte) { *f.slot() = append(f.buffer(len(b)), b...) }

func (f *fifo) putPacket(p *link.Packet, n int) { *f.slot() = p.AppendTo(f.buffer(n)) }

// slot returns the next free place.
func (f *fifo) slot() *[]byte {
	if f.n == len(f.slots) {
		slots := make([][]byte, min(max(2*len(f.slots), 8), f.depth))
		n := copy(slots, f.slots[f.head:])
		copy(slots[n:], f.slots[:f.head])
		f.slots, f.head = slots, 0
	}
	f.n++
	return &f.slots[(f.head+f.n-1)%len(f.slots)]
}

// buffer returns an empty one for n bytes.
func (f *fifo) buffer(n int) []byte {
	if last := len(f.spare) - 1; last >= 0 {
		b := f.spare[last]
		f.spare = f.spare[:last]
		if cap(b) >= n {
			return b[:0]
		}
	}
	return make([]byte, 0, n)
}

func (f *fifo) take() []byte {
	b := f.slots[f.head]
	f.slots[f.head] = nil
	f.head = (f.head + 1) % len(f.slots)
	f.n--
	return b
}

// free takes a buffer back.
func (f *fifo) free(b []byte) {
	if len(f.spare) < f.depth {
		f.spare = append(f.spare, b)
	}
}
