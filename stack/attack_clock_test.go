package stack

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The clock of a stack counts from its start by the monotonic clock alone: a
// wall clock that jumps is not seen, and a reading that is older than the last
// is not believed (attack 77).
func TestAttack_77_WallClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := monotonic()
		require.EqualValues(t, 1, read(), "never Never")
		for _, d := range []time.Duration{time.Nanosecond, time.Hour, 50 * 24 * time.Hour} {
			before := read()
			time.Sleep(d)
			require.Equal(t, d, read().Sub(before))
		}
	})
	var readings []clock.Instant
	sh := shard{read: func() clock.Instant { at := readings[0]; readings = readings[1:]; return at }}
	for _, row := range []struct{ says, want clock.Instant }{
		{100, 100}, {200, 200}, {150, 200}, {1, 200}, {-1 << 62, 200}, {201, 201}, {1 << 60, 1 << 60}, {300, 1 << 60},
	} {
		readings = append(readings, row.says)
		require.Equal(t, row.want, sh.enter())
		sh.mu.Unlock()
	}
}
