package oracle

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkRequestResponse sends one byte and waits for one byte, on 1 and on
// 64 connections between each contestant and the kernel of a network namespace,
// over a plain TUN (ours, gVisor) and over veth (the kernel). It reports
// medians of alternating runs per second, and ours as a ratio of gVisor's.
//
//	go test -run '^$' -bench RequestResponse ./stack/oracle
func BenchmarkRequestResponse(b *testing.B) {
	contestOf1And64(b, requests)
}

// contestOf1And64 is a contest in things per second, once with 1 and once with 64 connections.
func contestOf1And64(b *testing.B, once func(tb testing.TB, open func(testing.TB) dialer, conns int) float64) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, conns := range []int{1, 64} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			contest(b, "1/s", func(tb testing.TB, open func(testing.TB) dialer) float64 { return once(tb, open, conns) })
		})
	}
}

// requests returns how many requests were answered per second.
func requests(tb testing.TB, open func(testing.TB) dialer, conns int) float64 {
	d := open(tb)
	l := kernelListener(tb, d.peer)
	defer l.Close()
	go serveEach(l, echo)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var clients []net.Conn
	for range conns {
		c, err := d.dial(ctx)
		require.NoError(tb, err)
		defer c.Close()
		require.NoError(tb, c.SetDeadline(time.Now().Add(patience)))
		clients = append(clients, c)
	}
	var done atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	until := start.Add(bulkTime)
	for _, c := range clients {
		all.Go(func() { done.Add(ask(c, until)) })
	}
	all.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

// ask sends requests until the time is over and returns how many were answered.
func ask(c net.Conn, until time.Time) (n int64) {
	b := make([]byte, 1)
	for time.Now().Before(until) {
		if _, err := c.Write(b); err != nil {
			return n
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return n
		}
		n++
	}
	return n
}

// serveEach accepts what l has until it is closed, and leaves each connection to serve, which need not close it.
func serveEach(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// echo answers each byte with itself.
func echo(c net.Conn) {
	b := make([]byte, 1)
	for {
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}
