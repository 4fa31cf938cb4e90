package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
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
	last atomic.Int64 // when it sent something, in nanoseconds
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
			time.Sleep(time.Millisecond)
			continue
		}
		if v := vs.visitor(from); v != nil {
			v.last.Store(time.Now().UnixNano())
			_, err = v.in.Write(p[:n])
			if err != nil { // an earlier one was refused
				_, _ = v.in.Write(p[:n])
			}
		}
	}
}

// visitor returns who sends from there, or nil where that cannot be.
func (vs *visitors) visitor(from netip.AddrPort) *visitor {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.by[from]; v != nil {
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
	v := &visitor{in: in, from: from}
	v.last.Store(time.Now().UnixNano())
	vs.by[from] = v
	vs.g.Stats.Sessions.Add(1)
	vs.g.run(func() { vs.outward(v) })
	return v
}

// outward carries what is answered, until nothing moves for too long.
func (vs *visitors) outward(v *visitor) {
	defer vs.forget(v)
	p := make([]byte, maxDatagram)
	for heard := time.Now(); ; {
		last := time.Unix(0, v.last.Load())
		if heard.After(last) {
			last = heard
		}
		if time.Since(last) >= vs.idle {
			return
		}
		_ = v.in.SetReadDeadline(last.Add(vs.idle))
		n, err := v.in.Read(p)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // nobody listens inside, yet
		case err != nil:
			return
		}
		heard = time.Now()
		_, _ = vs.out.WriteToUDPAddrPort(p[:n], v.from)
	}
}

func (vs *visitors) forget(v *visitor) {
	_ = v.in.Close()
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.by[v.from] == v {
		delete(vs.by, v.from)
	}
}
