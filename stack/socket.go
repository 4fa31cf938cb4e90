package stack

import (
	"math"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A Socket is a socket of a running host, with calls that wait. It is what
// stack/socket gives descriptors to and what stack/stdnet wraps; use those.
//
// Errors are the core's constants (host.Error, tcp.Error), ErrClosed,
// os.ErrDeadlineExceeded, or what the link said when it failed. It is safe for
// concurrent use; bytes of concurrent Sends on one stream do not mix.
type Socket struct {
	sh     *shard
	handle host.Handle
	rd, wr side
	place  *place // where there are several shards (spread.go); nil: sh is the only one
	kind   host.Kind
	closed bool
	gone   bool   // the host has let go of the last packet after Close
	watch  *Watch // who waits on many sockets (watch.go)
}

// Flags modify one call.
type Flags uint8

// The flags.
const (
	DontWait Flags = 1 << iota // ErrWouldBlock instead of waiting
	Peek                       // leave what is received in the queue
	WaitAll                    // streams: fill the buffer, unless the end or an error comes first
	OOB                        // streams: Send's last byte is urgent; Recv takes the urgent byte, and never waits
	More                       // streams: more is sent at once, so a partial segment may wait for it
	TryFirst                   // a deadline that has passed ends the wait only, and keeps nobody from what need not be waited for
)

// usable says why the socket takes no calls, or nil. The lock is held.
func (s *Socket) usable() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.sh.failed != nil:
		return s.sh.failed
	}
	return nil
}

// call runs one call of the host that does not wait.
func (s *Socket) call(f func(now clock.Instant) error) error {
	now := s.enter()
	defer s.sh.leave()
	if err := s.usable(); err != nil {
		return err
	}
	return f(now)
}

// Kind returns what kind of socket it is.
func (s *Socket) Kind() host.Kind { return s.kind }

// ID is the number by which trace events and a Tap's records name the socket.
func (s *Socket) ID() uint64 {
	s.enter()
	defer s.sh.mu.Unlock()
	return uint64(s.handle)
}

// Bind gives the socket a local address; port 0 picks a free one.
func (s *Socket) Bind(local netip.AddrPort) error {
	if st := s.several(); st != nil {
		return st.bind(s, local)
	}
	return s.call(func(now clock.Instant) error { return s.sh.host.Bind(now, s.handle, local) })
}

// Listen makes a stream socket accept connections, up to backlog of them waiting.
func (s *Socket) Listen(backlog int) error {
	if st := s.several(); st != nil {
		return st.listen(s, backlog)
	}
	return s.call(func(now clock.Instant) error { return s.sh.host.Listen(now, s.handle, backlog) })
}

// Connect opens a connection and waits for it, or fixes the peer of a datagram
// socket. With DontWait a stream's Connect returns host.ErrInProgress; wait for
// Writable and ask SocketError, or call Connect again: without DontWait it
// waits for the connection that is being made. After a deadline it goes on
// being made, too.
func (s *Socket) Connect(remote netip.AddrPort, f Flags) error {
	if s.spread() != nil && s.kind == host.Stream {
		if err := s.several().settleFor(s, remote); err != nil && err != host.ErrInvalid {
			return err
		}
	}
	begun := false
	return s.until(&s.wr, f, func(now clock.Instant) error {
		if !begun {
			begun = true
			err := s.sh.host.Connect(now, s.handle, remote)
			waits := err == host.ErrInProgress || err == host.ErrAlready
			if !waits || f&DontWait != 0 {
				return err
			}
		}
		err := s.outcome()
		if err != nil && err != host.ErrWouldBlock {
			_ = s.disconnect(now) // as on Linux: who was told may try again
		}
		return err
	})
}

// Disconnect dissolves what the socket has with its peer (connect with AF_UNSPEC):
// a datagram socket hears from anybody again, a stream is as new, with
// tcp.ErrReset pending if something was cut off. Blocked calls look again.
func (s *Socket) Disconnect() error {
	err := s.call(func(clock.Instant) error {
		s.settleBoth()
		if err := s.usable(); err != nil {
			return err
		}
		return s.disconnect(s.sh.now)
	})
	if sp := s.spread(); sp != nil && err != host.ErrInvalid {
		s.several().gather(s, sp)
	}
	return err
}

