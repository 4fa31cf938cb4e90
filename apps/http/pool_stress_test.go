//go:build linux

package http

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Many ask at once where few connections may be, servers close as they like, and time is short: everybody gets an
// answer, or an error that names why, nobody waits for ever, and afterwards no connection is counted, kept or waited for.
func TestMuchAskedOfFewConnections(t *testing.T) {
	for _, perHost := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(perHost), func(t *testing.T) {
			url := moody(t)
			c, _ := client(t)
			c.PerHost, c.ConnectTimeout = perHost, 20*time.Millisecond
			c.Observe = nil
			var wg sync.WaitGroup
			var answered, closed atomic.Int32
			for i := range 40 {
				wg.Go(func() {
					for j := range 15 {
						r := &Request{URL: url, Close: (i+j)%7 == 0}
						if (i+j)%3 == 0 {
							r.Deadline = time.Now().Add(time.Duration(rand.IntN(4000)) * time.Microsecond)
						}
						if (i+j)%50 == 0 { // who closes the idle ones in between disturbs nobody
							if err := c.Close(); err == nil {
								closed.Add(1)
							}
							c.pool.mu.Lock()
							c.pool.closed = false
							c.pool.mu.Unlock()
						}
						resp, err := c.Do(r)
						if err == nil && j%5 != 0 { // some read nothing of it
							_, err = io.ReadAll(resp.Body)
						}
						if resp != nil {
							_ = resp.Body.Close()
						}
						var e *Error
						switch {
						case err == nil:
							answered.Add(1)
						case !errors.As(err, &e) || e.Kind == WeirdReply:
							t.Errorf("%v", err)
						}
					}
				})
			}
			wg.Wait()
			require.NoError(t, c.Close())
			require.NotZero(t, answered.Load())
			require.NotZero(t, closed.Load())
			require.Zero(t, c.pool.idle)
			for _, l := range c.pool.lanes {
				t.Errorf("%s is left: %d open, %d idle, %d wait", l.key, l.open, len(l.idle), len(l.queue))
			}
		})
	}
}

// moody is a server that closes after an answer, or without one, or goes on.
func moody(t *testing.T) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answerMoodily(nc) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		wg.Wait()
	})
	return "http://" + netip.MustParseAddrPort(l.Addr().String()).String() + "/"
}

func answerMoodily(nc net.Conn) {
	defer nc.Close()
	buf := make([]byte, 4096)
	body := strings.Repeat("x", 2000)
	for {
		n, err := nc.Read(buf)
		if n == 0 || err != nil {
			return
		}
		mood := rand.IntN(8)
		if mood == 0 {
			return
		}
		fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		if mood == 1 || strings.Contains(string(buf[:n]), "Connection: close") {
			return
		}
	}
}
