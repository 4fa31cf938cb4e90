package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// connect returns the two ends of a connection.
func connect(ctx context.Context, to *path) (client, peer net.Conn, err error) {
	l, err := to.listen()
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if client, err = to.dial(ctx); err != nil {
		return nil, nil, err
	}
	if peer, err = l.Accept(); err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	tune(client)
	tune(peer)
	return client, peer, nil
}

// tune gives a socket, where it is the kernel's, CUBIC, whatever the machine's
// default is, and lets it sleep until there is much to read: a reader that
// wakes for each segment would be what is measured.
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
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, 128<<10)
	})
}

// bulk moves bytes over one connection for the plan's time.
func bulk(ctx context.Context, to *path, p *Plan, up bool) (r Result, err error) {
	client, peer, err := connect(ctx, to)
	if err != nil {
		return r, err
	}
	defer client.Close()
	defer peer.Close()
	from, into := client, peer
	if !up {
		from, into = peer, client
	}
	until := time.Now().Add(p.Time)
	if err := errors.Join(from.SetWriteDeadline(until), into.SetReadDeadline(until)); err != nil {
		return r, err
	}
	sent := make(chan error, 1)
	begin, cpu := time.Now(), used()
	go func() {
		block := make([]byte, 256<<10)
		for {
			if _, err := from.Write(block); err != nil {
				sent <- err
				return
			}
		}
	}()
	n, err := io.Copy(io.Discard, into)
	took, spent := time.Since(begin), used()-cpu
	if serr := <-sent; !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(serr, os.ErrDeadlineExceeded) {
		return r, errors.Join(errors.New("the transfer ended early"), err, serr)
	}
	r.Gbps = float64(n) * 8 / took.Seconds() / 1e9
	if n > 0 {
		r.CPUPerGB = spent.Seconds() / (float64(n) / 1e9)
	}
	return r, nil
}

// used is the processor time that this process has used, for itself and in the kernel.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
