package url

import (
	neturl "net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in   string
		want URL
	}{
		{"http://example.com", URL{Scheme: "http", Authority: true, Host: "example.com"}},
		{"HTTP://Example.COM:8080/a/b.html?x=1&y#top", URL{Scheme: "http", Authority: true, Host: "example.com", Port: 8080,
			Path: "/a/b.html", Query: "x=1&y", HasQuery: true, Fragment: "top", HasFragment: true}},
		{"https://user:p%40ss@[2001:db8::1]:8443/", URL{Scheme: "https", Authority: true, User: "user", Password: "p%40ss",
			HasPassword: true, Host: "2001:db8::1", Port: 8443, Path: "/"}},
		{"http://u@h", URL{Scheme: "http", Authority: true, User: "u", Host: "h"}},
		{"http://h:/x", URL{Scheme: "http", Authority: true, Host: "h", Path: "/x"}},
		{"http://h?q", URL{Scheme: "http", Authority: true, Host: "h", Query: "q", HasQuery: true}},
		{"http://h/a:b//c?d?e#f#g", URL{Scheme: "http", Authority: true, Host: "h", Path: "/a:b//c", Query: "d?e", HasQuery: true,
			Fragment: "f#g", HasFragment: true}},
		{"example.com/x", URL{Scheme: "http", Authority: true, Host: "example.com", Path: "/x", Guessed: true}},
		{"//example.com", URL{Scheme: "http", Authority: true, Host: "example.com", Guessed: true}},
		{"localhost:8080", URL{Scheme: "http", Authority: true, Host: "localhost", Port: 8080, Guessed: true}},
		{"u:pw@h:81/", URL{Scheme: "http", Authority: true, User: "u", Password: "pw", HasPassword: true, Host: "h", Port: 81, Path: "/", Guessed: true}},
		{"http:80", URL{Scheme: "http", Authority: true, Host: "http", Port: 80, Guessed: true}},
		{"file:///etc/hosts", URL{Scheme: "file", Authority: true, Path: "/etc/hosts"}},
		{"file:/etc/hosts", URL{Scheme: "file", Path: "/etc/hosts"}},
		{"mailto:joe@example.com?subject=x", URL{Scheme: "mailto", Path: "joe@example.com", Query: "subject=x", HasQuery: true}},
		{"news:comp.lang.misc", URL{Scheme: "news", Path: "comp.lang.misc"}},
		{"urn:isbn:0451450523", URL{Scheme: "urn", Path: "isbn:0451450523"}},
		{"ftp://h/pub/f;type=i", URL{Scheme: "ftp", Authority: true, Host: "h", Path: "/pub/f;type=i"}},
	} {
		t.Run(row.in, func(t *testing.T) {
			got, err := Parse(row.in)
			require.NoError(t, err)
			require.Equal(t, row.want, *got)
			again, err := Parse(got.String())
			require.NoError(t, err)
			again.Guessed = got.Guessed
			require.Equal(t, got, again, "Parse of String gives the same parts")
		})
	}
}

