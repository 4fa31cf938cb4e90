package script

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A machine runs one script.
type machine struct {
	prog    *program
	h       Target
	now     clock.Instant
	base    time.Duration // of the event before, from the script's start
	sent    []sending     // what the host sent and no line has claimed
	flows   map[flowKey]*flow
	fds     map[int]*descriptor
	last    int // the connection that assertions are about
	running []*running
	gone    map[host.Handle]bool
	ourPort uint16
	ladder  []string
	held    tcp.Flow      // that next_flow gave last
	batch   bool          // hold Transmit back: more comes in the same batch
	arrived []link.Packet // the batch, until it is whole or the host is asked for something
	out     [64]link.Packet
}

// A sending is a packet on its way out.
type sending struct {
	at            time.Duration
	p             *packet
	local, remote netip.AddrPort
}

const (
	scriptStart = clock.Instant(time.Hour) // the time that scripts call 0
	maxWait     = 24 * time.Hour           // of a packet at any time
	maxSpins    = 100_000
)

// run goes through the script.
func (p *program) run() error {
	h, err := p.open()
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	m := &machine{prog: p, h: h, now: scriptStart, flows: map[flowKey]*flow{}, last: -1,
		fds: map[int]*descriptor{}, gone: map[host.Handle]bool{}, ourPort: ourPort}
	defer func() { h.CloseAll(m.now) }()
	for i := range p.events {
		if err := m.do(&p.events[i]); err != nil {
			return m.failure(&p.events[i], err)
		}
	}
	if err := m.end(); err != nil {
		return m.failure(&p.events[len(p.events)-1], err)
	}
	return nil
}

// failure is what a failing script prints: where, what, and the ladder so far.
func (m *machine) failure(e *event, err error) error {
	for _, s := range m.sent {
		s.p.relative(m.flowOf(&s))
		m.note(s.at, s.p.String()+"    (not claimed by the script)")
	}
	return &Failure{m.prog.name, e.line, e.text, err, m.ladder}
}

func (m *machine) note(at time.Duration, text string) {
	m.ladder = append(m.ladder, seconds(at)+" "+text)
}

// elapsed is the time since the script's start.
func (m *machine) elapsed() time.Duration { return m.now.Sub(scriptStart) }

// do runs one event.
func (m *machine) do(e *event) error {
	at := e.at
	if at.relative {
		at.lo, at.hi, at.end = at.lo+m.base, at.hi+m.base, at.end+m.base
	} else if !at.any && at.hi < m.base {
		return fmt.Errorf("the time runs back: the event before was at %s", seconds(m.base))
	}
	if p, ok := e.do.(*packet); ok && p.out {
		return m.expect(e, p, at)
	}
	m.base = at.lo
	if err := m.advance(at.lo); err != nil {
		return err
	}
	if err := m.overdue(at.lo - m.prog.settings.tolerance); err != nil {
		return err
	}
	switch do := e.do.(type) {
	case *packet:
		if err := m.inject(do); err != nil {
			return err
		}
	case *call:
		if err := m.begin(e, do, at); err != nil {
			return err
		}
	case *assertion:
		m.endBatch()
		return m.assert(do)
	}
	return m.settle()
}

// advance lets the time pass up to a time from the script's start, the timers
// at that time included.
func (m *machine) advance(to time.Duration) error {
	end := scriptStart.Add(to)
	for spins := 0; ; spins++ {
		if err := m.settle(); err != nil {
			return err
		}
		at := m.wake()
		if at == clock.Never || at > end {
			break
		}
		if spins > maxSpins {
			return fmt.Errorf("timers without end at %s", seconds(m.elapsed()))
		}
		m.now = max(m.now, at)
		m.h.Expire(m.now)
	}
	m.now = max(m.now, end)
	return nil
}

// wake is when something happens next by itself.
func (m *machine) wake() clock.Instant {
	at := m.h.Deadline()
	for _, r := range m.running {
		at = clock.Earliest(at, r.timeout)
	}
	return at
}

// settle takes what the host sends now and lets calls go on that blocked.
func (m *machine) settle() error {
	if m.batch {
		return nil
	}
	for again := true; again; {
		if err := m.drain(); err != nil {
			return err
		}
		var err error
		if again, err = m.resume(); err != nil {
			return err
		}
	}
	return m.drain() // what calls that still block have stirred up
}

// drain takes what the host sends now.
func (m *machine) drain() error {
	for spins := 0; spins < maxSpins; spins++ {
		n := m.h.Transmit(m.now, m.out[:])
		for i := range m.out[:n] {
			p, local, remote, err := decode(m.out[i].AppendTo(nil))
			if err != nil {
				return fmt.Errorf("the host sent %w", err)
			}
			m.sent = append(m.sent, sending{m.elapsed(), p, local, remote})
		}
		for _, r := range m.h.Events() {
			if r.Mask&host.Gone != 0 {
				m.gone[r.Socket] = true
			}
		}
		if n == 0 && !m.h.Pending() {
			return nil
		}
	}
	return fmt.Errorf("packets without end")
}

