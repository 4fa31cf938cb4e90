package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The error queue of a datagram socket with RecvErr (IP_RECVERR on Linux): each ICMP
// error about what it sent, and each datagram that was too large for the path, with
// what was quoted of it. It shares the room of the receive queue.

// A Fault is an entry of the error queue.
type Fault struct {
	Err        error // a tcp.Error, or ErrMsgSize
	Local      bool  // the host itself said so
	Type, Code uint8 // of the ICMP message
	Info       uint32
	By         netip.Addr // who said so
	To         netip.AddrPort
	Size       int // bytes quoted of the payload; more than were copied where the buffer was too short
}

// queueFault puts f into the error queue of s, if there is room.
func (h *Host) queueFault(s *socket, f Fault, quoted []byte) {
	if s.dg.recvRoom() <= s.dg.errs.bytes || h.kept > h.budget.Limit()/datagramShare {
		return
	}
	p := h.parcels.get(len(quoted))
	if p == nil {
		return
	}
	h.kept += len(p.mem)
	copy(p.data, quoted)
	f.Size = len(quoted)
	p.fault = &f
	s.dg.errs.push(p)
	h.raise(s)
}

// faultOf queues the ICMP error r at s.
func (h *Host) faultOf(s *socket, r *report, remote netip.AddrPort) {
	quoted := r.payload
	if s.kind == Datagram {
		quoted = quoted[transportHeaderLen:]
	}
	f := Fault{Err: r.pending(), Type: r.kind, Code: r.code, By: r.by, To: remote}
	if r.tooBig {
		f.Info = uint32(r.nextMTU)
	}
	h.queueFault(s, f, quoted)
}

// RecvFault takes the first entry of the error queue and copies to p what it
// quotes. The pending error becomes that of the next entry. ErrWouldBlock: there
// is none.
func (h *Host) RecvFault(now clock.Instant, s Handle, p []byte) (int, Fault, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, Fault{}, err
	}
	if e.dg == nil || e.dg.errs.head == nil {
		return 0, Fault{}, ErrWouldBlock
	}
	q := e.dg.errs.pop()
	n, f := copy(p, q.data), *q.fault
	h.kept -= len(q.mem)
	h.parcels.put(q)
	if next := e.dg.errs.head; next != nil && !next.fault.Local {
		e.err = next.fault.Err
	} else if !f.Local {
		e.err = nil
	}
	return n, f, nil
}

// dropFaults empties the error queue.
func (h *Host) dropFaults(s *socket) {
	h.kept -= s.dg.errs.bytes
	s.dg.errs.drain(&h.parcels)
}
