package balance

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Serve takes connections of l until it is closed or Close is called; then it returns nil.
func (b *Balancer) Serve(l net.Listener) error {
	if len(b.Targets) == 0 {
		return errors.New("balance: there are no targets")
	}
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !b.add(c) {
			return errors.Join(c.Close(), l.Close())
		}
		go b.serve(c)
	}
}

// Close ends all connections, and the dials to targets, and waits until they have ended.
func (b *Balancer) Close() error {
	b.mu.Lock()
	b.begin()
	b.closed = true
	b.cancel()
	for c := range b.open {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
	return nil
}

// add keeps a connection for Close, unless that was called. A client's counts for Close's waiting.
func (b *Balancer) add(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begin()
	if b.closed {
		return false
	}
	b.open[c] = struct{}{}
	b.wg.Add(1)
	return true
}

func (b *Balancer) remove(c net.Conn) {
	_ = c.Close()
	b.mu.Lock()
	delete(b.open, c)
	b.mu.Unlock()
	b.wg.Done()
}

// serve joins one client with a target.
func (b *Balancer) serve(client net.Conn) {
	defer b.remove(client)
	t, server, err := b.connect(addrOf(client.RemoteAddr()))
	if err != nil {
		if err == errNone {
			b.mu.Lock()
			b.refused++
			b.mu.Unlock()
		}
		abort(client)
		return
	}
	defer b.done(t)
	if !b.add(server) {
		_ = server.Close()
		return
	}
	defer b.remove(server)
	splice(client, server)
}

// splice copies both ways until both have ended, or one was cut.
func splice(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { pass(a, b) })
	wg.Go(func() { pass(b, a) })
	wg.Wait()
}

// pass copies from a to b. The end is passed on as the end; where one was cut the other is cut too.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		abort(to)
		abort(from)
		return
	}
	if w, ok := to.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
}

// abort closes with RST, where that is to be had.
func abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
