package browse

import (
	"bytes"
	"fmt"
	nethttp "net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/publicsuffix"
	"pgregory.net/rapid"

	"github.com/sockeye-net/sockeye/apps/url"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, s string) *url.URL {
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

// What a server sets goes back to it, and to nobody else (RFC 6265 5).
func TestReqC_HTTPCookies(t *testing.T) {
	for _, row := range []struct{ name, from, set, to, want string }{
		{"the same host", "http://a.test/", "x=1", "http://a.test/y", "x=1"},
		{"5.2: quotes are a part of the value", "http://a.test/", `x="a b"`, "http://a.test/y", `x="a b"`},
		{"5.3: without Domain only that host", "http://a.test/", "x=1", "http://b.a.test/", ""},
		{"5.1.3: with Domain those below it too", "http://b.a.test/", "x=1; Domain=a.test", "http://c.a.test/", "x=1"},
		{"5.2.3: a leading dot says nothing", "http://b.a.test/", "x=1; Domain=.A.test", "http://a.test/", "x=1"},
		{"5.3: not for another's domain", "http://a.test/", "x=1; Domain=b.test", "http://b.test/", ""},
		{"5.3: not for a part of a label", "http://evila.test/", "x=1; Domain=a.test", "http://a.test/", ""},
		{"5.3 step 5: not for a public suffix", "http://a.co.uk/", "x=1; Domain=co.uk", "http://b.co.uk/", ""},
		{"5.3 step 5: a public suffix may have its own", "http://github.io/", "x=1; Domain=github.io", "http://a.github.io/", ""},
		{"5.1.3: an address has nothing below it", "http://1.2.3.4/", "x=1; Domain=3.4", "http://1.2.3.4/", ""},
		{"5.1.3: an address itself", "http://1.2.3.4/", "x=1; Domain=1.2.3.4", "http://1.2.3.4/", "x=1"},
		{"5.1.4: the directory by default", "http://a.test/dir/file", "x=1", "http://a.test/other", ""},
		{"5.1.4: below the directory", "http://a.test/dir/file", "x=1", "http://a.test/dir/sub/y", "x=1"},
		{"5.1.4: whole parts of a path", "http://a.test/", "x=1; Path=/dir", "http://a.test/directory", ""},
		{"5.1.4: the path itself", "http://a.test/", "x=1; Path=/dir", "http://a.test/dir", "x=1"},
		{"5.2.4: a path that is none", "http://a.test/d/e", "x=1; Path=f", "http://a.test/d/g", "x=1"},
		{"5.2.5: Secure over https only", "https://a.test/", "x=1; Secure", "http://a.test/", ""},
		{"5.2.5: Secure over https", "https://a.test/", "x=1; Secure", "https://a.test/", "x=1"},
		{"6265bis: http sets nothing Secure", "http://a.test/", "x=1; Secure", "https://a.test/", ""},
		{"6265bis: __Secure-", "https://a.test/", "__Secure-x=1", "https://a.test/", ""},
		{"6265bis: __Host- with a Domain", "https://a.test/", "__Host-x=1; Secure; Path=/; Domain=a.test", "https://a.test/", ""},
		{"6265bis: __Host- as it should be", "https://a.test/", "__Host-x=1; Secure; Path=/", "https://a.test/", "__Host-x=1"},
		{"5.2.2: Max-Age over", "http://a.test/", "x=1; Max-Age=0", "http://a.test/", ""},
		{"5.2.2: Max-Age wins over Expires", "http://a.test/", "x=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", "x=1"},
		{"5.2.1: Expires", "http://a.test/", "x=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", ""},
		{"6.1: larger than 4096 bytes", "http://a.test/", "x=" + strings.Repeat("1", 4096), "http://a.test/", ""},
		{"no name", "http://a.test/", "=1", "http://a.test/", ""},
		{"a control character", "http://a.test/", "x=a\x01b", "http://a.test/", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var j Jar
			j.Set(parse(t, row.from), row.set, noon)
			require.Equal(t, row.want, j.Header(parse(t, row.to), noon))
		})
	}
}

