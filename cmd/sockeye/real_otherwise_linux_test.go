package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where ours differ from curl on purpose, curl does what the list in testdata/curl-and-dig.md says of it, and so do
// ours: how they end, and what the server was asked or what was printed.
func TestGetOtherwiseThanCurl(t *testing.T) {
	w := newWorld(t)
	m, _ := w.serveMirror()
	const at, odd = "http://" + kernelIP, "http://" + kernelIP + ":82"
	end := "Content-Length: 3\r\nConnection: close\r\n\r\nok\n"
	w.raw("82", map[string]string{
		"/300":     "HTTP/1.1 300 Many\r\nLocation: " + at + "/x\r\n" + end,
		"/user":    "HTTP/1.1 302 X\r\nLocation: http://x:y@" + kernelIP + "/x\r\n" + end,
		"/post":    "HTTP/1.1 302 X\r\nLocation: " + at + "/x\r\n" + end,
		"/early":   "HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\nHTTP/1.1 200 OK\r\n" + end,
		"/trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\nX-T: late\r\n\r\n",
		"/chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\n\r\n0\r\n\r\n",
		"/length":  "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok\n",
		"/version": "HTTP/2.0 200 OK\r\n" + end,
		"/folded":  "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n" + end,
		"/lf":      "HTTP/1.1 200 OK\nContent-Length: 3\n\nok\n",
	})
	jar := filepath.Join(w.dir, "jar")
	require.NoError(t, os.WriteFile(jar, []byte("no cookie\n"), 0o644))
	for _, row := range []struct {
		name       string
		args       []string
		curl, ours int
		curls, our string // what is printed, or what the server is asked, has this
	}{
		{"no percent-encoding", []string{at + "/x?a%zz"}, 0, 3, "a%zz", ""},
		{"not ASCII", []string{at + "/x?ä"}, 0, 3, "GET", ""},
		{"not ASCII, in a host", []string{"--resolve", "xn--bcher-kva.test:80:" + kernelIP, "http://bücher.test/x"}, 0, 3, "xn--bcher", ""},
		{"one slash", []string{"http:/" + kernelIP + "/x"}, 0, 3, "GET", ""},
		{"an address as a number", []string{"--connect-timeout", "2", "http://3221225985/x"}, 0, 6, "GET", ""},
		{"-L of a 300", []string{"-L", odd + "/300"}, 0, 0, "GET /x", "ok\n"},
		{"-L with -X POST after 302", []string{"-L", "-X", "POST", odd + "/post"}, 0, 0, "POST /x", "GET /x"},
		{"a user in Location", []string{"-L", odd + "/user"}, 0, 0, "GET /x", "Authorization=Basic eDp5"},
		{"-i of 103", []string{"-i", odd + "/early"}, 0, 0, "X-A: early", "HTTP/1.1 200 OK"},
		{"-i of a trailer", []string{"-i", odd + "/trailer"}, 0, 0, "X-T: late", "ok\n"},
		{"chunks that are none", []string{odd + "/chunks"}, 56, 8, "", ""},
		{"a length that overflows", []string{odd + "/length"}, 0, 8, "ok", ""},
		{"another version", []string{odd + "/version"}, 0, 8, "ok", ""},
		{"a folded line", []string{odd + "/folded"}, 0, 8, "ok", ""},
		{"bare LF", []string{odd + "/lf"}, 0, 8, "ok", ""},
		{"-H that is none", []string{"-H", "none", at + "/x"}, 0, 2, "GET", ""},
		{"-C - without a file", []string{"-C", "-", at + "/file"}, 0, 2, "0123456789", ""},
		{"-w of no file", []string{"-w", "@" + w.dir + "/none", at + "/x"}, 0, 26, "", ""},
		{"-X CONNECT", []string{"-m", "5", "-X", "CONNECT", at + "/x"}, 0, 3, "CONNECT", ""},
		{"-b of what is no cookie", []string{"-b", jar, at + "/x"}, 0, 26, "GET", ""},
		{"--compressed", []string{"--compressed", at + "/x"}, 0, 0, "gzip, br", "Accept-Encoding=gzip"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m.told()
			cmd := curl(t, row.args...)
			if len(cmd.Env) == 0 {
				cmd.Env = os.Environ()
			}
			cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8") // for names that are not ASCII
			p := w.run(cmd)
			said := p.stdout() + m.told()
			require.Equal(t, row.curl, p.code, p.stderr())
			require.Contains(t, said, row.curls)
			p = w.run(sockeye(on(append([]string{"get"}, row.args...)...)...))
			said = p.stdout() + m.told()
			require.Equal(t, row.ours, p.code, p.stderr())
			require.Contains(t, said, row.our)
			if row.curl == row.ours && row.curls != "GET /x" {
				require.NotContains(t, said, row.curls)
			}
		})
	}
}
