package stack

import (
	"sync"

	"github.com/sockeye-net/sockeye/stack/trace"
)

// A postman delivers the trace events of several shards one call at a time,
// each shard's in order. Nobody waits for it: who comes while it is under way
// leaves his events with it, the called function itself too, which may call the
// stack. It rests while Stack.mu is held, so that nothing is called under that.
type postman struct {
	deliver func([]trace.Event)

	mu       sync.Mutex // a leaf
	resting  int
	busy     bool
	bag, out []trace.Event
}

func (p *postman) take(es []trace.Event) {
	p.mu.Lock()
	p.bag = append(p.bag, es...)
	p.mu.Unlock()
	p.walk()
}

// walk delivers what there is, unless somebody does.
func (p *postman) walk() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return
	}
	p.busy = true
	for len(p.bag) > 0 && p.resting == 0 {
		p.bag, p.out = p.out[:0], p.bag
		p.mu.Unlock()
		p.deliver(p.out)
		p.mu.Lock()
	}
	p.busy = false
}

// rest makes the postman rest, or, with -1, go on.
func (p *postman) rest(n int) {
	p.mu.Lock()
	p.resting += n
	p.mu.Unlock()
}

// lock takes Stack.mu.
func (s *Stack) lock() {
	s.mu.Lock()
	if s.post != nil {
		s.post.rest(1)
	}
}

func (s *Stack) unlock() {
	if s.post == nil {
		s.mu.Unlock()
		return
	}
	s.post.rest(-1)
	s.mu.Unlock()
	s.post.walk()
}
