package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// patience is how long a single step may take.
const patience = 20 * time.Second

// requests sends one byte and waits for it to come back, on conns connections
// at once.
func requests(ctx context.Context, to *path, p *Plan, conns int) (r Result, err error) {
	stop, err := to.echo(p)
	if err != nil {
		return r, err
	}
	defer stop()
	var clients []net.Conn
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	for range conns {
		c, err := to.dial(ctx)
		if err != nil {
			return r, err
		}
		clients = append(clients, c)
	}
	took := make([][]time.Duration, conns)
	failed := make([]error, conns)
	var all sync.WaitGroup
	begin := time.Now()
	for i, c := range clients {
		all.Go(func() { took[i], failed[i] = ask(c, begin.Add(p.Time)) })
	}
	all.Wait()
	spent := time.Since(begin)
	if err := errors.Join(failed...); err != nil {
		return r, err
	}
	times := slices.Concat(took...)
	slices.Sort(times)
	if len(times) == 0 {
		return r, errors.New("nothing was answered")
	}
	r.Ops = float64(len(times)) / spent.Seconds()
	r.P50 = microseconds(times[len(times)/2])
	r.P99 = microseconds(times[len(times)*99/100])
	return r, nil
}

// echo makes the kernel's end answer, here or apart.
func (to *path) echo(p *Plan) (stop func(), err error) {
	if p.Apart {
		w, err := to.apart(peerEcho, 1, p.Time)
		if err != nil {
			return nil, err
		}
		return func() { _ = w.end() }, nil
	}
	l, err := to.listen()
	if err != nil {
		return nil, err
	}
	var servers sync.WaitGroup
	servers.Go(func() { serveEcho(l, &servers) })
	return func() {
		_ = l.Close()
		servers.Wait()
	}, nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// ask sends requests until the time is over and returns how long each took.
func ask(c net.Conn, until time.Time) (took []time.Duration, err error) {
	if err := c.SetDeadline(until.Add(patience)); err != nil {
		return nil, err
	}
	b := make([]byte, 1)
	for now := time.Now(); now.Before(until); {
		if _, err := c.Write(b); err != nil {
			return took, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return took, err
		}
		answered := time.Now()
		took = append(took, answered.Sub(now))
		now = answered
	}
	return took, nil
}

// serveEcho answers each byte with itself, on every connection of l, until l
// and they are closed.
func serveEcho(l net.Listener, all *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			defer c.Close()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		})
	}
}
