package http

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of too many idle connections the one goes that has been idle for longest, whatever its host.
func TestOldestIdleMakesRoom(t *testing.T) {
	begin := time.Unix(1e9, 0)
	c := &Client{}
	idle := func(host string, after time.Duration) *conn {
		_, _ = c.claim(host)
		return c.swap(&conn{client: c, key: host, since: begin.Add(after)})
	}
	at := func(i int) string { return fmt.Sprintf("host%d", i) }
	for i := range maxIdle { // the older the higher the number
		require.Nil(t, idle(at(i), time.Duration(maxIdle-i)*time.Second))
	}
	for i := maxIdle - 1; i >= 0; i-- {
		out := idle("another", time.Minute)
		require.NotNil(t, out)
		require.Equal(t, at(i), out.key)
		c.pool.hosts["another"].idle = nil // as if it were taken again
		c.pool.idle--
		if i > 0 { // and as many as before are left
			require.Nil(t, idle(fmt.Sprint("late", i), time.Hour))
		}
	}
}
