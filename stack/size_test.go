//go:build !js

package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stripped static programs stay small. Most of the targets is what Go's runtime and
// the packages bring that every embedder has (os, time, net/netip and a hello: 1.53 MB);
// oracle/README.md has what was taken out, and what the rest is.
func TestProgramsAreSmall(t *testing.T) {
	for _, row := range []struct {
		program string
		most    int64    // bytes, linux/amd64
		without []string // packages that it does not import, even indirectly
	}{
		{"dial", 2_420_000, []string{"fmt", "net", "github.com/songgao/water", "math/rand", "crypto/rand"}}, // opens a TUN and dials; target 1,650,000
		{"fetch", 2_680_000, []string{"fmt", "net", "net/http", "crypto/tls", "compress/gzip"}},             // and DNS and HTTP, no TLS; target 2,200,000
	} {
		t.Run(row.program, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), row.program)
			goForLinux(t, "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "../testdata/"+row.program)
			info, err := os.Stat(path)
			require.NoError(t, err)
			t.Logf("%d bytes", info.Size())
			require.LessOrEqual(t, info.Size(), row.most)
			needs := strings.Fields(goForLinux(t, "list", "-deps", "../testdata/"+row.program))
			for _, p := range row.without {
				require.False(t, slices.Contains(needs, p), "it needs %s", p)
			}
		})
	}
}

func goForLinux(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	return string(out)
}
