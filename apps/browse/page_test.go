package browse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/url"
)

func TestParts(t *testing.T) {
	at, err := url.Parse("http://www.sockeye.test/river/page.html")
	require.NoError(t, err)
	for _, row := range []struct {
		rule, page string
		want       []string
	}{
		{"images, relative to the page", `<img src=fish.png><IMG SRC="/a/b.gif"/>`, []string{"http://www.sockeye.test/river/fish.png", "http://www.sockeye.test/a/b.gif"}},
		{"style sheets and icons, no other links", `<link rel=stylesheet href=a.css><link rel="Shortcut Icon" href=i.ico><link rel=next href=2.html><link rel="alternate stylesheet" href=b.css>`,
			[]string{"http://www.sockeye.test/river/a.css", "http://www.sockeye.test/river/i.ico"}},
		{"each once, fragments aside", `<img src=a.png><img src=a.png#x>`, []string{"http://www.sockeye.test/river/a.png"}},
		{"base, the first one", `<base href="https://cdn.sockeye.test/x/"><base href=/y/><img src=a.png>`, []string{"https://cdn.sockeye.test/x/a.png"}},
		{"only http and https", `<img src="data:image/gif;base64,R0"><img src="file:///etc/passwd"><img src=ftp://a/b>`, nil},
		{"blanks and line ends", "<img src=' a b.png\n'><img src='\u00e9.png'>", []string{"http://www.sockeye.test/river/a%20b.png", "http://www.sockeye.test/river/%C3%A9.png"}},
		{"character references", `<img src="a.png?x=1&amp;y=2">`, []string{"http://www.sockeye.test/river/a.png?x=1&y=2"}},
		{"not in comments and scripts", `<!-- <img src=a.png> --><script>"<img src=b.png>"</script><img src=c.png>`, []string{"http://www.sockeye.test/river/c.png"}},
		{"cut short", `<img src=a.png><img src="b.pn`, []string{"http://www.sockeye.test/river/a.png"}},
		{"not too many", strings.Repeat(`<img src=a>`, 3) + func() string {
			var b strings.Builder
			for i := range 1000 {
				b.WriteString("<img src=" + strings.Repeat("x", i+1) + ">")
			}
			return b.String()
		}(), nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			var got []string
			for _, u := range Parts(strings.NewReader(row.page), at) {
				got = append(got, u.String())
			}
			if row.rule == "not too many" {
				require.Len(t, got, mostParts)
				return
			}
			require.Equal(t, row.want, got)
		})
	}
}

func FuzzParts(f *testing.F) {
	f.Add("<base href=x><img src=//a><link rel=icon href=:>")
	f.Fuzz(func(t *testing.T, page string) {
		at, err := url.Parse("http://a.test/")
		require.NoError(t, err)
		for _, u := range Parts(strings.NewReader(page), at) {
			_, err := url.Parse(u.String())
			require.NoError(t, err, "what is fetched is a URL")
		}
	})
}
