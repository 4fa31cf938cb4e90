package host

import (
	"io"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// connectStream begins an active open.
func (h *Host) connectStream(now clock.Instant, e *socket, to netip.AddrPort) error {
	if err := h.mayConnect(e); err != nil {
		return err
	}
	if to.Port() == 0 {
		return ErrInvalid
	}
	if h.net.isBroadcast(number(to.Addr())) || to.Addr().IsMulticast() {
		return ErrNoRoute
	}
	src, err := h.sourceFor(e, to.Addr())
	if err != nil {
		return err
	}
	local := netip.AddrPortFrom(src, e.local.Port())
	if e.bound && !(h.mayOpen(now, local, to) && h.myFlow(local, to)) {
		return ErrAddrNotAvail
	}
	if h.scarce() || !h.budget.Take(connCost) {
		return ErrNoMemory
	}
	if e.bound {
		e.local = wire.EndpointOf(local)
	} else if err := h.pickPort(now, e, src, to); err != nil {
		h.budget.Give(connCost)
		return err
	}
	e.remote, e.err = wire.EndpointOf(to), nil
	h.counters.TCP.ActiveOpens++
	o := e.tcpOptions()
	e.conn = h.newConn()
	e.conn.Init(h.env, uint64(e.id), e.flow(), o, h.streamMTU(e))
	e.state = tcp.StateClosed
	h.flows.add(e, h.flowHash(e.local.AddrPort(), to))
	h.openStream(now, e)
	h.collect(now, e)
	h.touch(e)
	return ErrInProgress
}

// mayConnect reports what stands against a connect; a stream whose last
// attempt failed may try again.
func (h *Host) mayConnect(e *socket) error {
	switch {
	case e.lis != nil || e.connected:
		return ErrIsConnected
	case e.conn == nil:
		return nil
	case !e.ended:
		return ErrAlready
	}
	h.discard(e)
	return nil
}

// unready reports why a stream does not send or receive, or nil.
func (s *socket) unready() error {
	switch {
	case s.conn == nil:
		return ErrNotConnected
	case s.conn.State() == tcp.StateSynSent || s.conn.State() == tcp.StateSynReceived:
		return ErrWouldBlock
	}
	return nil
}

// maySend reports why s sends nothing now. As on Linux a pending error comes
// first, and a stream that is not connected is a broken pipe.
func (s *socket) maySend() error {
	if s.err != nil {
		return s.takeError()
	}
	if err := s.unready(); err != nil {
		if err == ErrNotConnected {
			return ErrPipe
		}
		return err
	}
	if s.shutWrite || s.ended || s.conn.State() == tcp.StateClosed {
		return ErrPipe
	}
	return nil
}

func (h *Host) sendStream(now clock.Instant, e *socket, p []byte, f SendFlags) (int, error) {
	if err := e.maySend(); err != nil {
		return 0, err
	}
	n := e.write(now, p, f)
	if n > 0 || e.conn.Starved() { // starved: Transmit sees to it that memory is told of
		h.touch(e)
	}
	if n == 0 && len(p) > 0 {
		return 0, ErrWouldBlock
	}
	return n, nil
}

func (h *Host) recvStream(now clock.Instant, e *socket, p []byte, f RecvFlags) (int, error) {
	if f&RecvOOB != 0 {
		return h.recvUrgent(e, p, f)
	}
	if err := e.mayRecv(); err != nil {
		if err == io.EOF {
			return 0, nil
		}
		if err == ErrWouldBlock && f&Peek == 0 && e.conn != nil {
			e.conn.SkipMark() // who reads on has passed it
		}
		return 0, err
	}
	if f&Peek != 0 {
		return e.peek(p), nil
	}
	n := e.conn.Read(now, p)
	if n > 0 && !e.ended {
		h.touch(e) // the window opened
	}
	return n, nil
}

// mayRecv reports why s gives nothing now: data first, then the peer's end, then
// an error. io.EOF: an end without a connection.
func (s *socket) mayRecv() error {
	if s.conn != nil && (s.conn.Readable() > 0 || s.conn.AtEOF()) {
		return nil
	}
	if s.lis != nil {
		return ErrNotConnected
	}
	if s.err != nil {
		return s.takeError()
	}
	if s.shutRead {
		if s.conn == nil {
			return io.EOF
		}
		return nil
	}
	if err := s.unready(); err != nil {
		return err
	}
	if s.ended || s.conn.AtEOF() || s.conn.State() == tcp.StateClosed {
		return nil
	}
	return ErrWouldBlock
}

// peek copies what is received and leaves it there.
func (s *socket) peek(p []byte) int {
	n := min(len(p), s.conn.Readable(), buffer.MaxChunk)
	if n == 0 {
		return 0
	}
	return s.conn.Peek(p[:n])
}

// SendSpan lends room in the send ring of a connected stream (up to n bytes);
// SendCommit queues the first n bytes of it. RecvSpan lends received bytes,
// RecvCommit drops them. Between the two calls others may use the host, but
// nobody else this socket in this direction. Errors are those of Send and Recv;
// empty spans of RecvSpan are the end of the stream.
func (h *Host) SendSpan(now clock.Instant, s Handle, n int) ([2][]byte, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return [2][]byte{}, err
	}
	if err := e.maySend(); err != nil {
		return [2][]byte{}, err
	}
	span := e.conn.SendSpan(n)
	if n > 0 && len(span[0]) == 0 {
		if e.conn.Starved() {
			h.touch(e)
		}
		return span, ErrWouldBlock
	}
	return span, nil
}

