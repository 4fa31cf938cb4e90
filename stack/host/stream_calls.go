package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// SendFlags modify a SendWith.
type SendFlags uint8

// The flags; datagrams have none of them.
const (
	OOB  SendFlags = 1 << iota // streams: the last byte is urgent (MSG_OOB)
	More                       // streams: more follows at once (MSG_MORE)
)

// SendWith is Send with flags. On a kind of socket that has no such flag
// ErrNotSupported (OOB), or it means nothing (More).
func (h *Host) SendWith(now clock.Instant, s Handle, p []byte, f SendFlags) (int, error) {
	e, err := h.find(now, s)
	switch {
	case err != nil:
		return 0, err
	case e.kind == Stream:
		return h.sendStream(now, e, p, f)
	case f&OOB != 0:
		return 0, ErrNotSupported
	}
	return h.Send(now, s, p)
}

// write queues p as f says.
func (s *socket) write(now clock.Instant, p []byte, f SendFlags) int {
	if len(p) == 0 {
		return 0
	}
	s.conn.MoreSoon(f&More != 0)
	if f&OOB != 0 {
		return s.conn.WriteUrgent(now, p)
	}
	return s.conn.Write(now, p)
}

// recvUrgent takes the urgent byte; as on Linux it never waits. ErrInvalid: there
// is none, or it was read, or it is part of the stream. ErrWouldBlock: it was
// announced and has not come; where it never will, 0. ErrNotConnected: the
// connection was cut off.
func (h *Host) recvUrgent(e *socket, p []byte, f RecvFlags) (int, error) {
	c := e.conn
	if c == nil {
		if e.lis != nil {
			return 0, ErrNotConnected
		}
		return 0, ErrInvalid
	}
	cut := c.State() == tcp.StateClosed && !c.Finished()
	b, ok, announced := c.ReadUrgent(f&Peek != 0 || cut)
	switch {
	case !announced:
		return 0, ErrInvalid
	case cut: // as on Linux
		return 0, ErrNotConnected
	case !ok && (e.ended || e.shutRead || peerClosed(c.State())):
		return 0, nil
	case !ok:
		return 0, ErrWouldBlock
	}
	return copy(p, []byte{b}), nil
}

// AtMark reports whether the next byte to be read is the urgent one (SIOCATMARK).
func (h *Host) AtMark(s Handle) (bool, error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return false, ErrBadHandle
	case e.kind != Stream:
		return false, ErrNotSupported
	}
	return e.conn != nil && e.conn.AtMark(), nil
}

// UrgentLeft returns how many bytes have to be read to be beyond the urgent mark;
// 0: there is none ahead (RFC 9293 MUST-33).
func (h *Host) UrgentLeft(s Handle) (int, error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return 0, ErrBadHandle
	case e.kind != Stream:
		return 0, ErrNotSupported
	case e.conn == nil:
		return 0, nil
	}
	return e.conn.UrgentLeft(), nil
}

// Queued says how much a socket holds (SIOCINQ, SIOCOUTQ, SIOCOUTQNSD).
type Queued struct {
	In     int // streams: bytes to be read, up to an urgent one; datagrams: bytes of the first
	Out    int // streams: bytes the peer has not acknowledged; datagrams: memory of those on their way
	Unsent int // streams: bytes that were never sent
}

// Queued returns how much the socket holds. ErrInvalid: it listens.
func (h *Host) Queued(s Handle) (Queued, error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return Queued{}, ErrBadHandle
	case e.lis != nil:
		return Queued{}, ErrInvalid
	case e.dg != nil:
		return Queued{In: e.dg.first(), Out: e.dg.out}, nil
	case e.conn == nil:
		return Queued{}, nil
	}
	c := e.conn
	return Queued{In: c.ReadableToMark(), Out: c.Unacked(), Unsent: c.Unsent()}, nil
}

// Push lets all go that a stream has queued, full segments or not.
func (h *Host) Push(now clock.Instant, s Handle) error {
	return h.onConn(now, s, func(c *tcp.Conn) { c.Push(now) })
}

// SetQuickACK is TCP_QUICKACK: it changes how ACKs go from now on, and not for
// good. On a stream without a connection it means nothing.
func (h *Host) SetQuickACK(now clock.Instant, s Handle, on bool) error {
	return h.onConn(now, s, func(c *tcp.Conn) { c.SetQuickACK(now, on) })
}

// QuickACK reports whether ACKs go without waiting for data to ride on.
func (h *Host) QuickACK(s Handle) (bool, error) {
	e := h.lookup(s)
	if e == nil {
		return false, ErrBadHandle
	}
	return e.conn == nil || e.conn.QuickACK(), nil
}

func (h *Host) onConn(now clock.Instant, s Handle, f func(*tcp.Conn)) error {
	e, err := h.stream(now, s)
	if err != nil || e.conn == nil || e.ended {
		return err
	}
	f(e.conn)
	h.touch(e)
	return nil
}
