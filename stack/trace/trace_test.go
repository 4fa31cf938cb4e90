package trace

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

func TestEveryReasonAndKindHasAText(t *testing.T) {
	for r := None + 1; int(r) < NumReasons; r++ {
		require.NotEmpty(t, r.String(), "reason %d", r)
	}
	require.Empty(t, None.String())
	require.Equal(t, "unknown reason", Reason(NumReasons).String())
	for k := Kind(1); k < numKinds; k++ {
		require.NotEmpty(t, k.String(), "kind %d", k)
	}
	require.Equal(t, "unknown kind", numKinds.String())
}

func TestLogHoldsUntilTaken(t *testing.T) {
	l := NewLog(2)
	for i := range 5 {
		l.Add(Event{At: clock.Instant(i + 1)})
	}
	got, lost := l.Take(nil)
	require.Equal(t, []Event{{At: 1}, {At: 2}}, got)
	require.EqualValues(t, 3, lost, "what did not fit is counted")
	got, lost = l.Take(got[:0])
	require.Empty(t, got)
	require.Zero(t, lost)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		l.Add(Event{At: 1})
		got, _ = l.Take(got[:0])
	}), "recording allocates nothing")
}
