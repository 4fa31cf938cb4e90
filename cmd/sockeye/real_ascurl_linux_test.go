package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireAsCurl runs curl and get with the same arguments, DIR filled in: what they print, what they write, and how
// they end.
func requireAsCurl(t *testing.T, w *world, args []string, code int) {
	t.Helper()
	requireAskedAsCurl(t, w, args, code, func() string { return "" })
}

// requireAskedAsCurl compares what the server was asked meanwhile, too.
func requireAskedAsCurl(t *testing.T, w *world, args []string, code int, asked func() string) {
	t.Helper()
	type result struct {
		Out, Asked, File string
		Code             int
	}
	run := func(who string) result {
		dir := filepath.Join(w.dir, who)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		args := slices.Clone(args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "DIR", dir)
		}
		var p *process
		if who == "curl" {
			if slices.Contains(args, "-x") {
				args = append(args, "--noproxy", "") // which curl() has set
			}
			p = w.run(curl(t, args...))
		} else {
			p = w.run(sockeye(on(append([]string{"get"}, args...)...)...))
		}
		if p.code == 0 {
			require.Empty(t, p.stderr())
		} else {
			require.NotEmpty(t, p.stderr())
		}
		page, _ := os.ReadFile(filepath.Join(dir, "page"))
		return result{strings.ReplaceAll(p.stdout(), dir, "DIR"), asked(), string(page), p.code}
	}
	want, got := run("curl"), run("sockeye")
	require.Equal(t, code, want.Code, "curl itself: %.200s", want.Out)
	for _, r := range []*result{&want, &got} { // of what is long a few bytes, and its sum
		if len(r.File) > 2000 {
			r.File = fmt.Sprintf("%.100s... %.100s: %d bytes, %s", r.File, r.File[len(r.File)-100:], len(r.File), sum([]byte(r.File)))
		}
	}
	require.Equal(t, want, got)
}
