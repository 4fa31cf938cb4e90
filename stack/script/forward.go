package script

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// What scripts may ask of a host that forwards:
//
//	forward(3, 10, 5) = 0        take what is for nobody here: limit, patience in seconds
//	next_flow(3) = 8080          a handshake to decide on; the result is the port that it is for
//	decide(3, ACCEPT) = 4        on the flow that next_flow gave last: ACCEPT, RESET, NET, HOST, PORT, PROHIBITED
//	session(3) = 4               of a datagram socket
//	refuse(4, PORT) = 0          what came last
//	sendfrom(4, ..., 100) = 100  to the session's peer, from whom it has spoken to

// A forwarder is a Target that can.
type forwarder interface {
	Forward(now clock.Instant, s host.Handle, limit int, patience time.Duration) error
	NextFlow(now clock.Instant, s host.Handle) (tcp.Flow, error)
	Decide(now clock.Instant, s host.Handle, f tcp.Flow, r host.Ruling) (host.Handle, error)
	AcceptSession(now clock.Instant, s host.Handle) (host.Handle, error)
	SendFrom(now clock.Instant, s host.Handle, p []byte, from netip.AddrPort) (int, error)
	RefuseFrom(now clock.Instant, s host.Handle, dst netip.AddrPort, r host.Ruling) error
}

var rulings = map[string]host.Ruling{
	"ACCEPT": host.AcceptFlow, "RESET": host.ResetFlow, "NET": host.RefuseNet,
	"HOST": host.RefuseHost, "PORT": host.RefusePort, "PROHIBITED": host.RefuseProhibited,
}

var forwardCalls = map[string]func(*machine, forwarder, *running) outcome{
	"forward": (*machine).forward, "next_flow": (*machine).nextFlow, "decide": (*machine).decide,
	"session": (*machine).session, "refuse": (*machine).refuse, "sendfrom": (*machine).sendFrom,
}

// other makes a call that not every Target has.
func (m *machine) other(r *running) outcome {
	f, ok := forwardCalls[r.c.name]
	if !ok {
		return outcome{err: fmt.Errorf("no call %q", r.c.name)}
	}
	if h, ok := m.h.(forwarder); ok {
		return f(m, h, r)
	}
	return outcome{err: Lacks("forwarding")}
}

func (m *machine) forward(h forwarder, r *running) outcome {
	limit, err := r.c.number(1)
	secs, err2 := r.c.number(2)
	if err := errors.Join(err, err2); err != nil {
		return outcome{err: err}
	}
	return outcome{err: h.Forward(m.now, r.d.s, limit, wholeSecs(secs))}
}

func (m *machine) nextFlow(h forwarder, r *running) outcome {
	f, err := h.NextFlow(m.now, r.d.s)
	if err != nil {
		return m.wait(r, err)
	}
	m.held = f
	return outcome{n: int(f.Local.Port())}
}

func (m *machine) decide(h forwarder, r *running) outcome {
	ruling, ok := rulings[r.c.arg(1).name]
	if !ok {
		return outcome{err: errors.New("no such ruling")}
	}
	s, err := h.Decide(m.now, r.d.s, m.held, ruling)
	if err != nil || ruling != host.AcceptFlow {
		return outcome{err: err}
	}
	m.last = r.c.result
	return m.install(r.c, &descriptor{s: s, kind: host.Stream})
}

func (m *machine) session(h forwarder, r *running) outcome {
	s, err := h.AcceptSession(m.now, r.d.s)
	if err != nil {
		return m.wait(r, err)
	}
	return m.install(r.c, &descriptor{s: s, kind: r.d.kind})
}

func (m *machine) refuse(h forwarder, r *running) outcome {
	return outcome{err: h.RefuseFrom(m.now, r.d.s, m.flow(protoUDP, 1).local, rulings[r.c.arg(1).name])}
}

func (m *machine) sendFrom(h forwarder, r *running) outcome {
	n, err := r.c.number(2)
	if err != nil {
		return outcome{err: err}
	}
	p := make([]byte, n)
	fill(p, 0)
	n, err = h.SendFrom(m.now, r.d.s, p, m.flow(protoUDP, 1).local)
	return outcome{n: n, err: err}
}
