package oracle

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/script"
)

var update = flag.Bool("update", false, "rewrite the outcomes in testdata/oracle; the reasons stay")

const (
	scriptDir  = "../../testdata/scripts"
	scriptList = "../../testdata/oracle/scripts.txt"
)

// A verdict is what the list says of a script.
type verdict struct {
	name    string
	outcome string // same, differs or not run
	at      string // of one that differs: the line and what was seen there
	why     string // of one that differs: the reason, given by hand
}

func (v verdict) String() string {
	text := v.name + ": " + v.outcome + "\n"
	if v.at != "" {
		text += "\tat: " + v.at + "\n"
	}
	if v.outcome == "differs" {
		text += "\twhy: " + v.why + "\n"
	}
	return text
}

const listHead = `# The packet scripts of testdata/scripts on gVisor's stack, for stack/oracle's
# TestScriptsOnGvisor. Of each script: same; or differs, at which line, and why: who is
# right, by which line of which RFC; or not run, since gVisor lacks something.
# What a stack may do by taste does not count (stack/script, RunOn).
# After a change: go test ./stack/oracle -run TestScriptsOnGvisor -update
# rewrites everything but the reasons; then write the new reasons.

`

// TestScriptsOnGvisor runs every script on gVisor's stack and holds what comes
// of it against the list, which says why where it differs.
func TestScriptsOnGvisor(t *testing.T) {
	listed := readVerdicts(t)
	var got []verdict
	for _, name := range scriptNames(t) {
		v := judgeScript(name)
		v.why = listed[name].why
		if v.outcome != "differs" {
			v.why = ""
		}
		got = append(got, v)
	}
	if *update {
		writeVerdicts(t, got)
	}
	citesRFC := regexp.MustCompile(`RFC \d+`)
	for _, v := range got {
		want, ok := listed[v.name]
		delete(listed, v.name)
		switch {
		case *update:
		case !ok:
			t.Errorf("%s is not in the list; run with -update and say why it differs. On gVisor it is:\n%s", v.name, v)
		default:
			assert.Equal(t, want.String(), v.String(), "the list is stale; run with -update and look at the reason")
		}
		if v.outcome == "differs" {
			assert.Regexp(t, citesRFC, v.why, "%s differs at %s: the list has to say why, and which RFC says who is right", v.name, v.at)
		}
	}
	if !*update {
		assert.Empty(t, listed, "scripts in the list that there are not")
	}
}

// judgeScript runs a script on gVisor.
func judgeScript(name string) verdict {
	stage := script.Stage{
		Open: func(c host.Config, f link.Features) (script.Target, error) {
			n, err := newNetstack(c, f)
			if err != nil {
				return nil, err
			}
			return n, nil
		},
		Shows: func(field string) bool { return shown[field] },
	}
	err := script.RunOn(stage, filepath.Join(scriptDir, filepath.FromSlash(name)+".pkt"))
	var lacks script.Lacks
	var failure *script.Failure
	switch {
	case err == nil:
		return verdict{name: name, outcome: "same"}
	case errors.As(err, &lacks):
		return verdict{name: name, outcome: "not run: gVisor lacks " + string(lacks)}
	case errors.As(err, &failure):
		if *update && testing.Verbose() {
			fmt.Println(failure)
		}
		return verdict{name: name, outcome: "differs", at: briefly(failure)}
	}
	return verdict{name: name, outcome: "differs", at: err.Error()}
}

var spaces = regexp.MustCompile(`\s+`)

// briefly is a failure on one line: the script's line, and what came instead.
func briefly(f *script.Failure) string {
	lines := strings.Split(f.Err.Error(), "\n")
	text := spaces.ReplaceAllString(f.Event, " ") + " -- " + lines[0]
	for _, l := range lines[1:] {
		if actual, ok := strings.CutPrefix(strings.TrimSpace(l), "actual:"); ok && !strings.HasPrefix(lines[0], "another packet") {
			text += ":" + spaces.ReplaceAllString(actual, " ")
		}
	}
	return text
}

func scriptNames(t *testing.T) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(scriptDir, func(path string, _ fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(path, ".pkt"); ok {
			name, err = filepath.Rel(scriptDir, name)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	require.NotEmpty(t, names)
	slices.Sort(names)
	return names
}

// readVerdicts reads the list.
func readVerdicts(t *testing.T) map[string]verdict {
	t.Helper()
	list := map[string]verdict{}
	f, err := os.Open(scriptList)
	if errors.Is(err, fs.ErrNotExist) && *update {
		return list
	}
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	name := ""
	for lines.Scan() {
		line := lines.Text()
		v := list[name]
		if at, ok := strings.CutPrefix(line, "\tat: "); ok {
			v.at = at
		} else if why, ok := strings.CutPrefix(line, "\twhy: "); ok {
			v.why = why
		} else if n, outcome, ok := strings.Cut(line, ": "); ok && !strings.HasPrefix(line, "#") {
			require.NotContains(t, list, n, "twice in the list")
			name, v = n, verdict{name: n, outcome: outcome}
		} else {
			continue
		}
		list[name] = v
	}
	require.NoError(t, lines.Err())
	return list
}

func writeVerdicts(t *testing.T, list []verdict) {
	t.Helper()
	text := listHead
	for _, v := range list {
		text += v.String()
	}
	require.NoError(t, os.WriteFile(scriptList, []byte(text), 0o644))
}
