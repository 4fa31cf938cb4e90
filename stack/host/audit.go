package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// An Audit holds a host and its connections to their invariants, step after
// step: tests, the simulator and the fuzzers ask it after each. The zero Audit
// is ready, for one host. It reads the host and changes nothing.
type Audit struct {
	conns []kept // by socket index
}

// kept is what the Audit remembers of a connection.
type kept struct {
	id    Handle
	audit tcp.Audit
}

// Check returns the first breach of an invariant, or nil. Call it at least once
// between a Transmit and the next Input.
func (a *Audit) Check(h *Host) error {
	if h.env.Stats.IllegalTransitions != 0 {
		return tcp.Breach("an illegal change of state")
	}
	if h.budget.Used() < 0 || h.budget.Free() < 0 {
		return tcp.Breach("more memory than the Budget has")
	}
	flows, listeners, memory := 0, 0, 0
	for i, s := range h.sockets {
		if !s.live {
			continue
		}
		memory += socketCost
		if s.lis != nil {
			if s.role == ordinary {
				listeners++
			}
			memory += connCost
		}
		if s.conn == nil {
			continue
		}
		if !s.ended {
			flows++
		}
		if len(a.conns) <= i {
			a.conns = append(a.conns, make([]kept, len(h.sockets)-len(a.conns))...)
		}
		k := &a.conns[i]
		if k.id != s.id {
			*k = kept{id: s.id}
		}
		memory += connCost + k.audit.Memory(s.conn)
		if err := k.check(h, s); err != nil {
			return err
		}
	}
	switch {
	case flows != h.flows.n:
		return tcp.Breach("the table of connections is not the connections")
	case listeners != h.listeners.n:
		return tcp.Breach("the table of listeners is not the listeners")
	case memory > h.budget.Used():
		return tcp.Breach("memory that the Budget does not know")
	}
	return nil
}

// check looks at one connection and what the host keeps of it.
func (k *kept) check(h *Host, s *socket) error {
	if err := k.audit.Check(s.conn, !s.queued); err != nil {
		return err
	}
	if s.ended || s.queued {
		return nil // nothing more comes of it, or Transmit sees to it
	}
	if s.conn.State() == tcp.StateClosed {
		return tcp.Breach("a connection that is over, and nobody takes it away")
	}
	if at := s.conn.Deadline(); at != clock.Never && (s.timer.pos == 0 || h.due.of(&s.timer) > at) {
		return tcp.Breach("a connection's timer that the host will miss")
	}
	return nil
}

// Idle returns a breach if the host holds anything on to that nobody uses: call
// it where every socket was closed and every timer has had its time.
func (a *Audit) Idle(h *Host) error {
	switch {
	case h.flows.n+h.listeners.n+h.tcp.n+h.udp.n+h.echo.n != 0:
		return tcp.Breach("sockets that nobody owns")
	case h.fwd.sessions() != 0:
		return tcp.Breach("forwarded sessions that nobody owns")
	case h.waits.n+h.orphans.n+h.stalled.n != 0:
		return tcp.Breach("records of connections that are over")
	case h.budget.Used() != 0:
		return tcp.Breach("memory that did not come back")
	case h.Pending():
		return tcp.Breach("packets that nobody fetches")
	}
	return nil
}

// Memory is how many bytes of its Budget the host uses.
func (a *Audit) Memory(h *Host) int { return h.budget.Used() }
