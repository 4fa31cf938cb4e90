package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNeverIsNoTime(t *testing.T) {
	require.Equal(t, Never, Never.Add(time.Hour), "a disarmed timer cannot be moved")
	require.False(t, Never.Due(1<<62), "and is never due")
	require.Equal(t, Instant(5), Earliest(Never, 5))
	require.Equal(t, Instant(5), Earliest(5, Never))
	require.Equal(t, Never, Earliest(Never, Never))
}

func TestInstants(t *testing.T) {
	at := Instant(time.Second)
	require.Equal(t, Instant(3*time.Second), at.Add(2*time.Second))
	require.Equal(t, -time.Second, at.Sub(at.Add(time.Second)))
	require.True(t, at.Before(at+1))
	require.False(t, at.Before(at))
	require.True(t, at.Due(at))
	require.False(t, at.Due(at-1))
	require.Equal(t, at, Earliest(at+1, at))
}

func TestTicks(t *testing.T) {
	at := Instant(7*time.Second + 999*time.Microsecond)
	require.Equal(t, Tick(7000), at.Tick())
	require.Zero(t, Never.Tick(), "no time")
	require.Equal(t, Tick(1), Instant(1).Tick(), "a time")
	require.Equal(t, 500*time.Millisecond, at.Add(500*time.Millisecond).Since(at.Tick()))
	wraps := Instant(1<<32-1) * Instant(time.Millisecond)
	require.Equal(t, 4*time.Second, wraps.Add(4*time.Second).Since(wraps.Tick()), "after 49 days, too")
	require.NotZero(t, wraps.Add(time.Millisecond).Tick())
}