// inject gives the host a packet of the peer.
func (m *machine) inject(p *packet) error {
	b, err := m.encode(p)
	if err != nil {
		return err
	}
	m.note(m.elapsed(), p.String())
	m.arrived = append(m.arrived, link.Packet{Head: b})
	if m.batch = p.attr.more; !m.batch {
		m.endBatch()
	}
	return nil
}

// endBatch gives the host the batch, all at once if it takes that.
func (m *machine) endBatch() {
	m.batch = false
	held := m.arrived
	m.arrived = nil
	if h, ok := m.h.(interface {
		InputBatch(clock.Instant, []link.Packet)
	}); ok && len(held) > 0 {
		h.InputBatch(m.now, held)
		return
	}
	for i := range held {
		m.h.Input(m.now, &held[i])
	}
}

// expect waits for a packet and compares it.
func (m *machine) expect(e *event, want *packet, at when) error {
	tolerance := m.prog.settings.tolerance
	limit := at.hi + tolerance
	if at.any {
		limit = m.elapsed() + maxWait
	}
	m.endBatch()
	if err := m.settle(); err != nil {
		return err
	}
	for len(m.sent) == 0 {
		next := m.wake()
		if next == clock.Never || next.Sub(scriptStart) > limit {
			m.base = at.lo
			return fmt.Errorf("a packet that does not come\n%s", sideBySide(e.text, "nothing until "+seconds(limit)))
		}
		if err := m.advance(max(next.Sub(scriptStart), m.elapsed())); err != nil {
			return err
		}
	}
	s := m.sent[0]
	m.sent = slices.Delete(m.sent, 0, 1)
	why := m.compare(want, &s)
	if why == "" && !at.any && (s.at < at.lo-tolerance || s.at > limit) {
		why = fmt.Sprintf("it came at %s, not at %s", seconds(s.at), seconds(at.lo))
	}
	m.note(s.at, s.p.String())
	if why != "" {
		text := want.String()
		if a := want.attr.String(); a != "" {
			text = a + " " + text
		}
		return fmt.Errorf("another packet than expected: %s\n%s", why,
			sideBySide(seconds(at.lo)+" "+text, seconds(s.at)+" "+s.p.String()))
	}
	m.base = at.lo
	if at.any || at.lo != at.hi {
		m.base = s.at
	}
	return nil
}

// compare says in what a packet is not the one wanted, and learns from it.
func (m *machine) compare(want *packet, s *sending) string {
	f := m.flow(want.proto, want.attr.flow)
	if want.proto != s.p.proto {
		s.p.relative(m.flowOf(s))
		return "another protocol"
	}
	f.learn(want, s.p, s.local, s.remote)
	if why := s.p.misfit(f, s); why != "" {
		s.p.relative(m.flowOf(s))
		return why
	}
	s.p.relative(f)
	if m.prog.stage != nil {
		want = want.tasteless(s.p)
	}
	if why := differ(want, s.p, m.prog.settings.tolerance); why != "" {
		return why
	}
	return s.p.badData()
}

// misfit says that a packet belongs to another flow, or "".
func (p *packet) misfit(f *flow, s *sending) string {
	if p.proto != protoICMP && (f.local != s.local || f.remote != s.remote) {
		return fmt.Sprintf("it goes from %v to %v, not from %v to %v", s.local, s.remote, f.local, f.remote)
	}
	return ""
}

// flowOf returns the flow that a packet is of, or one of which it is the first,
// so that what no line has claimed shows no numbers of chance.
func (m *machine) flowOf(s *sending) *flow {
	known := &flow{}
	for k, f := range m.flows {
		if k.proto == s.p.proto && f.local == s.local && f.remote == s.remote && (f.issKnown || s.p.flags&wire.SYN == 0) {
			known = f
		}
	}
	f := *known
	if s.p.flags&wire.SYN != 0 && !f.issKnown {
		f.iss = s.p.seq
	}
	if o := timestampOf(s.p); o != nil && !f.tsKnown {
		f.tsOff = o.val
	}
	return &f
}

// overdue fails for a packet that left before a time and that no line has claimed.
func (m *machine) overdue(before time.Duration) error {
	if len(m.sent) == 0 || m.sent[0].at >= before {
		return nil
	}
	s := m.sent[0]
	m.sent = slices.Delete(m.sent, 0, 1)
	s.p.relative(m.flowOf(&s))
	m.note(s.at, s.p.String())
	return fmt.Errorf("a packet that the script does not expect\n%s",
		sideBySide("nothing", seconds(s.at)+" "+s.p.String()))
}

// end is the end of the script: nothing may be left over.
func (m *machine) end() error {
	m.endBatch()
	if err := m.settle(); err != nil {
		return err
	}
	for _, r := range m.running {
		if err := m.advance(r.at.end + m.prog.settings.tolerance); err != nil {
			return err
		}
		if len(m.running) > 0 {
			return fmt.Errorf("a call that does not return\n%s", sideBySide(r.e.text, "it still blocks at the end"))
		}
	}
	return m.overdue(m.elapsed() + 1)
}
