package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// LocalAddr returns the socket's own address; 0.0.0.0:0 where it has none yet.
func (h *Host) LocalAddr(s Handle) (netip.AddrPort, error) {
	e := h.lookup(s)
	if e == nil {
		return netip.AddrPort{}, ErrBadHandle
	}
	return e.localAddr(), nil
}

func (s *socket) localAddr() netip.AddrPort {
	if !s.local.IsValid() {
		return netip.AddrPortFrom(anyAddress, 0)
	}
	return s.local.AddrPort()
}

// RemoteAddr returns the address of the peer. ErrNotConnected.
func (h *Host) RemoteAddr(s Handle) (netip.AddrPort, error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return netip.AddrPort{}, ErrBadHandle
	case !e.remote.IsValid() || e.kind == Stream && (!e.connected || e.ended || e.conn.State() == tcp.StateTimeWait),
		e.kind != Stream && e.remote.Port() == 0:
		return netip.AddrPort{}, ErrNotConnected
	}
	return e.remote.AddrPort(), nil
}

// PeerAddr is RemoteAddr of an accepted stream, also where its connection is over.
func (h *Host) PeerAddr(s Handle) netip.AddrPort {
	if e := h.lookup(s); e != nil {
		return e.remote.AddrPort()
	}
	return netip.AddrPort{}
}

// Info describes a stream socket as Linux's tcp_info does. ErrNotSupported.
func (h *Host) Info(now clock.Instant, s Handle) (tcp.Info, error) {
	e, err := h.find(now, s)
	switch {
	case err != nil:
		return tcp.Info{}, err
	case e.kind != Stream:
		return tcp.Info{}, ErrNotSupported
	case e.conn == nil:
		o := e.tcpOptions()
		i := tcp.Info{State: e.streamState(), Congestion: h.env.Algorithm(&o).Name()}
		if e.lis != nil {
			i.Unacked, i.Sacked = e.lis.waiting, e.lis.backlog // as Linux
		}
		return i, nil
	}
	return e.conn.Info(now), nil
}

// State returns the state of a stream socket. ErrNotSupported.
func (h *Host) State(now clock.Instant, s Handle) (tcp.State, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return tcp.StateClosed, err
	}
	return e.streamState(), nil
}

func (s *socket) streamState() tcp.State {
	switch {
	case s.lis != nil:
		return tcp.StateListen
	case s.conn != nil:
		return s.conn.State()
	}
	return tcp.StateClosed
}

// A Description is one line of what ss(8) shows.
type Description struct {
	Socket        Handle // 0: an orphan without an owner
	Kind          Kind
	State         tcp.State
	Local, Remote netip.AddrPort
	RecvQ, SendQ  int // bytes; of a listener: connections that wait, and the backlog
}

// Sockets appends a Description of every socket, orphan and connection in
// TIME-WAIT to dst.
func (h *Host) Sockets(dst []Description) []Description {
	for _, s := range h.sockets {
		if s.live {
			dst = append(dst, s.describe())
		}
	}
	return h.describeWaits(dst)
}

func (s *socket) describe() Description {
	d := Description{Kind: s.kind, State: s.streamState(), Local: s.localAddr(), Remote: s.remote.AddrPort()}
	if s.owned {
		d.Socket = s.id
	}
	switch {
	case s.dg != nil:
		d.RecvQ, d.SendQ = s.dg.in.bytes, s.dg.out
		if s.remote.IsValid() {
			d.State = tcp.StateEstablished // as ss shows a connected datagram socket
		}
	case s.lis != nil:
		d.RecvQ, d.SendQ = s.lis.waiting, s.lis.backlog
	case s.conn != nil:
		d.RecvQ, d.SendQ = s.conn.Readable(), s.conn.Unacked()
	}
	return d
}

// Memory returns how many bytes of the Budget are in use, and the Budget.
func (h *Host) Memory() (used, limit int) { return h.budget.Used(), h.budget.Limit() }
