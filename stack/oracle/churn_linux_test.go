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

// churnConns is how many connections one run makes, all between the same two
// addresses and to the same port: far more than there are ports to dial from, so
// those of connections in TIME-WAIT have to be used again (RFC 6191).
const churnConns = 100_000

// BenchmarkConnectClose connects, sends one byte, waits for one and closes, 1 and
// 64 at once, between each contestant and the kernel of a network namespace, over
// a plain TUN (ours, gVisor) and over veth (the kernel); the two ends close first
// in turn. It reports medians of alternating runs per second, and ours as a
// ratio of gVisor's.
//
//	go test -run '^$' -bench ConnectClose -benchtime 1x ./stack/oracle
func BenchmarkConnectClose(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, atOnce := range []int{1, 64} {
		b.Run(fmt.Sprint(atOnce), func(b *testing.B) {
			contest(b, "1/s", func(tb testing.TB, open func(testing.TB) dialer) float64 {
				return churn(tb, open, atOnce)
			})
		})
	}
}

// churn returns how many connections were made and closed per second.
func churn(tb testing.TB, open func(testing.TB) dialer, atOnce int) float64 {
	d := open(tb)
	l := kernelListener(tb, d)
	defer l.Close()
	go serveOnce(l)
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	var left atomic.Int64
	left.Store(churnConns)
	failed := make(chan error, atOnce)
	var all sync.WaitGroup
	start := time.Now()
	for range atOnce {
		all.Go(func() {
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				if err := visit(ctx, d, byte(n%2)); err != nil {
					failed <- fmt.Errorf("with %d to go: %w", n, err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		require.NoError(tb, err)
	default:
	}
	return churnConns / took.Seconds()
}

// The request says who closes first.
const (
	clientFirst byte = iota
	serverFirst
)

// visit is one connection.
func visit(ctx context.Context, d dialer, first byte) error {
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	b := [2]byte{first}
	if _, err := c.Write(b[:1]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, b[:1]); err != nil {
		return err
	}
	if first == clientFirst {
		return nil
	}
	if n, err := c.Read(b[:]); n != 0 || err != io.EOF {
		return fmt.Errorf("%d bytes and %v in the place of the end", n, err)
	}
	return nil
}

// serveOnce answers the one request of each connection of l.
func serveOnce(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 1)
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if _, err := c.Write(b); err != nil || b[0] == serverFirst {
				return
			}
			_, _ = c.Read(b) // the end
		}()
	}
}