func TestJarOrderAndEnd(t *testing.T) {
	var j Jar
	u := parse(t, "http://a.test/dir/x")
	for _, set := range []string{"a=1; Path=/", "b=2; Path=/dir", "c=3; Path=/", "a=4; Path=/"} {
		require.True(t, j.Set(u, set, noon))
	}
	require.Equal(t, "b=2; a=4; c=3", j.Header(u, noon), "RFC 6265 5.4: longer paths first, then the older")
	require.True(t, j.Set(u, "a=; Path=/; Max-Age=0", noon))
	require.Equal(t, "b=2; c=3", j.Header(u, noon))
	require.True(t, j.Set(u, "d=5; Path=/; Max-Age=60", noon))
	require.Equal(t, "b=2; c=3; d=5", j.Header(u, noon.Add(59*time.Second)))
	require.Equal(t, "b=2; c=3", j.Header(u, noon.Add(60*time.Second)))
}

// The oldest go where there are too many (RFC 6265 5.3, 6.1).
func TestJarBounds(t *testing.T) {
	var j Jar
	for d := range 70 {
		for n := range 60 {
			j.Set(parse(t, fmt.Sprintf("http://h%d.test/", d)), fmt.Sprintf("n%d=v", n), noon)
		}
	}
	all := j.All()
	require.Len(t, all, maxCookies)
	of := 0
	for _, c := range all {
		if c.Domain == "h69.test" {
			of++
		}
	}
	require.Equal(t, maxPerDomain, of)
	require.Equal(t, "n10", all[len(all)-maxPerDomain].Name, "the oldest of the domain went")
}

func TestJarFile(t *testing.T) {
	var j, k Jar
	u := parse(t, "https://b.a.test/")
	for _, set := range []string{"s=1", "d=2; Domain=a.test; Path=/p; Secure", "h=3; HttpOnly; Max-Age=60"} {
		require.True(t, j.Set(u, set, noon))
	}
	var file bytes.Buffer
	require.NoError(t, j.Save(&file))
	require.Equal(t, "# Netscape HTTP Cookie File\n\n"+
		"b.a.test\tFALSE\t/\tFALSE\t0\ts\t1\n"+
		".a.test\tTRUE\t/p\tTRUE\t0\td\t2\n"+
		"#HttpOnly_b.a.test\tFALSE\t/\tFALSE\t1767268860\th\t3\n", file.String())
	require.NoError(t, k.Load(&file, noon))
	var again bytes.Buffer
	require.NoError(t, k.Save(&again))
	require.Equal(t, len(j.All()), len(k.All()))
	require.Equal(t, j.Header(u, noon), k.Header(u, noon))
	for _, bad := range []string{"a.test\tFALSE", "a.test\tFALSE\t/\tFALSE\tx\tn\tv", "a.test\tFALSE\t/\tFALSE\t0\t\tv", "a.test\tFALSE\t/\tFALSE\t0\tn\tv;w"} {
		require.ErrorContains(t, k.Load(strings.NewReader("\n"+bad+"\n"), noon), "line 2")
	}
}

// What we send net/http's jar sends too, but for what is stricter here.
func TestJarAgainstCookiejar(t *testing.T) {
	hosts := []string{"a.test", "b.a.test", "c.b.a.test", "x.co.uk", "1.2.3.4"}
	rapid.Check(t, func(rt *rapid.T) {
		theirs, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		require.NoError(t, err)
		var ours Jar
		pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
		address := func() string {
			return pick("scheme", "http", "https") + "://" + pick("host", hosts...) + pick("path", "/", "/d", "/d/e", "/d/e/f", "/de")
		}
		now := time.Now()
		for range rapid.IntRange(1, 8).Draw(rt, "sets") {
			from := address()
			set := pick("name", "x", "y") + "=" + pick("value", "1", "2") +
				pick("domain", "", "; Domain=a.test", "; Domain=.b.a.test", "; Domain=co.uk", "; Domain=2.3.4", "; Domain=1.2.3.4") +
				pick("at", "", "; Path=/", "; Path=/d", "; Path=/d/", "; Path=e") +
				pick("age", "", "; Max-Age=0", "; Max-Age=100")
			if strings.HasPrefix(from, "https") {
				set += pick("secure", "", "; Secure")
			}
			ours.Set(parse(t, from), set, now)
			n, err := neturl.Parse(from)
			require.NoError(t, err)
			c, err := nethttp.ParseSetCookie(set)
			require.NoError(t, err)
			theirs.SetCookies(n, []*nethttp.Cookie{c})
		}
		to := address()
		n, err := neturl.Parse(to)
		require.NoError(t, err)
		var want []string
		for _, c := range theirs.Cookies(n) {
			want = append(want, c.Name+"="+c.Value)
		}
		got := strings.Split(ours.Header(parse(t, to), now), "; ")
		if len(want) == 0 {
			want = []string{""}
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}
