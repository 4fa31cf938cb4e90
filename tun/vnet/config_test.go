package vnet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsAreOneLine(t *testing.T) {
	for _, err := range []error{
		ErrNotSupported, ErrNoTUN, ErrNoAccess, ErrPermission, ErrBusy, ErrNameTooLong, ErrBadName,
		ErrNotTUN, ErrBadMTU, ErrBadFile, ErrGone, ErrDown, ErrFull, ErrNoMemory, ErrBadPacket,
	} {
		require.NotContains(t, err.Error(), "\n")
		require.Greater(t, len(err.Error()), 10)
	}
}

func TestStatsDroppedCountsEachReasonOnce(t *testing.T) {
	s := Stats{Read: 1000, Written: 1000, Truncated: 1, Full: 2, Down: 4, Gone: 8, NoMemory: 16, BadPacket: 32, Other: 64}
	require.EqualValues(t, 127, s.Dropped())
}
