package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// subcommand is one of ours.
func subcommand(t *testing.T, name string) *cobra.Command {
	t.Helper()
	cmd, _, err := (&program{}).root().Find([]string{name})
	require.NoError(t, err)
	cmd.InitDefaultHelpFlag()
	return cmd
}

// A claim is a row of testdata/curl-and-dig.md.
type claim struct{ ours, why string }

func readClaims(t *testing.T) map[string]map[string]claim {
	t.Helper()
	text, err := os.ReadFile("../../testdata/curl-and-dig.md")
	require.NoError(t, err)
	all, of := map[string]map[string]claim{}, ""
	for line := range strings.Lines(string(text)) {
		if h, ok := strings.CutPrefix(line, "## "); ok {
			of = strings.TrimSpace(h)
			all[of] = map[string]claim{}
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], " option") || strings.HasPrefix(cells[1], " ---") {
			continue
		}
		c := claim{strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])}
		require.Contains(t, []string{"yes", "anyway", "otherwise", "no"}, c.ours, line)
		require.Equal(t, c.ours == "yes", c.why == "", "a reason is for what we do not have: %s", line)
		require.NotContains(t, all[of], strings.TrimSpace(cells[1]))
		all[of][strings.TrimSpace(cells[1])] = c
	}
	return all
}

// helpOf is what a program says of itself.
func helpOf(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, _ := exec.Command(programPath(t, name), args...).CombinedOutput() // dig -h ends with 10
	return string(out)
}

// The list of what curl and dig do that ours do not names each of their options, and says the truth of ours.
func TestCurlAndDig(t *testing.T) {
	claims := readClaims(t)
	t.Run("curl", func(t *testing.T) {
		get := subcommand(t, "get")
		all := regexp.MustCompile(`(?m)^ *((?:-\S, )?--\S+)`).FindAllStringSubmatch(helpOf(t, "curl", "--help", "all"), -1)
		require.Greater(t, len(all), 200)
		for _, m := range all {
			require.Contains(t, claims["curl"], m[1], "curl has it, and the list does not")
		}
		for option, c := range claims["curl"] {
			letter, name, ok := strings.Cut(option, ", ")
			if !ok {
				letter, name = "", option
			}
			flag := get.Flags().Lookup(strings.TrimPrefix(name, "--"))
			require.Equal(t, c.ours == "yes", flag != nil, option)
			if flag != nil {
				require.Equal(t, strings.TrimPrefix(letter, "-"), flag.Shorthand, option)
			} else if letter != "" {
				require.Nil(t, get.Flags().ShorthandLookup(letter[1:]), "%s means something else here", option)
			}
		}
	})
	t.Run("dig", func(t *testing.T) {
		dig := subcommand(t, "dig")
		help := helpOf(t, "dig", "-h")
		all := regexp.MustCompile(`(?m)^ +(\+(?:\[no\])?[a-z0-9-]+|-[a-zA-Z0-9])\b`).FindAllStringSubmatch(help, -1)
		require.Greater(t, len(all), 80)
		for _, m := range all {
			if option := strings.Replace(m[1], "[no]", "", 1); option != "+dnssec" || claims["dig"]["+dnssec"].ours == "" {
				require.Contains(t, claims["dig"], option, "dig has it, and the list does not")
			}
		}
		for option, c := range claims["dig"] {
			word, plus := strings.CutPrefix(option, "+")
			if !plus {
				require.Equal(t, c.ours == "yes" || c.ours == "otherwise", dig.Flags().ShorthandLookup(option[1:]) != nil, option)
				continue
			}
			known := false
			for _, form := range []string{word, word + "=1", word + "=0", word + "=x.test"} {
				known = known || (&digOptions{}).set(form) == nil
			}
			require.Equal(t, c.ours == "yes", known, option)
		}
	})
}
