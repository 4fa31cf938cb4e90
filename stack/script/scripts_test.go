package script_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/script"
)

const scripts = "../../testdata/scripts"

// all returns the paths of the scripts.
func all(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(scripts, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".pkt") {
			paths = append(paths, path)
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// TestScripts runs every script in testdata.
func TestScripts(t *testing.T) {
	for _, path := range all(t) {
		name, err := filepath.Rel(scripts, strings.TrimSuffix(path, ".pkt"))
		require.NoError(t, err)
		t.Run(filepath.ToSlash(name), func(t *testing.T) { script.Run(t, path) })
	}
}

// TestScriptsNameRequirements holds that each requirement that a script names is
// a row of the conformance matrix.
func TestScriptsNameRequirements(t *testing.T) {
	matrix, err := os.ReadFile("../../testdata/conformance.md")
	require.NoError(t, err)
	id := regexp.MustCompile(`\b(MUST|SHLD|MAY|REC|X|C)-[0-9]+\b`)
	for _, path := range all(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, row := range id.FindAllString(string(text), -1) {
			require.Contains(t, string(matrix), "| "+row+" |", "%s names %s", path, row)
		}
	}
}
