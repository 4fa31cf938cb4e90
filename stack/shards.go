package stack

import (
	"slices"
	"sync"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Several shards (doc.go says how they work together). Each reads a link of its
// own, and any link may bring any packet: what a leader has read for others it
// hands to them, one lock at a time. What a shard finds to be another's while
// its own lock is held goes into that one's box.

// peers is what a shard knows of the others. A shard that is alone has none.
type peers struct {
	several several
	index   int
	box     box
	owner   [batch]uint8 // of the packets in lead.in; the leader's
	mail    host.Letter  // scratch
}

func (st many) share(index int) host.Share { return st.steer.Load().Share(index) }

func (st many) sort(sh *shard, n int) int {
	p := sh.peers
	var others [host.MaxShares]bool
	steer, own := st.steer.Load(), 0
	for i := range n {
		k := steer.Owner(sh.lead.in[i].Head, p.index)
		p.owner[i] = uint8(k)
		if k == p.index {
			own++
		}
		others[k] = true
	}
	if own == n {
		return n
	}
	others[p.index] = false
	for k, yes := range others[:len(st.shards)] {
		if yes {
			st.shards[k].input(sh.lead.in[:n], p.owner[:n])
		}
	}
	own = 0
	for i := range n {
		if int(p.owner[i]) == p.index {
			sh.lead.in[own] = sh.lead.in[i]
			own++
		}
	}
	return own
}

// input is a walk through sh with those packets of another's batch that it owns.
func (sh *shard) input(ps []link.Packet, owner []uint8) {
	now := sh.enter()
	if sh.failed == nil {
		for i := range ps {
			if int(owner[i]) == sh.peers.index {
				sh.host.Input(now, &ps[i])
			}
		}
	}
	sh.leave()
}

func (st many) post(sh *shard) {
	p := sh.peers
	for sh.host.Mail(&p.mail) {
		if !st.shards[p.mail.To].receive(&p.mail) {
			sh.host.Lost()
		}
	}
}

// receive puts a letter into sh's box. It may be called with another shard's lock held.
func (sh *shard) receive(l *host.Letter) bool {
	first, ok := sh.peers.box.put(l)
	if first {
		sh.link.Wake()
	}
	return ok
}

// poke makes sh look after a socket. It may be called with another shard's lock held.
func (sh *shard) poke(s *Socket) {
	if sh.peers.box.poke(s) {
		sh.link.Wake()
	}
}

func (st many) open(sh *shard) {
	b := &sh.peers.box
	if !b.turn() {
		return
	}
	for i := range b.read.letters {
		e := &b.read.letters[i]
		if sh.failed == nil {
			sh.host.InputMail(sh.now, &host.Letter{Data: b.read.bytes[e.from:e.to], GSO: e.gso, Local: e.local})
		}
	}
	for i, s := range b.read.sockets {
		b.read.sockets[i] = nil
		if s.place.at.Load() == sh && !s.closed {
			s.tell(host.Readable)
		}
	}
}

// endOthers ends the other shards when sh has: a stack that has lost one of
// its links would answer to some of its peers only.
func (s *Stack) endOthers(sh *shard) {
	for _, o := range s.shards {
		if o != sh {
			o.fail(sh.err())
			o.link.Wake()
		}
	}
}

// A box is what other shards leave for one. It is bounded: what finds no room
// is lost like a packet on a path, and counted by who sent it. What is written
// and what is read change places, so that nothing is allocated in the end.
type box struct {
	mu          sync.Mutex // a leaf: taken under another shard's lock
	write, read heap
}

type heap struct {
	letters []letter
	bytes   []byte
	sockets []*Socket
}

type letter struct {
	from, to int // in bytes
	gso      uint16
	local    bool
}

const (
	boxLetters = 256
	boxBytes   = 1 << 20
	boxKept    = 64 << 10
)

func (h *heap) empty() bool { return len(h.letters) == 0 && len(h.sockets) == 0 }

// put adds a letter, if there is room; first says that the box was empty.
func (b *box) put(l *host.Letter) (first, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &b.write
	if len(w.letters) == boxLetters || len(w.bytes)+len(l.Data) > boxBytes {
		return false, false
	}
	first = w.empty()
	from := len(w.bytes)
	w.bytes = append(w.bytes, l.Data...)
	w.letters = append(w.letters, letter{from, len(w.bytes), l.GSO, l.Local})
	return first, true
}

func (b *box) poke(s *Socket) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &b.write
	first = w.empty()
	if !slices.Contains(w.sockets, s) {
		w.sockets = append(w.sockets, s)
	}
	return first
}

// turn makes what was written what is read, and reports whether that is something.
func (b *box) turn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write, b.read = b.read, b.write
	w := &b.write
	if cap(w.bytes) > boxKept && len(w.bytes) < cap(w.bytes)/8 {
		w.bytes = nil // what a burst needed is not for ever
	}
	w.letters, w.bytes, w.sockets = w.letters[:0], w.bytes[:0], w.sockets[:0]
	return !b.read.empty()
}
