package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A stream is what both ends of a relay are.
type stream interface {
	net.Conn
	CloseWrite() error
	SetLinger(sec int) error
}

// stream connects one who asks.
func (g *Gateway) stream(r *stdnet.Request) {
	out, err := g.dial(r)
	if err != nil {
		g.Stats.Refused.Add(1)
		if !timedOut(err) { // else the peer finds out by itself, as it would without us
			_ = r.Refuse(err)
		}
		return
	}
	g.outs.Add(1) // before the peer knows: he may write and be gone at once
	in, err := r.Accept(g.ctx)
	if err != nil {
		g.outs.Add(-1)
		reset(out)
		return
	}
	g.Stats.Connections.Add(1)
	g.Stats.Open.Add(1)
	defer g.Stats.Open.Add(-1)
	g.relay(in, out)
}

func (g *Gateway) dial(r *stdnet.Request) (stream, error) {
	to, err := g.cfg.Out("tcp", r.Target())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(g.ctx, patience)
	defer cancel()
	c, err := g.cfg.Dial(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	s, ok := c.(stream)
	if !ok {
		_ = c.Close()
		return nil, syscall.EPROTO
	}
	return s, nil
}

func timedOut(err error) bool {
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// relay carries both directions to their ends; g.outs counts the one outward already.
// Where one fails, both connections are reset, and where the gateway ends first, too; but
// not what the system has taken to the end by then: a reset would overtake it.
func (g *Gateway) relay(in, out stream) {
	var sent atomic.Bool
	fail := func() {
		reset(in)
		if sent.Load() && g.ctx.Err() != nil {
			_ = out.Close()
			return
		}
		reset(out)
	}
	stop := context.AfterFunc(g.ctx, fail)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err := pour(in, out)
		g.Stats.BytesIn.Add(n)
		if err != nil {
			fail()
		}
	}()
	n, err := pour(&counted{out, g}, in)
	g.Stats.BytesOut.Add(n)
	if sent.Store(err == nil); err != nil {
		fail()
	}
	g.outs.Add(-1)
	<-done
	if stop() {
		_, _ = in.Close(), out.Close()
	}
}

// pour copies from src to dst, up to src's end, which becomes dst's.
func pour(dst, src stream) (int64, error) {
	n, err := io.Copy(dst, src)
	if err == nil {
		err = dst.CloseWrite()
		if errors.Is(err, syscall.ENOTCONN) {
			err = nil // both directions are over
		}
	}
	return n, err
}

// reset closes s with a RST.
func reset(s stream) {
	_ = s.SetLinger(0)
	_ = s.Close()
}

// counted is a stream whose progress Drain sees.
type counted struct {
	stream
	g *Gateway
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p)
	c.g.moved.Add(int64(n))
	return n, err
}
