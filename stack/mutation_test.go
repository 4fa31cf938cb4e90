//go:build !js

package stack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Do the tests bite? testdata/mutations records one-line changes, each of which
// breaks one rule and must make the rule's named test fail. The rows that need
// one are drawn by a hash, so that a new row is drawn or not whatever else there
// is; more are welcome. The README there has the notation.

const (
	mutationFolder = "../testdata/mutations"
	scriptFolder   = "../testdata/scripts"
	mutationSeed   = "sockeye 1 "
)

// Of each kind of row, one in so many is drawn.
const (
	matrixShare = 8
	attackShare = 4
	scriptShare = 9
)

// A mutation is one recorded change.
type mutation struct {
	where    string // file and line of the record
	row      string
	pkg      string
	test     string
	file     string
	after    string // a line before the one to change; "": the line is the only one of its kind
	old, new string
}

func readMutations(t *testing.T) (all []mutation) {
	t.Helper()
	paths, err := filepath.Glob(mutationFolder + "/*.txt")
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, parseMutations(t, filepath.Base(path), string(text))...)
	}
	return all
}

func parseMutations(t *testing.T, name, text string) (all []mutation) {
	t.Helper()
	var m mutation
	for n, line := range strings.Split(text+"\n", "\n") {
		if line == "" {
			if m != (mutation{}) {
				require.NotContains(t, []string{m.row, m.pkg, m.test, m.file, m.old}, "", "%s is incomplete", m.where)
				all = append(all, m)
			}
			m = mutation{}
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch word {
		case "#":
		case "row":
			m.row, m.where = rest, fmt.Sprintf("%s:%d", name, n+1)
		case "test":
			m.pkg, m.test, _ = strings.Cut(rest, " ")
		case "file":
			m.file = rest
		case "after":
			m.after = rest
		case "-":
			m.old = rest
		case "+":
			m.new = rest
		default:
			require.Failf(t, "unknown word", "%s:%d: %s", name, n+1, line)
		}
	}
	return all
}

// apply returns the file's text with the change made.
func (m *mutation) apply() (string, error) {
	text, err := os.ReadFile(filepath.Join("..", m.file))
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	begun, at := m.after == "", -1
	for i, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case !begun:
			begun = strings.HasPrefix(line, m.after)
		case line != m.old:
		case at >= 0:
			return "", fmt.Errorf("%s: %s has %q twice: say what it comes after", m.where, m.file, m.old)
		default:
			at = i
			if m.after != "" {
				lines[at] = m.new
				return strings.Join(lines, "\n"), nil
			}
		}
	}
	if at < 0 {
		return "", fmt.Errorf("%s: %s no longer has %q: record another change", m.where, m.file, m.old)
	}
	lines[at] = m.new
	return strings.Join(lines, "\n"), nil
}

// run makes the change in an overlay, so that no file is touched, and reports
// whether the named test fails, with what go test printed.
func (m *mutation) run(ctx context.Context, folder string) (bites bool, output string, err error) {
	text, err := m.apply()
	if err != nil {
		return false, "", err
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return false, "", err
	}
	changed := filepath.Join(folder, "changed.go")
	overlay := filepath.Join(folder, "overlay.json")
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.file): changed}})
	if err != nil {
		return false, "", err
	}
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return false, "", err
	}
	if err := os.WriteFile(overlay, table, 0o600); err != nil {
		return false, "", err
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(m.test), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-timeout=30s", "-overlay", overlay, "-run", pattern, m.pkg)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	failed := cmd.Run() != nil
	output = out.String()
	switch {
	case strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]"):
		return false, output, fmt.Errorf("%s: the change does not compile", m.where)
	case strings.Contains(output, "[no tests to run]"):
		return false, output, fmt.Errorf("%s: there is no %s", m.where, m.test)
	}
	return failed && strings.Contains(output, m.test), output, nil
}

func drawn(row string, share uint64) bool {
	sum := sha256.Sum256([]byte(mutationSeed + row))
	return binary.BigEndian.Uint64(sum[:])%share == 0
}

// drawnRows returns the rows of the matrix, of the attacks and of the scripts
// that are proven by a test and drawn.
func drawnRows(t *testing.T) (rows []string) {
	t.Helper()
	add := func(row string, share uint64) {
		if drawn(row, share) {
			rows = append(rows, row)
		}
	}
	text, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	for _, r := range readMatrix(t, string(text)) {
		if r.status == "done" {
			add("matrix "+r.id, matrixShare)
		}
	}
	attacks := map[int]bool{}
	number := regexp.MustCompile(`^TestAttack_(\d+)_`)
	for name := range testNames(t) {
		if m := number.FindStringSubmatch(name); m != nil {
			n, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			if !attacks[n] {
				attacks[n] = true
				add("attack "+strconv.Itoa(n), attackShare)
			}
		}
	}
	require.NoError(t, filepath.WalkDir(scriptFolder, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(path, ".pkt"); ok {
			rel, err := filepath.Rel(scriptFolder, name)
			require.NoError(t, err)
			add("script "+filepath.ToSlash(rel), scriptShare)
		}
		return err
	}))
	return rows
}

// Every drawn row has its change, every change names the test of its row, and
// every change can still be made.
func TestMutationsAreRecorded(t *testing.T) {
	all := readMutations(t)
	recorded := map[string]bool{}
	tests := testNames(t)
	for _, m := range all {
		recorded[m.row] = true
		_, err := m.apply()
		if err != nil {
			t.Error(err)
		}
		name, _, _ := strings.Cut(m.test, "/")
		require.Contains(t, tests, name, m.where)
		kind, id, _ := strings.Cut(m.row, " ")
		switch kind {
		case "script":
			require.Equal(t, "TestScripts/"+id, m.test, m.where)
		case "attack":
			n, err := strconv.Atoi(id)
			require.NoError(t, err, m.where)
			require.Regexp(t, fmt.Sprintf(`^TestAttack_%02d_`, n), m.test, m.where)
		}
	}
	rows := drawnRows(t)
	require.GreaterOrEqual(t, len(rows), 60)
	for _, row := range rows {
		if !recorded[row] {
			t.Errorf("%s was drawn and has no change in %s", row, mutationFolder)
		}
	}
	t.Logf("%d changes, %d rows drawn", len(all), len(rows))
}

// TestMutationsBite makes a few of the changes, all with SOCKEYE_LONG=1, a
// share of them with SOCKEYE_MUTATIONS=i/n.
func TestMutationsBite(t *testing.T) {
	all := readMutations(t)
	part, parts := 0, len(all)/2
	if testing.Short() {
		parts = len(all)
	}
	if os.Getenv("SOCKEYE_LONG") != "" {
		parts = 1
	}
	if s := os.Getenv("SOCKEYE_MUTATIONS"); s != "" {
		_, err := fmt.Sscanf(s, "%d/%d", &part, &parts)
		require.NoError(t, err)
	}
	for i, m := range all {
		if i%parts != part {
			continue
		}
		t.Run(fmt.Sprintf("%s=%s", strings.ReplaceAll(m.row, "/", "."), m.where), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			bites, output, err := m.run(ctx, t.TempDir())
			require.NoError(t, err, output)
			require.True(t, bites, "%s: with\n\t%s\n%s passes all the same", m.where, m.new, m.test)
		})
	}
}
