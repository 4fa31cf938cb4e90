package oracle

import (
	"testing"

	"go.uber.org/goleak"
)

// No test of this package leaves a goroutine behind, gVisor's included.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
