//go:build !js

package stack_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This test holds what imports do not show: the core asks nobody what time it
// is, draws no chance but from a seed, starts no goroutine, and keeps no
// mutable state in a package.

// coreMayUse lists, for some packages, the only things the core may use of
// them; for others everything but coreMayNotUse.
var coreMayUse = map[string][]string{
	"math/rand/v2": {"PCG", "NewPCG", "ChaCha8", "NewChaCha8", "Rand", "New", "Source"},
	"unsafe":       {"Sizeof"},
}

var coreMayNotUse = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick",
		"NewTimer", "NewTicker", "Timer", "Ticker", "Local", "LoadLocation"},
}

// A source checks the files of one core package.
type source struct {
	fset   *token.FileSet
	info   *types.Info
	pkg    *types.Package
	broken []string
}

func (s *source) fail(at ast.Node, format string, args ...any) {
	p := s.fset.Position(at.Pos())
	s.broken = append(s.broken, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

// hollow imports every package without its contents: names are resolved, types
// of other packages are not. That is enough here, and needs no build.
type hollow struct{}

func (hollow) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	name := filepath.Base(path)
	if name == "v2" {
		name = filepath.Base(filepath.Dir(path))
	}
	p := types.NewPackage(path, name)
	p.MarkComplete()
	return p, nil
}

// checkSource returns the breaches in the files of one package.
func checkSource(fset *token.FileSet, files []*ast.File) []string {
	s := &source{fset: fset, info: &types.Info{
		Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{},
	}}
	cfg := types.Config{Importer: hollow{}, Error: func(error) {}, DisableUnusedImportCheck: true}
	s.pkg, _ = cfg.Check(files[0].Name.Name, fset, files, s.info) // errors: what hollow leaves out
	for _, f := range files {
		s.declarations(f)
		ast.Inspect(f, s.inspect)
	}
	return s.broken
}

// declarations checks the package-level variables: each is a table or an
// immutable value, complete where it is declared.
func (s *source) declarations(f *ast.File) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			s.fail(fn, "func init: a package has no state to set up")
		}
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				if name.Name == "_" {
					continue // an assertion for the compiler
				}
				if len(v.Values) != len(v.Names) || !s.constant(v.Values[i]) {
					s.fail(name, "package-level variable %s is no table, error or immutable value", name.Name)
				}
			}
		}
	}
}

// constant reports whether e is a table (array, slice or map literal),
// errors.New, or a value of net/netip, which are immutable.
func (s *source) constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		switch e.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			return true
		}
	case *ast.CallExpr:
		path, name := s.selected(e.Fun)
		return path == "errors" && name == "New" || path == "net/netip"
	}
	return false
}

// selected returns what e selects from which imported package.
func (s *source) selected(e ast.Expr) (path, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	if p, ok := s.info.Uses[id].(*types.PkgName); ok {
		return p.Imported().Path(), sel.Sel.Name
	}
	return "", ""
}

func (s *source) inspect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		s.fail(n, "go statement")
	case *ast.ChanType:
		s.fail(n, "channel")
	case *ast.SelectorExpr:
		path, name := s.selected(n)
		if only, ok := coreMayUse[path]; ok && !slices.Contains(only, name) || slices.Contains(coreMayNotUse[path], name) {
			s.fail(n, "%s.%s", path, name)
		}
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			s.written(e)
		}
	case *ast.IncDecStmt:
		s.written(n.X)
	case *ast.RangeStmt:
		s.written(n.Key)
		s.written(n.Value)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			s.written(n.X) // who has the address may write
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 &&
			slices.Contains([]string{"clear", "copy", "delete"}, id.Name) {
			s.written(n.Args[0])
		}
	}
	return true
}

// written fails where e, which is written to, is part of a package-level variable.
func (s *source) written(e ast.Expr) {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.Ident:
			v, ok := s.info.Uses[x].(*types.Var)
			if ok && v.Parent() == s.pkg.Scope() {
				s.fail(x, "package-level variable %s is written to", x.Name)
			}
			return
		default:
			return
		}
	}
}

// coreFiles parses every file of a core package but its tests, whatever its build tags say.
func coreFiles(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, f)
	}
	return fset, files
}

func TestCoreSource(t *testing.T) {
	for room, floor := range floors {
		if floor > topCoreFloor {
			continue
		}
		dir := filepath.Join("..", filepath.FromSlash(room))
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			continue // not built yet
		}
		t.Run(room, func(t *testing.T) {
			fset, files := coreFiles(t, dir)
			if len(files) > 0 {
				require.Empty(t, checkSource(fset, files))
			}
		})
	}
}

// The checker itself.
func TestCoreSourceRulesAreKept(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      string // "": allowed
	}{
		{"durations", `import "time"; const d = 3 * time.Second`, ""},
		{"the clock", `import "time"; func f() int64 { return time.Now().UnixNano() }`, "time.Now"},
		{"the clock under another name", `import t "time"; var _ = t.Since`, "time.Since"},
		{"a method of that name", `type k struct{}; func (k) Now() {}; func f(time k) { time.Now() }`, ""},
		{"a timer", `import "time"; type c struct{ t *time.Timer }`, "time.Timer"},
		{"a goroutine", `func f() { go f() }`, "go statement"},
		{"a channel", `type c struct{ wake chan int }`, "channel"},
		{"chance from a seed", `import "math/rand/v2"; func f() uint64 { return rand.NewPCG(1, 2).Uint64() }`, ""},
		{"chance from the process", `import "math/rand/v2"; func f() uint64 { return rand.Uint64() }`, "math/rand/v2.Uint64"},
		{"sizes", `import "unsafe"; const n = unsafe.Sizeof(0)`, ""},
		{"pointers", `import "unsafe"; func f(p *int) unsafe.Pointer { return unsafe.Pointer(p) }`, "unsafe.Pointer"},
		{"an error", `import "errors"; var ErrFull = errors.New("full")`, ""},
		{"a table", `var names = [...]string{"a"}; func f(i int) string { return names[i] }`, ""},
		{"an address", `import "net/netip"; var any4 = netip.AddrFrom4([4]byte{})`, ""},
		{"an assertion", `type c struct{}; var _ interface{} = (*c)(nil)`, ""},
		{"a counter", `var n int; func f() { n++ }`, "variable n is no table"},
		{"a struct", `type c struct{ n int }; var state = c{}`, "variable state is no table"},
		{"a pointer", `var state = &struct{ n int }{}`, "variable state is no table"},
		{"a pool", `import "sync"; var pool sync.Pool`, "variable pool is no table"},
		{"a table that is written to", `var names = []string{"a"}; func f() { names[0] = "b" }`, "names is written to"},
		{"a table that grows", `var m = map[int]int{}; func f() { delete(m, 1) }`, "m is written to"},
		{"a table lent for writing", `var t = [2]int{}; func f() *int { return &t[1] }`, "t is written to"},
		{"a local of the same name", `var t = [2]int{}; func f() { t := 1; t++ }`, ""},
		{"func init", `func init() {}`, "func init"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "room.go", "package room\n"+strings.ReplaceAll(c.src, "; ", "\n"), parser.SkipObjectResolution)
			require.NoError(t, err)
			got := strings.Join(checkSource(fset, []*ast.File{f}), "\n")
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
}
