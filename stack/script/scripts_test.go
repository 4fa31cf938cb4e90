package script_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/script"
)

const scripts = "../../testdata/scripts"

// TestScripts runs every script in testdata.
func TestScripts(t *testing.T) {
	n := 0
	err := filepath.WalkDir(scripts, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pkt") {
			return err
		}
		n++
		name, err := filepath.Rel(scripts, strings.TrimSuffix(path, ".pkt"))
		t.Run(filepath.ToSlash(name), func(t *testing.T) { script.Run(t, path) })
		return err
	})
	require.NoError(t, err)
	require.NotZero(t, n, "no script in %s", scripts)
}
