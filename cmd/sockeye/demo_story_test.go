package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

var updateStories = flag.Bool("update-stories", false, "write what the demos tell anew, into testdata/demos")

// What each demo tells, in both languages: its chapters, its sentences and its facts, word by word. Packets, calls and
// numbers are left out: they are held by showSays and demoSays.
func TestDemosTell(t *testing.T) {
	warmSignals(t)
	for _, s := range shows() {
		for _, lang := range []string{"en", "ko"} {
			name := s.name
			if name == "" {
				name = "page"
			}
			t.Run(name+" in "+lang, func(t *testing.T) {
				var got string
				synctest.Test(t, func(t *testing.T) {
					args := []string{"demo", "--link", "pipe", "--lang", lang}
					if s.name != "" {
						args = append(args, s.name)
					}
					out, errs, code := try(args...)
					require.Zero(t, code, errs)
					got = story(out)
					if s.secrets { // with TLS both sides close, and which of them is first is a matter of luck
						got = storyClosing.ReplaceAllString(got, "")
					}
				})
				path := filepath.Join("testdata", "demos", name+"."+lang+".txt")
				if *updateStories {
					require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
					require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, string(want), got)
			})
		}
	}
}

var (
	storyTitle   = regexp.MustCompile(`^\d+  (.*?) -+$`)
	storyBegins  = regexp.MustCompile(`^ {3}[^ <>]`)
	storyGoesOn  = regexp.MustCompile(`^ {18,}[^ ]`)
	storyPacket  = regexp.MustCompile(`^ +\d+\.\d{3} ms  `)        // or a call, or a frame
	storyName    = regexp.MustCompile(`(?i)\b[a-z0-9.-]+\.test\.`) // in the random letter case of a question
	storyClosing = regexp.MustCompile(`(?m)^   (who first|our states|theirs|segments|TIME-WAIT|먼저 닫은 쪽|우리 상태|상대 상태|세그먼트) .*\n`)
	storyNumber  = regexp.MustCompile(`RFC \d+( \d+(\.\d+)*)?|0x[0-9a-f]+|[A-Za-z0-9+/]{22,}={1,2}|[\d,.]*\d`)
)

// story is the chapters, paragraphs and facts of what was told, each a line.
func story(text string) string {
	var all []string
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		switch title := storyTitle.FindStringSubmatch(line); {
		case title != nil:
			all = append(all, "", title[1])
			inside = false
		case storyGoesOn.MatchString(line) && inside && len(all) > 0:
			all[len(all)-1] += " " + strings.TrimSpace(line)
		case !storyBegins.MatchString(line) || storyPacket.MatchString(line):
			inside = false
		case inside && !strings.Contains(strings.TrimSpace(line), "  ") && !strings.Contains(strings.TrimSpace(all[len(all)-1]), "  "):
			all[len(all)-1] += " " + strings.TrimSpace(line) // a paragraph
		default:
			all = append(all, "   "+strings.TrimSpace(line))
			inside = true
		}
	}
	for i := range all {
		if strings.HasPrefix(all[i], "   ") {
			all[i] = "   " + strings.Join(strings.Fields(all[i]), " ")
			all[i] = storyName.ReplaceAllStringFunc(all[i], strings.ToLower)
			all[i] = storyNumber.ReplaceAllStringFunc(all[i], func(n string) string {
				if strings.HasPrefix(n, "RFC") {
					return n
				}
				return "#"
			})
		}
	}
	const request = "   # GET /" // of streams: two go out at once, in any order
	for i := 1; i < len(all); i++ {
		for at := i; at > 0 && strings.HasPrefix(all[at-1], request) && strings.HasPrefix(all[at], request) && all[at] < all[at-1]; at-- {
			all[at], all[at-1] = all[at-1], all[at]
		}
	}
	return strings.Join(all, "\n") + "\n"
}
