package tun

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(play())
	}
	goleak.VerifyTestMain(m)
}