// disconnect is Disconnect with the lock held.
func (s *Socket) disconnect(now clock.Instant) error {
	h, err := s.sh.host.Disconnect(now, s.handle)
	if h != s.handle {
		s.sh.forget(s)
		s.handle = h
		s.sh.register(s)
	}
	s.sh.rouse(&s.rd)
	s.sh.rouse(&s.wr)
	if s.kind == host.Stream {
		s.tellWatches(0)
	}
	return err
}

// outcome says how a connection came out, or host.ErrWouldBlock. The lock is held.
func (s *Socket) outcome() error {
	h := s.sh.host
	m, err := h.Poll(s.handle)
	if err != nil {
		return err
	}
	if m&(host.Writable|host.Failed|host.Hangup) == 0 {
		return host.ErrWouldBlock
	}
	if st, e := h.State(s.sh.now, s.handle); e == nil && opening(st) {
		return host.ErrWouldBlock // it was shut down before it began to connect
	}
	err = h.SocketError(s.handle)
	if err == nil && m&host.Hangup != 0 {
		if st, e := h.State(s.sh.now, s.handle); e != nil || st == tcp.StateClosed {
			return tcp.ErrAborted // somebody else has asked SocketError
		}
	}
	return err
}

// opening reports whether a connection in state st is being made.
func opening(st tcp.State) bool { return st == tcp.StateSynSent || st == tcp.StateSynReceived }

// Accept waits for a connection and returns its socket.
func (s *Socket) Accept(f Flags) (*Socket, error) {
	var got *Socket
	err := s.oneWaiting(f, func(s *Socket) error {
		h, err := s.sh.host.Accept(s.sh.now, s.handle)
		if err == nil {
			got = s.sh.add(h, host.Stream)
		}
		return err
	})
	return got, err
}

// Send sends p on a connected socket: for a stream all of it, waiting for room,
// and when an error comes first it returns how much went before.
func (s *Socket) Send(p []byte, f Flags) (sent int, err error) {
	err = s.until(&s.wr, f, func(now clock.Instant) (err error) {
		if s.kind == host.Stream {
			return s.queue(p, &sent, f)
		}
		sent, err = s.sh.host.SendWith(now, s.handle, p, sendFlags(f))
		return err
	})
	if sent > 0 && err == host.ErrWouldBlock {
		err = nil // a short count says it
	}
	return sent, err
}

// SendTo sends one datagram.
func (s *Socket) SendTo(p []byte, to netip.AddrPort, f Flags) (n int, err error) {
	err = s.until(&s.wr, f, func(now clock.Instant) (err error) {
		n, err = s.sh.host.SendTo(now, s.handle, p, to)
		return err
	})
	return n, err
}

// Recv receives on a connected socket. On a stream 0, nil is its end.
func (s *Socket) Recv(p []byte, f Flags) (int, error) {
	n, _, err := s.RecvMsg(p, f)
	return n, err
}

// RecvFrom receives one datagram: n bytes of it are in p, its whole length is
// size, and from sent it. On a stream it is Recv.
func (s *Socket) RecvFrom(p []byte, f Flags) (n, size int, from netip.AddrPort, err error) {
	n, m, err := s.RecvMsg(p, f)
	return n, m.Size, m.From, err
}

// RecvMsg is RecvFrom that also gives the rest of what the headers said. On a
// stream it is Recv, with the TOS of the latest segment.
func (s *Socket) RecvMsg(p []byte, f Flags) (got int, m host.Meta, err error) {
	if f&OOB != 0 {
		got, err = s.recvUrgent(p, f)
		return got, m, err
	}
	if s.kind == host.Stream {
		return s.recvStream(p, f)
	}
	err = s.until(&s.rd, f, func(now clock.Instant) (err error) {
		got, m, err = s.sh.host.RecvMsg(now, s.handle, p, recvFlags(f))
		if err == nil && f&DontWait != 0 && !m.From.IsValid() {
			return host.ErrWouldBlock // as on Linux: that there will be nothing is told only to who would wait
		}
		return err
	})
	return got, m, err
}

