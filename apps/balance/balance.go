package balance

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A Target is a server behind the balancer.
type Target struct {
	To     netip.AddrPort
	Weight int // 0: 1
}

// A Balancer spreads connections over Targets. Targets and Dial are required. Its fields are not changed while it
// serves.
type Balancer struct {
	Targets []Target
	Policy  Policy
	Dial    func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	Timeout time.Duration    // for a connection to a target. 0: 5 s
	Pause   time.Duration    // how long a dead target stays out. 0: 10 s
	Now     func() time.Time // nil: time.Now

	mu      sync.Mutex
	targets []*target
	turn    int
	refused int
	open    map[net.Conn]struct{}
	wg      sync.WaitGroup
	closed  bool
	ctx     context.Context // of the dials: it ends with Close
	cancel  context.CancelFunc
}

// A target is a Target and what became of it.
type target struct {
	Target
	index              int
	open, total, fails int
	credit             int
	out                time.Time // it is out until then
	trying             bool      // one connection tries whether it is back
}

func (t *target) weight() int { return max(t.Weight, 1) }

// A Count is what a target has done.
type Count struct {
	To     netip.AddrPort
	Open   int  // connections now
	Total  int  // connections that it served or serves
	Failed int  // times that it did not answer
	Out    bool // it is taken out
}

// Counts tells of each target, in their order, and how many clients found all of them dead.
func (b *Balancer) Counts() (all []Count, refused int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begin()
	for _, t := range b.targets {
		all = append(all, Count{t.To, t.open, t.total, t.fails, b.now().Before(t.out)})
	}
	return all, b.refused
}

// begin makes the targets of Targets. The lock is held.
func (b *Balancer) begin() {
	if b.targets != nil {
		return
	}
	for i, t := range b.Targets {
		b.targets = append(b.targets, &target{Target: t, index: i})
	}
	b.open = make(map[net.Conn]struct{})
	b.ctx, b.cancel = context.WithCancel(context.Background())
}

func (b *Balancer) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// errNone says that no target answers.
var errNone = errors.New("no target answers")

// connect finds a target for a client and connects to it.
func (b *Balancer) connect(client netip.Addr) (*target, net.Conn, error) {
	tried := make(map[*target]bool)
	for {
		t := b.choose(client, tried)
		if t == nil {
			return nil, nil, errNone
		}
		tried[t] = true
		ctx, cancel := context.WithTimeout(b.ctx, orElse(b.Timeout, 5*time.Second))
		c, err := b.Dial(ctx, t.To)
		cancel()
		switch {
		case b.tell(t, err):
			return t, c, nil
		case ours(err):
			return nil, nil, err
		}
	}
}

// ours says that a dial ended because we did: Close was called, or the stack below us is closed.
func ours(err error) bool { return errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) }

// choose picks a target that has not been tried: one that is in, or else one that is out, for its Pause may be too long.
func (b *Balancer) choose(client netip.Addr, tried map[*target]bool) *target {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begin()
	now := b.now()
	t := b.pick(client, func(t *target) bool { return !tried[t] && !now.Before(t.out) && !t.trying })
	if t == nil {
		t = b.pick(client, func(t *target) bool { return !tried[t] })
	}
	if t != nil {
		t.open++
		t.trying = !t.out.IsZero()
	}
	return t
}

// tell notes whether a target has answered, and reports it. That we ended before it could says nothing of it.
func (b *Balancer) tell(t *target, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.trying = false
	if err != nil {
		t.open--
		if ours(err) {
			return false
		}
		t.fails++
		t.out = b.now().Add(orElse(b.Pause, 10*time.Second))
		return false
	}
	t.total++
	t.out = time.Time{}
	return true
}

// done notes that a connection has ended.
func (b *Balancer) done(t *target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.open--
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}
