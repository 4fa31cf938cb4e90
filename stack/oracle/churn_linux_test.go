package oracle

import (
	"context"
	"fmt"
	"io"
	"net"
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
	contestOf1And64(b, churn)
}

// churn returns how many connections were made and closed per second.
func churn(tb testing.TB, open func(testing.TB) dialer, atOnce int) float64 {
	d := open(tb)
	l := kernelListener(tb, d.peer)
	defer l.Close()
	go serveEach(l, answerOnce)
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

// answerOnce answers the one request of a connection.
func answerOnce(c net.Conn) {
	b := make([]byte, 1)
	if _, err := io.ReadFull(c, b); err != nil {
		return
	}
	if _, err := c.Write(b); err != nil || b[0] == serverFirst {
		return
	}
	_, _ = c.Read(b) // the end
}