// SendCommit queues the first n bytes of the last SendSpan.
func (h *Host) SendCommit(now clock.Instant, s Handle, n int) error {
	e, err := h.stream(now, s)
	if err != nil {
		return err
	}
	if err := e.maySend(); err != nil {
		return err
	}
	e.conn.SendCommit(now, n)
	h.touch(e)
	return nil
}

// RecvSpan lends received bytes, up to n.
func (h *Host) RecvSpan(now clock.Instant, s Handle, n int) ([2][]byte, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return [2][]byte{}, err
	}
	if err := e.mayRecv(); err != nil {
		if err == io.EOF {
			err = nil
		}
		return [2][]byte{}, err
	}
	return e.conn.RecvSpan(min(n, e.conn.Readable())), nil
}

// RecvCommit drops the first n received bytes.
func (h *Host) RecvCommit(now clock.Instant, s Handle, n int) error {
	e, err := h.stream(now, s)
	if err != nil {
		return err
	}
	if e.conn == nil {
		return ErrNotConnected
	}
	e.conn.RecvCommit(now, min(n, e.conn.Readable()))
	if !e.ended {
		h.touch(e)
	}
	return nil
}

// LastTOS returns the TOS of the latest segment that arrived for a stream (RFC
// 9293 3.9.1.9, MAY-9).
func (h *Host) LastTOS(s Handle) uint8 {
	if e := h.lookup(s); e != nil {
		return e.gotTOS
	}
	return 0
}

// stream is find for what only streams can do.
func (h *Host) stream(now clock.Instant, s Handle) (*socket, error) {
	e, err := h.find(now, s)
	if err == nil && e.kind != Stream {
		return nil, ErrNotSupported
	}
	return e, err
}

// shutdownStream ends directions of a stream. As on Linux, ending the receiving
// side of a listener or of an attempt to connect takes it back.
func (h *Host) shutdownStream(now clock.Instant, e *socket, how How) error {
	switch {
	case e.lis != nil:
		if how&ShutRead != 0 {
			h.stopListening(now, e)
		}
		return nil
	case e.conn == nil || e.ended || e.conn.State() == tcp.StateTimeWait:
		// As on Linux, where TIME-WAIT is no longer the socket's, and the
		// directions end all the same.
		e.shutRead = e.shutRead || how&ShutRead != 0
		e.shutWrite = e.shutWrite || how&ShutWrite != 0
		h.raise(e)
		return ErrNotConnected
	case e.conn.State() == tcp.StateSynSent:
		h.cancel(now, e)
		return nil
	default:
		// As on Linux: what has come, and what still comes, may be read.
		e.shutRead = e.shutRead || how&ShutRead != 0
		if how&ShutWrite != 0 {
			e.shutWrite = true
			e.conn.CloseWrite(now)
		}
	}
	h.collect(now, e)
	h.raise(e)
	h.touch(e)
	return nil
}
