package oracle

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
)

// A shuttle carries packets between two ends, each direction through an Impair
// of its own, in real time. It is how every contestant of a goodput comparison
// meets the same path. A stack of this process is joined to it without a
// goroutine between, a kernel by a TUN device.
type shuttle struct {
	began     time.Time
	out, back *lane // from the near end and to it
	all       sync.WaitGroup
	stop      chan struct{}
}

// A lane is one direction of a shuttle.
type lane struct {
	mu     sync.Mutex
	impair *link.Impair
	news   chan struct{} // what comes next may have changed
	alarm  *alarm
}

// newLane makes a lane that lasts until the test ends.
func newLane(t testing.TB, f link.Faults, seed uint64) *lane {
	a, err := newAlarm()
	require.NoError(t, err)
	t.Cleanup(a.close)
	return &lane{impair: link.NewImpair(f, seed), news: make(chan struct{}, 1), alarm: a}
}

// newShuttle joins what the near end will be with the device far until the
// test ends. The faults out hold for what the near end sends, back for what
// far sends.
func newShuttle(t testing.TB, far link.Link, out, back link.Faults, seed uint64) *shuttle {
	s := &shuttle{began: time.Now(), stop: make(chan struct{})}
	s.out, s.back = newLane(t, out, 2*seed), newLane(t, back, 2*seed+1)
	t.Cleanup(func() {
		close(s.stop)
		s.all.Wait()
	})
	s.all.Go(func() { s.load(s.back, far) })
	s.all.Go(func() { s.unload(s.out, far) })
	t.Cleanup(func() { _ = far.Close() })
	return s
}

// device makes a TUN the near end.
func (s *shuttle) device(t testing.TB, near link.Link) {
	s.all.Go(func() { s.load(s.out, near) })
	s.all.Go(func() { s.unload(s.back, near) })
	t.Cleanup(func() { _ = near.Close() })
}

// now begins at 1: 0 is Never.
func (s *shuttle) now() clock.Instant { return clock.Instant(1 + time.Since(s.began)) }

// put sends packets on their way.
func (s *shuttle) put(l *lane, ps []link.Packet) {
	l.mu.Lock()
	for i := range ps {
		l.impair.Put(s.now(), &ps[i])
	}
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// take fills ps with what has arrived and says when more will.
func (s *shuttle) take(l *lane, ps []link.Packet) (n int, next clock.Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = l.impair.Take(s.now(), ps)
	return n, l.impair.Deadline()
}

// wait returns at next, or when there is news of the lane or of wake; false
// once the shuttle stops.
func (s *shuttle) wait(l *lane, next clock.Instant, wake <-chan struct{}) bool {
	var due <-chan struct{}
	if next != clock.Never {
		due = l.alarm.after(next.Sub(s.now()))
	}
	select {
	case <-l.news:
	case <-due:
	case <-wake:
	case <-s.stop:
		return false
	}
	return true
}

// load puts what a device brings onto the lane.
func (s *shuttle) load(l *lane, from link.Link) {
	ps := make([]link.Packet, 64)
	for from.Wait(false) == nil {
		n, err := from.TryRead(ps)
		if err != nil {
			return
		}
		s.put(l, ps[:n])
	}
}

// unload writes to a device what has arrived at the lane's end.
func (s *shuttle) unload(l *lane, to link.Link) {
	ps := make([]link.Packet, 64)
	for {
		n, next := s.take(l, ps)
		if n > 0 {
			_ = to.WriteBatch(ps[:n]) // a full one: one more loss
		} else if !s.wait(l, next, nil) {
			return
		}
	}
}

// A laneLink is the near end as a link of ours.
type laneLink struct {
	*shuttle
	woken chan struct{}
	once  sync.Once
	ended chan struct{}
}

var _ link.Link = (*laneLink)(nil)

func (s *shuttle) link() *laneLink {
	return &laneLink{shuttle: s, woken: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (l *laneLink) TryRead(ps []link.Packet) (int, error) {
	if l.closed() {
		return 0, link.ErrClosed
	}
	n, _ := l.take(l.back, ps)
	return n, nil
}

func (l *laneLink) Wait(bool) error {
	_, next := l.take(l.back, nil)
	if !next.Due(l.now()) {
		l.wait(l.back, next, l.woken)
	}
	if l.closed() {
		return link.ErrClosed
	}
	return nil
}

func (l *laneLink) Wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *laneLink) WriteBatch(ps []link.Packet) error {
	l.put(l.out, ps)
	return nil
}

func (l *laneLink) Close() error {
	l.once.Do(func() { close(l.ended) })
	l.Wake()
	return nil
}

func (l *laneLink) closed() bool {
	select {
	case <-l.ended:
		return true
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *laneLink) Room() int               { return depth }
func (l *laneLink) Features() link.Features { return link.Features{MTU: mtu} }

// endpoint makes the near end one of gVisor's.
func (s *shuttle) endpoint() *channel.Endpoint {
	e := channel.New(depth, mtu, "")
	e.AddNotify(&channelLane{s, e})
	s.all.Go(func() { s.inject(e) })
	return e
}

// A channelLane puts what gVisor writes onto the lane, in the goroutine that
// writes.
type channelLane struct {
	*shuttle
	ep *channel.Endpoint
}

func (c *channelLane) WriteNotify() {
	for p := c.ep.Read(); p != nil; p = c.ep.Read() {
		v := p.ToView()
		c.put(c.out, []link.Packet{{Head: v.AsSlice()}})
		v.Release()
		p.DecRef()
	}
}

// inject hands gVisor what has arrived.
func (s *shuttle) inject(e *channel.Endpoint) {
	ps := make([]link.Packet, 64)
	for {
		n, next := s.take(s.back, ps)
		for i := range ps[:n] {
			b := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithData(ps[i].AppendTo(nil))})
			e.InjectInbound(ipv4.ProtocolNumber, b)
			b.DecRef()
		}
		if n == 0 && !s.wait(s.back, next, nil) {
			return
		}
	}
}
