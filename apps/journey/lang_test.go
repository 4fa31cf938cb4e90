package journey

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
)

// texts reads the sources and returns every text that is told, with the place where it stands.
func texts(t *testing.T) map[string]string {
	all := map[string]string{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	more, err := filepath.Glob("../../cmd/sockeye/*.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	for _, path := range append(files, more...) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		require.NoError(t, err)
		note := func(e ast.Expr) {
			if s, ok := literal(e); ok && s != "" {
				all[s] = set.Position(e.Pos()).String()
			}
		}
		ours := filepath.Dir(path) == "."
		ast.Inspect(f, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				told(c, ours, note)
			}
			if fn, ok := n.(*ast.FuncDecl); ok && ours && slices.Contains([]string{"reason", "why", "infer", "rounds"}, fn.Name.Name) {
				ast.Inspect(fn, func(n ast.Node) bool {
					if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
						note(r.Results[0])
					}
					return true
				})
			}
			return true
		})
	}
	for why := trace.SendSYN; why <= trace.SendICMPError; why++ {
		all[why.String()] = "stack/trace"
	}
	for why := range cwndReasons {
		all[why.String()] = "stack/trace"
	}
	for _, m := range []map[string]string{schemes, nextSteps} {
		for _, s := range m {
			all[s] = "url.go"
		}
	}
	for _, s := range redirects {
		all[s] = "redirect.go"
	}
	for s, at := range urlErrors(t) {
		all[s] = at
	}
	for _, s := range pageTexts {
		all[s] = "page.go"
	}
	for _, s := range pageCounts {
		all["#"+s] = "page.go"
	}
	return all
}

// urlErrors are what apps/url has to say of a text that is no URL.
func urlErrors(t *testing.T) map[string]string {
	all := map[string]string{}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "../url/parse.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "bad" {
			if s, ok := literal(c.Args[1]); ok {
				all[s] = set.Position(c.Pos()).String()
			}
		}
		return true
	})
	require.Greater(t, len(all), 10)
	return all
}

// told notes the texts in a call's arguments.
func told(c *ast.CallExpr, ours bool, note func(ast.Expr)) {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		if id, ok := c.Fun.(*ast.Ident); ok && ours && id.Name == "row" && len(c.Args) > 0 {
			note(c.Args[0])
			if len(c.Args) == 4 {
				note(c.Args[3])
			}
		}
		return
	}
	at := map[string]int{"t": 0, "fact": 0, "part": 0, "said": 0, "addressFact": 0, "heading": 0, "Heading": 0, "n": 1}
	if !ours {
		at = map[string]int{"Heading": 0, "Say": 0, "Text": 1}
	}
	i, ok := at[sel.Sel.Name]
	if !ok || i >= len(c.Args) {
		return
	}
	if s, ok := literal(c.Args[i]); ok && sel.Sel.Name == "n" {
		note(&ast.BasicLit{Kind: token.STRING, Value: strconv.Quote("#" + s)})
		return
	}
	note(c.Args[i])
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// same are texts that are no words, or names that are the same in every language.
var same = regexp.MustCompile(`^([A-Z][A-Za-z0-9/, -]*|[^A-Za-z]*|cwnd|%s)$`)

// names are texts that same takes for names and that are words.
func isName(s string) bool {
	return same.MatchString(s) && (strings.ToUpper(s) == s || s == "IPv4" || s == "IPv4 headers")
}

// Every text that is told is in the table, with the same values in it.
func TestEveryTextIsInKorean(t *testing.T) {
	all := texts(t)
	require.Greater(t, len(all), 200)
	var missing []string
	for s := range all {
		if _, ok := korean[s]; !ok && !isName(s) && s != "%s" {
			missing = append(missing, strconv.Quote(s))
		}
	}
	slices.Sort(missing)
	if path := os.Getenv("SOCKEYE_MISSING_TEXTS"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(missing, "\n")), 0o644))
	}
	require.Empty(t, missing, "without Korean")
	var unused []string
	wrongURLs := urlErrors(t)
	verb := regexp.MustCompile(`%(\[\d\])?[a-z0-9.]*[a-z]|%%`)
	for english, other := range korean {
		if _, used := all[english]; !used && !usedByOthers[english] {
			unused = append(unused, english)
		}
		plain := func(s string) []string {
			v := verb.FindAllString(s, -1)
			for i := range v {
				v[i] = regexp.MustCompile(`\[\d\]`).ReplaceAllString(v[i], "")
			}
			slices.Sort(v)
			return v
		}
		if _, ofURL := wrongURLs[english]; ofURL {
			continue // no values are put into it: % is a URL's own
		}
		if strings.HasPrefix(english, "#") {
			english += "%s" // what is counted has its number
		}
		require.Equal(t, plain(english), plain(other), "%q and %q", english, other)
	}
	require.Empty(t, unused, "nobody says them")
}

// usedByOthers are texts that come from outside: names of sides, URL's errors.
var usedByOthers = map[string]bool{
	"the peer": true, "the kernel": true, "the other host": true, "our side": true, "we": true, "chunks, 1xx, again": true,
	"the system": true, "the file of --cacert": true, "two slashes must follow %s": true,
}

func TestLanguage(t *testing.T) {
	for locale, want := range map[string]string{"": "en", "C": "en", "ko_KR.UTF-8": "ko", "ko": "ko", "ko-KR": "ko", "KO_kr": "ko", "de_DE": "en", "kok_IN": "en"} {
		require.Equal(t, want, Language(locale), locale)
	}
}
