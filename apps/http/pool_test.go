package http

import (
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
