package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

const (
	visitorIdle = 2 * time.Minute // as long as a session the other way (RFC 4787 REQ-5)
	maxVisitors = 512
)

// visitors are those outside who send datagrams to a published port. Each has a socket of
// the stack's own, so that who answers inside answers the right one.
type visitors struct {
	g    *Gateway
	out  *net.UDPConn
	n    *stdnet.Net
	to   string
	idle time.Duration

	mu sync.Mutex
	by map[netip.AddrPort]*visitor
}

type visitor struct {
	in   net.Conn
	from netip.AddrPort
	last time.Time // when it sent something, or was answered; visitors.mu guards it
}

// PublishDatagrams is Publish of a port of UDP.
func (g *Gateway) PublishDatagrams(out *net.UDPConn, n *stdnet.Net, inside netip.AddrPort) {
	g.publishDatagrams(out, n, inside, visitorIdle)
}

func (g *Gateway) publishDatagrams(out *net.UDPConn, n *stdnet.Net, inside netip.AddrPort, idle time.Duration) {
	vs := &visitors{g: g, out: out, n: n, to: inside.String(), idle: idle, by: map[netip.AddrPort]*visitor{}}
	context.AfterFunc(g.ctx, func() {
		_ = out.Close()
		vs.mu.Lock()
		defer vs.mu.Unlock()
		for _, v := range vs.by {
			_ = v.in.Close()
		}
	})
	g.run(vs.inward)
}

// inward carries what comes from outside.
func (vs *visitors) inward() {
	p := make([]byte, maxDatagram)
	for {
		n, from, err := vs.out.ReadFromUDPAddrPort(p)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // of an answer that did not arrive, or for want of memory
			if !vs.g.pause() {
				return
			}
			continue
		}
		if v := vs.visitor(from); v != nil {
			_, err = v.in.Write(p[:n])
			if err != nil { // an earlier one was refused
				_, _ = v.in.Write(p[:n])
			}
		}
	}
}

// visitor returns who sends from there now, or nil where that cannot be.
func (vs *visitors) visitor(from netip.AddrPort) *visitor {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.by[from]; v != nil {
		v.last = time.Now()
		return v
	}
	if len(vs.by) >= maxVisitors {
		for _, v := range vs.by { // any: a flood cannot choose whom it drives out
			_ = v.in.Close()
			delete(vs.by, v.from)
			break
		}
	}
	if vs.g.ctx.Err() != nil {
		return nil
	}
	in, err := vs.n.Dial("udp", vs.to)
	if err != nil {
		vs.g.Stats.Refused.Add(1)
		return nil
	}
	v := &visitor{in: in, from: from, last: time.Now()}
	vs.by[from] = v
	vs.g.Stats.Sessions.Add(1)
	vs.g.run(func() { vs.outward(v) })
	return v
}

// outward carries what is answered, until nothing moves for too long.
func (vs *visitors) outward(v *visitor) {
	defer vs.forget(v)
	p := make([]byte, maxDatagram)
	for at, ok := vs.until(v); ok; at, ok = vs.until(v) {
		_ = v.in.SetReadDeadline(at)
		n, err := v.in.Read(p)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // nobody listens inside, yet
		case err != nil:
			return
		}
		vs.answered(v)
		_, _ = vs.out.WriteToUDPAddrPort(p[:n], v.from)
	}
}

func (vs *visitors) answered(v *visitor) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v.last = time.Now()
}

// until is when somebody of whom nothing more is heard is forgotten. false: now. That
// is decided under the lock, so that what he sends from then on is a new visitor's.
func (vs *visitors) until(v *visitor) (time.Time, bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	at := v.last.Add(vs.idle)
	if time.Now().Before(at) {
		return at, true
	}
	vs.drop(v)
	return at, false
}

func (vs *visitors) forget(v *visitor) {
	_ = v.in.Close()
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.drop(v)
}

// drop makes an address nobody's, unless it is another visitor's by now. The lock is held.
func (vs *visitors) drop(v *visitor) {
	if vs.by[v.from] == v {
		delete(vs.by, v.from)
	}
}
