package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A line of a batch file may be as long as it likes: it does not end the batch.
func TestDigBatchHasLongLines(t *testing.T) {
	asks, err := (&digFlags{batch: "-"}).asks(nil, strings.NewReader("a.test\n;"+strings.Repeat("x", 1<<17)+"\nb.test"))
	require.NoError(t, err)
	require.Len(t, asks, 2)
	require.Equal(t, "b.test", asks[1].name)
}