func recvFlags(f Flags) host.RecvFlags {
	if f&Peek != 0 {
		return host.Peek
	}
	return 0
}

// Shutdown ends one or both directions.
func (s *Socket) Shutdown(how host.How) error {
	if sp := s.spread(); sp != nil && how&host.ShutRead != 0 {
		return s.several().hush(s, sp, how)
	}
	return s.shutdown(how)
}

func (s *Socket) shutdown(how host.How) error {
	return s.call(func(now clock.Instant) error {
		err := s.sh.host.Shutdown(now, s.handle, how)
		s.wake() // who waits must look again: nothing may come from the peer now
		return err
	})
}

// Close gives the socket up. Blocked calls end with ErrClosed; the connection
// ends in the background (FIN), or, where received data is unread or linger is
// zero, at once (RST). With a positive linger a stream's Close waits that long
// for the peer to have everything. A second Close returns ErrClosed.
func (s *Socket) Close() error {
	defer s.endSiblings(false)
	now := s.enter()
	sh := s.sh
	defer sh.leave()
	if err := s.usable(); err != nil {
		return s.bury(err)
	}
	o, err := sh.host.Options(s.handle)
	if err != nil || s.kind != host.Stream || !o.LingerOn || o.Linger <= 0 {
		return s.drop(now, false)
	}
	return s.linger(now, o.Linger)
}

// linger closes and waits until the host has let go, or for d. The lock is held.
func (s *Socket) linger(now clock.Instant, d time.Duration) error {
	sh := s.sh
	over := false
	timer := time.AfterFunc(d, func() {
		sh.enter()
		over = true
		sh.rouse(&s.wr)
		sh.leave()
	})
	defer timer.Stop()
	err := s.drop(now, false)
	sh.register(s) // still interested: in Gone
	for err == nil && !s.gone && !over && sh.failed == nil {
		sh.await(&s.wr, s.wr.news)
	}
	sh.forget(s)
	return err
}

// endSiblings closes what a stream was spread to.
func (s *Socket) endSiblings(abort bool) {
	if st := s.several(); st != nil {
		st.endSiblings(s, abort)
	}
}

// Abort gives the socket up and resets its connection.
func (s *Socket) Abort() error { return s.end(true) }

func (s *Socket) end(abort bool) error {
	defer s.endSiblings(abort)
	return s.endOne(abort)
}

func (s *Socket) endOne(abort bool) error {
	now := s.enter()
	defer s.sh.leave()
	if err := s.usable(); err != nil {
		return s.bury(err)
	}
	return s.drop(now, true)
}

// bury is Close where the socket is closed already (why is then ErrClosed) or
// the whole shard has failed: then there is nothing left that could go wrong.
// The lock is held.
func (s *Socket) bury(why error) error {
	if s.closed {
		return why
	}
	s.closed = true
	s.sh.forget(s)
	return nil
}

// drop makes the host close the socket and ends every call on it. The lock is held.
func (s *Socket) drop(now clock.Instant, abort bool) error {
	s.closed = true
	s.sh.forget(s)
	s.wake()
	if abort {
		return s.sh.host.Abort(now, s.handle)
	}
	return s.sh.host.Close(now, s.handle)
}

// SetReadDeadline makes calls that receive or accept fail with
// os.ErrDeadlineExceeded at t and after; the zero time means never. It may be
// moved while a call waits.
func (s *Socket) SetReadDeadline(t time.Time) error {
	return s.setDeadline(&s.rd, host.AlarmRead, t)
}

// SetWriteDeadline does the same for calls that send or connect.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	return s.setDeadline(&s.wr, host.AlarmWrite, t)
}

func (s *Socket) setDeadline(d *side, which host.Mask, t time.Time) error {
	return s.call(func(now clock.Instant) error {
		at := clock.Never
		if !t.IsZero() {
			at = now.Add(min(max(0, time.Until(t)), math.MaxInt64-time.Duration(now)))
		}
		d.expired = at != clock.Never && at <= now
		if d.expired {
			at = clock.Never
			s.sh.rouse(d)
		}
		return s.sh.host.SetAlarm(s.handle, which, at)
	})
}