func TestParsePointsAtWhatIsWrong(t *testing.T) {
	for _, row := range []struct{ in, caret string }{
		{"", "^ it is empty"},
		{"http://a b/", "        ^ it has a blank"},
		{"http://h/\x01", "         ^ it has a control"},
		{"http://bücher.example/", "        ^ it has a character that is not ASCII"},
		{"http:example.com", "     ^ two slashes must follow http:"},
		{"http:/example.com", "     ^ two slashes must follow http:"},
		{"http:///x", "       ^ it has no host"},
		{"1http://h/", "^ a scheme is a letter"},
		{"ht!tp://h/", "  ^ a scheme is a letter"},
		{"http://h:99999/", "             ^ the port is a number"},
		{"http://h:80a/", "           ^ the port is a number"},
		{"http://h:0/", "         ^ the port is a number"},
		{"http://[::1/", "           ^ the ] after"},
		{"http://[1.2.3.4]/", "        ^ no IPv6 address"},
		{"http://[::1]x/", "            ^ only a colon and a port"},
		{"http://a<b/", "        ^ no host name has"},
		{"http://u@v@h/", "        ^ an @ within"},
		{"http://h/100%", "            ^ two hexadecimal digits"},
		{"http://h/%+1", "         ^ two hexadecimal digits"},
		{"http://u%zz@h/", "        ^ two hexadecimal digits"},
		{"http://" + strings.Repeat("a", 256), strings.Repeat(" ", 262) + "^ a host has at most 255"},
	} {
		t.Run(row.in, func(t *testing.T) {
			_, err := Parse(row.in)
			var e *Error
			require.ErrorAs(t, err, &e)
			_, below, _ := strings.Cut(e.Pointer(), "\n")
			require.True(t, strings.HasPrefix(below, row.caret), "%q\n%q", below, row.caret)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// The examples of RFC 3986 5.4, normal and abnormal.
func TestResolveRFC3986(t *testing.T) {
	base, err := Parse("http://a/b/c/d;p?q")
	require.NoError(t, err)
	for ref, want := range map[string]string{
		"g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g",
		"//g": "http://g", "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y", "#s": "http://a/b/c/d;p?q#s",
		"g#s": "http://a/b/c/g#s", "g?y#s": "http://a/b/c/g?y#s", ";x": "http://a/b/c/;x", "g;x": "http://a/b/c/g;x",
		"g;x?y#s": "http://a/b/c/g;x?y#s", "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "./": "http://a/b/c/",
		"..": "http://a/b/", "../": "http://a/b/", "../g": "http://a/b/g", "../..": "http://a/", "../../": "http://a/",
		"../../g": "http://a/g", "../../../g": "http://a/g", "../../../../g": "http://a/g", "/./g": "http://a/g",
		"/../g": "http://a/g", "g.": "http://a/b/c/g.", ".g": "http://a/b/c/.g", "g..": "http://a/b/c/g..",
		"..g": "http://a/b/c/..g", "./../g": "http://a/b/g", "./g/.": "http://a/b/c/g/", "g/./h": "http://a/b/c/g/h",
		"g/../h": "http://a/b/c/h", "g;x=1/./y": "http://a/b/c/g;x=1/y", "g;x=1/../y": "http://a/b/c/y",
		"g?y/./x": "http://a/b/c/g?y/./x", "g?y/../x": "http://a/b/c/g?y/../x", "g#s/./x": "http://a/b/c/g#s/./x",
	} {
		got, err := base.Resolve(ref)
		require.NoError(t, err, ref)
		require.Equal(t, want, got.String(), ref)
	}
}

func TestParts(t *testing.T) {
	u, err := Parse("https://joe:geh%20eim@example.com/dir/?q#f")
	require.NoError(t, err)
	require.Equal(t, "geh eim", Decode(u.Password))
	require.Empty(t, u.File(), "the server is asked for its default document")
	require.Equal(t, "/dir/?q", u.Target())
	require.Equal(t, uint16(443), u.EffectivePort())
	require.Equal(t, "https://example.com:443", u.Origin())
	require.Equal(t, "https://example.com/dir/?q", u.Public())
	require.Equal(t, "example.com", u.HostPort())
	u, err = Parse("http://h:8080")
	require.NoError(t, err)
	require.Equal(t, "h:8080", u.HostPort())
	require.Equal(t, "/", u.Target())
}

// What both take, both take apart the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://u:p@h:80/a?b#c", "mailto:x", "h:1/..", "//[::1]:2/%20"} {
		f.Add(s, "../x?y#z")
	}
	f.Fuzz(func(t *testing.T, s, ref string) {
		u, err := Parse(s)
		if err != nil {
			require.LessOrEqual(t, err.(*Error).At, len(s))
			return
		}
		again, err := Parse(u.String())
		if err == nil && !u.Guessed { // a host that looks like a scheme is one with http:// before it
			require.Equal(t, u, again)
		}
		n, err := neturl.Parse(u.String())
		if err == nil && u.Authority && !u.Guessed {
			require.Equal(t, n.Scheme, u.Scheme)
			require.Equal(t, strings.ToLower(n.Hostname()), strings.ToLower(u.Host))
			require.Equal(t, n.RawQuery, u.Query)
		}
		r, err := u.Resolve(ref)
		if err != nil {
			return
		}
		require.NotContains(t, r.String(), "\n")
		if n != nil && u.Authority && u.Path != "" && r.Authority {
			if m, err := n.Parse(strings.Trim(ref, " \t\r\n")); err == nil && m.Host != "" {
				require.Equal(t, strings.ToLower(m.Hostname()), strings.ToLower(r.Host), "%q %q", s, ref)
			}
		}
	})
}
