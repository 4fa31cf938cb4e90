//go:build !js

package stack_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test holds the list of attacks against the tests that there are: what it
// calls done must be there, and nothing there may be missing in it.

const attacksFile = "../testdata/attacks.md"

// An attack is a row of the list.
type attack struct {
	number               int
	level, rule, correct string
	tests                []string // without their prefix
	status               string
}

// readAttacks returns the rows in order.
func readAttacks(t *testing.T, text string) (rows []attack) {
	t.Helper()
	for n, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| #") || strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		require.Len(t, cells, 6, "line %d", n+1)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		number, err := strconv.Atoi(cells[0])
		require.NoError(t, err, "line %d", n+1)
		a := attack{number: number, level: cells[1], rule: cells[2], correct: cells[3], status: cells[5]}
		if cells[4] != "-" {
			a.tests = strings.Split(cells[4], ", ")
		}
		rows = append(rows, a)
	}
	return rows
}

var attackTest = regexp.MustCompile(`^TestAttack_(\d\d)_([A-Z]\w*)$`)

// prefix is how the names of a's tests begin.
func (a *attack) prefix() string {
	two := "0" + strconv.Itoa(a.number)
	return "TestAttack_" + two[len(two)-2:] + "_"
}

// required reports whether a has to be survived by now.
func (a *attack) required() bool { return a.number <= 63 || a.number >= 75 }

var later = regexp.MustCompile(`^later #\d+$`)

// faults returns what is wrong with a row, given the tests that there are.
func (a *attack) faults(tests map[string]string, strict bool) (all []string) {
	fault := func(when bool, what string) {
		if when {
			all = append(all, what)
		}
	}
	fault(a.level != "M" && a.level != "S", "has no level")
	fault(a.rule == "" || a.correct == "", "does not say what is right")
	named := map[string]bool{}
	for _, name := range a.tests {
		name = a.prefix() + name
		named[name] = true
		_, exists := tests[name]
		fault(!exists, "names "+name+", which is not there")
	}
	switch {
	case a.status == "done":
		fault(len(a.tests) == 0, "is done, but names no test")
	case later.MatchString(a.status):
		fault(strict && a.required(), "is not done")
		fault(len(a.tests) > 0, "is for later, but names tests")
	default:
		fault(true, "has the unknown status "+a.status)
	}
	for name := range tests {
		fault(strict && strings.HasPrefix(name, a.prefix()) && !named[name], "does not name "+name)
	}
	return all
}

func TestAttackList(t *testing.T) {
	text, err := os.ReadFile(attacksFile)
	require.NoError(t, err)
	tests := testNames(t)
	count := map[string]int{}
	for i, a := range readAttacks(t, string(text)) {
		require.Equal(t, i+1, a.number, "rows are in order, and none is missing")
		for _, fault := range a.faults(tests, true) {
			t.Errorf("%d %s", a.number, fault)
		}
		count[a.status]++
		count["all"]++
	}
	require.Equal(t, 79, count["all"])
	t.Log(count)
	for name, path := range tests {
		if strings.HasPrefix(name, "TestAttack_") {
			require.Regexp(t, attackTest, name, path)
		}
	}
}

// The checker itself: each fault is found.
func TestAttackFaults(t *testing.T) {
	tests := map[string]string{"TestAttack_05_Known": "", "TestAttack_60_Known": "", "TestAttack_60_More": ""}
	for _, c := range []struct {
		row    string
		strict bool
		want   string // "": none
	}{
		{"5 | M | a | b | Known | done", true, ""},
		{"5 | M | a | b | Known, Other | done", true, "names TestAttack_05_Other, which is not there"},
		{"5 | M | a | b | - | done", false, "is done, but names no test"},
		{"5 | M | a | b | - | done", true, "is done, but names no test; does not name TestAttack_05_Known"},
		{"5 | M | a | b | - | later #3", false, ""},
		{"6 | M | a | b | - | later #3", true, "is not done"},
		{"5 | M | a | b | Known | later #3", false, "is for later, but names tests"},
		{"71 | M | a | b | - | later #6", true, ""},
		{"61 | M | a | b | - | later #6", true, "is not done"},
		{"60 | M | a | b | Known | done", true, "does not name TestAttack_60_More"},
		{"60 | M | a | b | Known | done", false, ""},
		{"5 | X | a | b | Known | done", true, "has no level"},
		{"5 | M | a | | Known | done", true, "does not say what is right"},
		{"5 | M | a | b | Known | later", true, "has the unknown status later"},
		{"5 | M | a | b | Known | perhaps", true, "has the unknown status perhaps"},
	} {
		rows := readAttacks(t, "| # | P | x | x | x | x |\n|---|\n| "+c.row+" |\n")
		require.Len(t, rows, 1, c.row)
		require.Equal(t, c.want, strings.Join(rows[0].faults(tests, c.strict), "; "), c.row)
	}
}
