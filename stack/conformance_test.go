//go:build !js

package stack_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test holds the conformance matrix against the tests that there are:
// what it calls done must be there, and nothing there may be missing in it.

const matrixFile = "../testdata/conformance.md"

// matrixParts says how the tests of each part of the matrix begin. Each row up
// to strict has a test or a decision; 0: all.
var matrixParts = map[string]struct {
	prefix string
	strict int
}{
	"A":  {"TestReq9293_", 0},
	"A2": {"TestReqX_", 0},
	"B":  {"TestReq1122_", 0},
	"C":  {"TestReqC_", 50},
}

// mostDeviations is how many rows may deviate that are not of the scope dev.
const mostDeviations = 5

// strict reports whether the row may not be for later.
func (r *requirement) strict() bool {
	_, digits, _ := strings.Cut(r.id, "-")
	n, _ := strconv.Atoi(digits)
	most := matrixParts[r.part].strict
	return most == 0 || n <= most
}

// A requirement is a row of the matrix. Part C has no scope: there it is y.
type requirement struct {
	part, id, scope, test, status, decision string
}

// readMatrix returns the rows of all parts in order.
func readMatrix(t *testing.T, text string) (rows []requirement) {
	t.Helper()
	var part string
	columns := map[string]int{}
	heading := regexp.MustCompile(`^## (\w+)\. `)
	for n, line := range strings.Split(text, "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			part = m[1]
			clear(columns)
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] == "ID" {
			for i, name := range cells {
				columns[name] = i
			}
			continue
		}
		require.Len(t, cells, len(columns), "line %d", n+1)
		r := requirement{part: part, id: cells[0], scope: "y", test: cells[columns["Named test"]],
			status: cells[columns["Status"]], decision: cells[columns["Decision"]]}
		if i, ok := columns["Scope"]; ok {
			r.scope = cells[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// testNames returns the test functions of the whole module and where they are.
func testNames(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = path
			}
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// faults returns what is wrong with a row, given the tests that there are.
func (r *requirement) faults(tests map[string]string) (all []string) {
	part, known := matrixParts[r.part]
	if !known {
		return []string{"no such part"}
	}
	name := part.prefix + r.test
	_, exists := tests[name]
	fault := func(when bool, what string) {
		if when {
			all = append(all, what)
		}
	}
	switch r.status {
	case "done":
		fault(!exists, "is done, but there is no "+name)
	case "later":
		fault(r.strict(), "is not done")
	case "none":
		fault(r.decision == "", "has no test and does not say why")
	default:
		fault(true, "has the unknown status "+r.status)
	}
	switch r.scope {
	case "y", "api", "opt":
	case "dev":
		fault(r.decision == "", "deviates and does not say why")
	case "n/a":
		fault(r.status != "none", "has no object but a test")
	default:
		fault(true, "has the unknown scope "+r.scope)
	}
	fault(r.strict() && r.status == "none" && exists, "is tested by "+name+" and does not say so")
	return all
}

func TestConformanceMatrix(t *testing.T) {
	text, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	rows, tests := readMatrix(t, string(text)), testNames(t)
	seen, named := map[string]bool{}, map[string]bool{}
	count := map[string]map[string]int{}
	var deviations []string // beyond those that were foreseen
	for _, r := range rows {
		if seen[r.id] {
			t.Errorf("%s is there twice", r.id)
		}
		seen[r.id] = true
		named[matrixParts[r.part].prefix+r.test] = true
		for _, fault := range r.faults(tests) {
			t.Errorf("%s %s", r.id, fault)
		}
		if r.scope != "dev" && strings.HasPrefix(r.decision, "Deviation") {
			deviations = append(deviations, r.id)
		}
		if count[r.part] == nil {
			count[r.part] = map[string]int{}
		}
		count[r.part][r.status]++
	}
	for part, want := range map[string]int{"A": 119, "A2": 27, "B": 95, "C": 50} {
		n := 0
		for _, of := range count[part] {
			n += of
		}
		require.Equal(t, want, n, "rows of part %s", part)
		t.Logf("part %s: %v", part, count[part])
	}
	require.LessOrEqual(t, len(deviations), mostDeviations, "%v", deviations)
	for name, path := range tests {
		if strings.HasPrefix(name, "TestReq") && !named[name] {
			t.Errorf("%s in %s has no row", name, path)
		}
	}
}

// The checker itself: each fault is found.
func TestConformanceFaults(t *testing.T) {
	tests := map[string]string{"TestReq1122_Known": "", "TestReq9293_Known": ""}
	for _, c := range []struct {
		row  string
		want string // "": none
	}{
		{"B | y | Known | done | ", ""},
		{"B | y | Unknown | done | ", "is done, but there is no TestReq1122_Unknown"},
		{"B | y | Unknown | later | ", "is not done"},
		{"A | y | Unknown | later | ", "is not done"},
		{"A2 | y | Unknown | later | ", "is not done"},
		{"C | y | Unknown | later | ", "is not done"},
		{"A | y | Unknown | done | ", "is done, but there is no TestReq9293_Unknown"},
		{"B | api | Unknown | none | because", ""},
		{"B | api | Unknown | none | ", "has no test and does not say why"},
		{"B | api | Known | none | because", "is tested by TestReq1122_Known and does not say so"},
		{"B | dev | Known | done | ", "deviates and does not say why"},
		{"B | n/a | - | none | because", ""},
		{"B | n/a | Known | done | ", "has no object but a test"},
		{"B | x | Known | done | ", "has the unknown scope x"},
		{"B | y | Known | maybe | ", "has the unknown status maybe"},
		{"D | y | Known | done | ", "no such part"},
	} {
		part, cells, _ := strings.Cut(c.row, " | ")
		rows := readMatrix(t, "## "+part+". Title\n| ID | Scope | Named test | Status | Decision |\n|---|\n| 1 | "+cells+" |\n")
		require.Len(t, rows, 1, c.row)
		require.Equal(t, c.want, strings.Join(rows[0].faults(tests), "; "), c.row)
	}
	for id, want := range map[string]bool{"C-1": true, "C-31": true, "C-50": true, "C-51": false} {
		require.Equal(t, want, (&requirement{part: "C", id: id}).strict(), id)
	}
	require.True(t, (&requirement{part: "A", id: "MUST-69"}).strict())
}
