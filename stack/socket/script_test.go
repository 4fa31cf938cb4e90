package socket_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The scripts of testdata/calls: sequences of calls with what Linux returned.
// testdata/calls/README.md tells the notation.

// A sequence is some calls on fresh sockets.
type sequence struct {
	name  string
	steps []step
}

// A step is one call and what is known of its result.
type step struct {
	call string // as written, words apart by one space
	want string // Linux's
	ours string // where it differs
	why  string // it does
}

const callsDir = "../../testdata/calls"

// scripts reads all files of sequences, by name of file.
func scripts(t testing.TB) map[string][]sequence {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(callsDir, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string][]sequence{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		seqs, err := parseScripts(string(text))
		require.NoError(t, err, f)
		all[filepath.Base(f)] = seqs
	}
	return all
}

// parseScripts reads one file.
func parseScripts(text string) (seqs []sequence, err error) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		name, isName := strings.CutPrefix(line, "== ")
		other, isOurs := strings.CutPrefix(line, "~ ")
		switch {
		case line == "":
		case isName:
			seqs = append(seqs, sequence{name: name})
		case len(seqs) == 0:
			return nil, fmt.Errorf("line %d: a call before the first ==", i+1)
		case isOurs:
			q := &seqs[len(seqs)-1]
			s := &q.steps[len(q.steps)-1]
			var found bool
			if s.ours, s.why, found = strings.Cut(other, ": "); !found {
				return nil, fmt.Errorf("line %d: a difference without its reason", i+1)
			}
		default:
			q := &seqs[len(seqs)-1]
			call, want, _ := strings.Cut(line, " = ")
			q.steps = append(q.steps, step{call: strings.Join(strings.Fields(call), " "), want: strings.TrimSpace(want)})
		}
	}
	return seqs, nil
}

// rewrite puts results into a file's text, in the order of its calls.
func rewrite(text string, results []string) string {
	const column = 56
	var b strings.Builder
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for _, line := range lines {
		bare, comment, has := strings.Cut(line, "#")
		bare = strings.TrimSpace(bare)
		if bare == "" || strings.HasPrefix(bare, "== ") || strings.HasPrefix(bare, "~ ") {
			b.WriteString(line + "\n")
			continue
		}
		call, _, _ := strings.Cut(bare, " = ")
		call = strings.TrimSpace(strings.TrimSuffix(call, " ="))
		fmt.Fprintf(&b, "%-*s = %s", column, call, results[0])
		if has {
			b.WriteString(" #" + comment)
		}
		b.WriteString("\n")
		results = results[1:]
	}
	return b.String()
}
