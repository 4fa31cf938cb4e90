package stack

import (
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// How the bytes of a stream go between the caller's memory and the rings: a large
// piece outside the lock, while others send, receive and read the link. The span
// of the ring is lent meanwhile: the caller has the turn in its direction, and a
// ring that is given up below it leaves the memory to the garbage collector.
// Who waits for bytes lends his memory instead, and they go straight there.

// lendLeast is what is worth two turns at the lock, bytes; lendMost is one span.
const (
	lendLeast = 16 << 10
	lendMost  = 64 << 10
)

// queue puts p[*sent:] into the send ring, as far as there is room. The lock is held.
func (s *Socket) queue(p []byte, sent *int, f Flags) error {
	for {
		rest := p[*sent:]
		if len(rest) >= lendLeast && f&(OOB|More|DontWait) == 0 {
			return s.queueSpans(p, sent)
		}
		n, err := s.sh.host.SendWith(s.sh.now, s.handle, rest, sendFlags(f))
		*sent += n
		if err != nil || *sent == len(p) {
			return err
		}
	}
}

// queueSpans is queue with the copying done outside the lock. What is queued
// leaves while the next piece is copied: the peer works at the same time.
func (s *Socket) queueSpans(p []byte, sent *int) error {
	sh := s.sh
	for {
		span, err := sh.host.SendSpan(sh.now, s.handle, min(len(p)-*sent, lendMost))
		if err != nil {
			return err
		}
		n := len(span[0]) + len(span[1])
		sh.lend(&s.wr, func() { copy(span[1], p[*sent+copy(span[0], p[*sent:]):]) })
		if err := s.usable(); err != nil {
			return err
		}
		if err := sh.host.SendCommit(sh.now, s.handle, n); err != nil {
			return err
		}
		if *sent += n; *sent == len(p) {
			return nil
		}
		sh.flush()
		if err := s.usable(); err != nil {
			return err
		}
	}
}

// recvStream is RecvMsg for streams.
func (s *Socket) recvStream(p []byte, f Flags) (got int, m host.Meta, err error) {
	s.enter()
	sh, d := s.sh, &s.rd
	defer sh.leave()
	defer func() {
		if got > 0 {
			err = nil // the next call has it
		}
		m = host.Meta{Size: got, TOS: m.TOS}
	}()
	if f&DontWait != 0 {
		sh.settle(d)
		err = s.fill(p, &got, f)
		m.TOS = sh.host.LastTOS(s.handle)
		return got, m, err
	}
	sh.take(d)
	defer d.pass()
	for {
		seen := d.news
		err = d.late(s.fill(p, &got, f))
		m.TOS = sh.host.LastTOS(s.handle)
		if err != host.ErrWouldBlock {
			return got, m, err
		}
		n, tos := s.awaitBytes(p[got:], seen, f)
		if got += n; n > 0 {
			m.TOS = tos
			if got >= s.target(len(p), f) {
				return got, m, nil
			}
		}
	}
}

// fill takes what has been received until it is what the call waits for. With Peek
// it sees again what it has seen. The lock is held.
func (s *Socket) fill(p []byte, got *int, f Flags) error {
	target := s.target(len(p), f)
	for {
		if err := s.able(&s.rd, f); err != nil {
			return err
		}
		if f&Peek != 0 {
			*got = 0
		}
		n, err := s.some(p[*got:], f)
		*got += n
		if *got > 0 && err != nil && err != host.ErrWouldBlock {
			s.sh.host.KeepError(s.handle, err) // a connection tells it once
		}
		switch {
		case err != nil || n == 0 || *got >= target || s.atMark():
			return err
		case f&Peek != 0 && s.more():
			return host.ErrWouldBlock
		case f&Peek != 0:
			return nil
		}
	}
}

// target is how much of n bytes a Recv on a stream waits for. The lock is held.
func (s *Socket) target(n int, f Flags) int {
	if f&WaitAll != 0 {
		return n
	}
	return min(n, s.sh.host.RecvLowat(s.handle))
}

// more reports whether the peer may send more. The lock is held.
func (s *Socket) more() bool {
	m, err := s.sh.host.Poll(s.handle)
	return err == nil && m&(host.HangupRead|host.Hangup|host.Failed) == 0
}

// some takes what there is, up to the urgent mark. The lock is held.
func (s *Socket) some(p []byte, f Flags) (got int, err error) {
	sh := s.sh
	for len(p)-got >= lendLeast && f&(Peek|DontWait) == 0 {
		span, err := sh.host.RecvSpan(sh.now, s.handle, min(len(p)-got, lendMost))
		n := len(span[0]) + len(span[1])
		if n < lendLeast {
			if n > 0 { // give it back: it is not worth it
				err = sh.host.RecvCommit(sh.now, s.handle, 0)
			}
			if err != nil && err != host.ErrWouldBlock {
				return got, err
			}
			break
		}
		sh.lend(&s.rd, func() { copy(p[got+copy(p[got:], span[0]):], span[1]) })
		got += n
		if err := sh.host.RecvCommit(sh.now, s.handle, n); err != nil || s.atMark() {
			return got, nil // closed meanwhile: what was taken counts
		}
	}
	if got == len(p) && got > 0 {
		return got, nil
	}
	n, _, err := sh.host.RecvMsg(sh.now, s.handle, p[got:], recvFlags(f))
	if got > 0 && err == host.ErrWouldBlock {
		err = nil
	}
	return got + n, err
}

// awaitBytes waits for news after seen, and takes what arrives meanwhile straight
// into p. The lock is held.
func (s *Socket) awaitBytes(p []byte, seen uint32, f Flags) (n int, tos uint8) {
	sh := s.sh
	if f&Peek != 0 || len(p) == 0 {
		sh.await(&s.rd, seen)
		return 0, 0
	}
	b := sh.lie(&s.rd)
	b.reader = tcp.Reader{Buf: p}
	_ = sh.host.RecvInto(sh.now, s.handle, &b.reader) // it waits; what is wrong with it, the next try says
	sh.await(&s.rd, seen)
	_ = sh.host.RecvInto(sh.now, s.handle, nil) // or it was closed, and lends nothing any more
	n, tos = b.reader.N, b.reader.TOS
	b.reader = tcp.Reader{}
	sh.rise(&s.rd)
	return n, tos
}

// lend lets the call at work in direction d copy outside the lock. The lock is
// held before and after.
func (sh *shard) lend(d *side, copying func()) {
	b := sh.lie(d)
	b.lent = true
	sh.mu.Unlock()
	copying()
	sh.enter()
	b.lent = false
	b.line.Broadcast()
	sh.rise(d)
}

// settle waits until nobody copies in direction d: for a call that must not wait
// for longer, and must not find the same bytes. The lock is held.
func (sh *shard) settle(d *side) {
	for d.bed != nil && d.bed.lent {
		b := sh.lie(d)
		b.line.Wait()
		sh.rise(d)
	}
}

// settleBoth waits until nobody copies in either direction: the connection is about
// to go, and what is lent was its. The lock is held.
func (s *Socket) settleBoth() {
	lent := func(d *side) bool { return d.bed != nil && d.bed.lent }
	for lent(&s.rd) || lent(&s.wr) {
		s.sh.settle(&s.rd)
		s.sh.settle(&s.wr)
	}
}
