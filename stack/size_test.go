//go:build !js

package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stripped static program that opens a TUN and dials stays small. Half of it is
// what Go's runtime brings (a hello with os alone: 1.41 MB); see oracle/README.md
// for what was taken out, and what the rest is.
func TestDialerIsSmall(t *testing.T) {
	const most = 2_590_000 // bytes, linux/amd64
	path := filepath.Join(t.TempDir(), "dial")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "../testdata/dial")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	info, err := os.Stat(path)
	require.NoError(t, err)
	t.Logf("%d bytes", info.Size())
	require.LessOrEqual(t, info.Size(), int64(most))
}
