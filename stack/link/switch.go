package link

import "sync"

// A Switch is a Link that stands for another one, which may be replaced while it is
// in use: a phone's VPN service gets a new descriptor when the phone changes its
// network, and the connections go on. Packets that were on their way in the old one
// are lost, like any.
//
// Its Close closes the link that it stands for then.
type Switch struct {
	mu     sync.Mutex
	cur    Link
	closed bool
}

var _ Link = (*Switch)(nil)

// NewSwitch returns a Switch that stands for l.
func NewSwitch(l Link) *Switch { return &Switch{cur: l} }

// Replace makes the Switch stand for l and returns the link that it stood for, which
// the caller may close at once. After Close it returns l itself.
func (s *Switch) Replace(l Link) (old Link) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return l
	}
	old, s.cur = s.cur, l
	s.mu.Unlock()
	old.Wake() // who waits there looks again, and then here
	l.Wake()   // and sends what waits for room
	return old
}

func (s *Switch) link() Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur
}

// TryRead implements Link.
func (s *Switch) TryRead(ps []Packet) (int, error) {
	l := s.link()
	n, err := l.TryRead(ps)
	if err != nil && s.link() != l {
		return 0, nil // what became of the old one is no matter any more
	}
	return n, err
}

// Wait implements Link.
func (s *Switch) Wait(alone bool) error {
	l := s.link()
	err := l.Wait(alone)
	if s.link() != l {
		return nil
	}
	return err
}

// Wake implements Link.
func (s *Switch) Wake() { s.link().Wake() }

// WriteBatch implements Link.
func (s *Switch) WriteBatch(ps []Packet) error { return s.link().WriteBatch(ps) }

// Room implements Link.
func (s *Switch) Room() int { return s.link().Room() }

// Features implements Link.
func (s *Switch) Features() Features { return s.link().Features() }

// Close implements Link.
func (s *Switch) Close() error {
	s.mu.Lock()
	s.closed = true
	l := s.cur
	s.mu.Unlock()
	return l.Close()
}