// LocalAddr returns the address the socket is bound to.
func (s *Socket) LocalAddr() (a netip.AddrPort, err error) {
	err = s.call(func(clock.Instant) (err error) {
		a, err = s.sh.host.LocalAddr(s.handle)
		return err
	})
	return a, err
}

// RemoteAddr returns the peer's address, or host.ErrNotConnected.
func (s *Socket) RemoteAddr() (a netip.AddrPort, err error) {
	err = s.call(func(clock.Instant) (err error) {
		a, err = s.sh.host.RemoteAddr(s.handle)
		return err
	})
	return a, err
}

// PeerAddr is RemoteAddr of an accepted stream, also where its connection is over.
func (s *Socket) PeerAddr() (a netip.AddrPort, err error) {
	err = s.call(func(clock.Instant) error {
		a = s.sh.host.PeerAddr(s.handle)
		return nil
	})
	return a, err
}

// Poll returns the conditions that hold now.
func (s *Socket) Poll() (m host.Mask, err error) {
	if sp := s.spread(); sp != nil {
		return s.several().poll(s, sp)
	}
	return s.poll()
}

func (s *Socket) poll() (m host.Mask, err error) {
	err = s.call(func(clock.Instant) (err error) {
		m, err = s.sh.host.Poll(s.handle)
		return err
	})
	return m, err
}

// SocketError returns the pending error and clears it (SO_ERROR).
func (s *Socket) SocketError() error {
	return s.call(func(clock.Instant) error { return s.sh.host.SocketError(s.handle) })
}

// KeepError makes the error of a connection pending again that came with a part of
// what a call was to do, and that its caller does not tell now.
func (s *Socket) KeepError(err error) {
	_ = s.call(func(clock.Instant) error {
		s.sh.host.KeepError(s.handle, err)
		return nil
	})
}

// SoftError returns who sent the latest ICMP error about the socket, and what it says; nil
// where there is none. It need not have ended anything: a connection that is
// being made goes on (RFC 9293 MUST-56), and this says why it takes so long.
func (s *Socket) SoftError() (by netip.Addr, why error) {
	err := s.call(func(clock.Instant) error {
		by, why = s.sh.host.SoftError(s.handle)
		return nil
	})
	if err != nil {
		return by, err
	}
	return by, why
}

// Options returns the socket's options.
func (s *Socket) Options() (o host.Options, err error) {
	err = s.call(func(clock.Instant) (err error) {
		o, err = s.sh.host.Options(s.handle)
		return err
	})
	return o, err
}

// SetOptions lets set change the options and puts them in force. set runs under
// the stack's lock: it must only assign fields.
func (s *Socket) SetOptions(set func(*host.Options)) error {
	if sp := s.spread(); sp != nil {
		return s.several().setOptions(s, sp, set)
	}
	return s.setOptions(set)
}

func (s *Socket) setOptions(set func(*host.Options)) error {
	return s.call(func(now clock.Instant) error {
		o, err := s.sh.host.Options(s.handle)
		if err != nil {
			return err
		}
		set(&o)
		return s.sh.host.SetOptions(now, s.handle, o)
	})
}

// PathMTU returns the MTU of the path to the peer in bytes, as far as it is known,
// or host.ErrNotConnected.
func (s *Socket) PathMTU() (n int, err error) {
	err = s.call(func(clock.Instant) (err error) {
		n, err = s.sh.host.PathMTU(s.handle)
		return err
	})
	return n, err
}

// State is Info's, for who needs no more of it. host.ErrNotSupported: not a stream.
func (s *Socket) State() (st tcp.State, err error) {
	err = s.call(func(now clock.Instant) (err error) {
		st, err = s.sh.host.State(now, s.handle)
		return err
	})
	return st, err
}

// Info describes a stream socket as Linux's tcp_info does.
func (s *Socket) Info() (i tcp.Info, err error) {
	if sp := s.spread(); sp != nil {
		return s.several().info(s, sp)
	}
	return s.info()
}

func (s *Socket) info() (i tcp.Info, err error) {
	err = s.call(func(now clock.Instant) (err error) {
		i, err = s.sh.host.Info(now, s.handle)
		return err
	})
	return i, err
}
