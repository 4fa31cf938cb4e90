package http

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whose time is up in the moment in which the only connection goes away, and its lane with it, gets its answer.
func TestTurnAndTimeAtOnce(t *testing.T) {
	c := &Client{PerHost: 1}
	l := c.pool.lane("http://a.test:80")
	cn, turn := l.claim(c.PerHost)
	require.Nil(t, cn)
	require.Nil(t, turn, "the first may make one")
	_, turn = l.claim(c.PerHost)
	require.NotNil(t, turn, "the second waits")
	turn <- false // the time is up
	c.free(l)     // and the turn comes, too late
	require.Empty(t, c.pool.lanes)
	require.False(t, c.wait(l, turn, time.Now().Add(time.Hour)))
}

// However often a turn comes that another is quicker to take, the wait has one end.
func TestTurnsThatOthersTake(t *testing.T) {
	c := &Client{PerHost: 1, ConnectTimeout: 50 * time.Millisecond}
	u, err := ParseURL("http://a.test")
	require.NoError(t, err)
	l := c.pool.lane(c.key(u))
	l.claim(c.PerHost) // the only connection, and it stays
	over := make(chan error)
	go func() {
		_, err := c.take(u, time.Time{})
		over <- err
	}()
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case err := <-over:
			tick.Stop()
			require.ErrorIs(t, err, Timeout)
			require.Empty(t, l.queue)
			return
		case <-tick.C:
			c.pool.mu.Lock()
			l.next()
			c.pool.mu.Unlock()
		}
	}
}

// A turn that comes too late is another's.
func TestTurnGoesOn(t *testing.T) {
	c := &Client{PerHost: 1}
	l := c.pool.lane("http://a.test:80")
	l.claim(c.PerHost)
	_, late := l.claim(c.PerHost)
	_, next := l.claim(c.PerHost)
	late <- false
	c.free(l)
	require.False(t, c.wait(l, late, time.Now().Add(time.Hour)))
	require.True(t, c.wait(l, next, time.Now().Add(time.Hour)))
	require.Len(t, c.pool.lanes, 1, "who has the turn comes back to it")
}

// Of too many idle connections the one goes that has been idle for longest, whatever its host.
func TestOldestIdleMakesRoom(t *testing.T) {
	begin := time.Unix(1e9, 0)
	c := &Client{}
	idle := func(host string, after time.Duration) *conn {
		l := c.pool.lane(host)
		_, _ = l.claim(c.PerHost)
		return c.pool.swap(&conn{client: c, lane: l, since: begin.Add(after)})
	}
	at := func(i int) string { return fmt.Sprintf("host%d", i) }
	for i := range maxIdle { // the older the higher the number
		require.Nil(t, idle(at(i), time.Duration(maxIdle-i)*time.Second))
	}
	for i := maxIdle - 1; i >= 0; i-- {
		out := idle("another", time.Minute)
		require.NotNil(t, out)
		require.Equal(t, at(i), out.lane.key)
		c.pool.lane("another").idle = nil // as if it were taken again
		c.pool.idle--
		if i > 0 { // and as many as before are left
			require.Nil(t, idle(fmt.Sprint("late", i), time.Hour))
		}
	}
}
