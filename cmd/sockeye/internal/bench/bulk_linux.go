package bench

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A pair is the two ends of a connection.
type pair struct{ client, peer net.Conn }

func (p pair) close() {
	_ = p.client.Close()
	_ = p.peer.Close()
}

// connect returns a connection made through l.
func connect(ctx context.Context, to *path, l net.Listener) (p pair, err error) {
	if p.client, err = to.dial(ctx); err != nil {
		return p, err
	}
	if p.peer, err = l.Accept(); err != nil {
		_ = p.client.Close()
		return p, err
	}
	tune(p.client)
	tune(p.peer)
	return p, nil
}

// tune lets a socket, where it is the kernel's, sleep until there is much to read: a
// reader that wakes for each segment would be what is measured.
func tune(c net.Conn) {
	kernels, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := kernels.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, 128<<10)
	})
}

// blockSize is what is written and read at once, bytes.
const blockSize = 256 << 10

// bulk moves bytes over flows connections at once for the plan's time.
func bulk(ctx context.Context, to *path, p *Plan, flows int, up bool) (r Result, err error) {
	if p.Apart {
		return bulkApart(ctx, to, p, flows, up)
	}
	l, err := to.listen()
	if err != nil {
		return r, err
	}
	defer l.Close()
	var from, into []net.Conn
	for range flows {
		c, err := connect(ctx, to, l)
		if err != nil {
			return r, err
		}
		defer c.close()
		if !up {
			c.client, c.peer = c.peer, c.client
		}
		from, into = append(from, c.client), append(into, c.peer)
	}
	var n int64
	var took, spent time.Duration
	for d := p.Time; n == 0; d *= 2 { // on a busy machine nothing may have come in so short a time
		if n, took, spent, err = move(from, into, d); err != nil {
			return r, err
		}
	}
	r.Gbps = float64(n) * 8 / took.Seconds() / 1e9
	r.CPUPerGB = spent.Seconds() / (float64(n) / 1e9)
	return r, nil
}

// move sends from each of from to its counterpart until the time is over. It
// returns how many bytes arrived, how long it took and what it cost of the processor.
func move(from, into []net.Conn, d time.Duration) (n int64, took, spent time.Duration, err error) {
	until := time.Now().Add(d)
	for i := range from {
		if err := errors.Join(from[i].SetWriteDeadline(until), into[i].SetReadDeadline(until)); err != nil {
			return 0, 0, 0, err
		}
	}
	var all sync.WaitGroup
	var got atomic.Int64
	work := append(sources(from), sinks(into, &got)...)
	failed := make([]error, len(work))
	begin, cpu := time.Now(), used()
	for i, do := range work {
		all.Go(func() { failed[i] = do() })
	}
	all.Wait()
	took, spent = time.Since(begin), used()-cpu
	for _, err := range failed {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, 0, 0, errors.Join(append(failed, errors.New("the transfer ended early"))...)
		}
	}
	return got.Load(), took, spent, nil
}

// source writes until that fails.
func source(c net.Conn) error {
	block := make([]byte, blockSize)
	for {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
}

// sink reads until that fails, and adds up how much it was.
func sink(c net.Conn, got *atomic.Int64) error {
	block := make([]byte, blockSize)
	for {
		n, err := c.Read(block)
		got.Add(int64(n))
		if err != nil {
			return err
		}
	}
}

// used is the processor time that this process has used, for itself and in the kernel.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
