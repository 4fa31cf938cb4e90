package main

import (
	"bufio"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// silent is a port of the kernel's side that takes connections and says nothing.
func (w *world) silent(port string) {
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(kernelIP, port))
		return err
	})
	w.t.Cleanup(func() { l.Close() })
}

// raw answers each path with bytes of its own, and closes.
func (w *world) raw(port string, replies map[string]string) {
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(kernelIP, port))
		return err
	})
	var all sync.WaitGroup
	answer := func(c net.Conn) {
		defer c.Close()
		if r, err := nethttp.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, replies[r.URL.Path])
		}
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answer(c) })
		}
	})
	w.t.Cleanup(func() { l.Close(); all.Wait() })
}

// What people who know curl do every day beside what TestGetAsCurl has.
func TestGetAsCurlToo(t *testing.T) {
	w := newWorld(t)
	m, _ := w.serveMirror()
	w.proxy()
	w.silent("8443")
	file := filepath.Join(w.dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("0123456789"), 0o644))
	raw := map[string]string{
		"/elsewhere": "HTTP/1.1 301 X\r\nLocation: http://b.test:99999/\r\nContent-Length: 0\r\n\r\n",
		"/other":     "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-2/10\r\nContent-Length: 3\r\n\r\n012",
		"/chunks":    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 16\r\n\r\nthis is no gzip!",
	}
	w.raw("82", raw)
	const at, odd = "http://" + kernelIP, "http://" + kernelIP + ":82"
	for _, row := range []struct {
		name string
		args []string
		code int
	}{
		{"-b twice", []string{"-b", "a=1", "-b", "b=2; c=3", at + "/x"}, 0},
		{"-b of a file and of a cookie", []string{"-b", "DIR/none", "-b", "a=1", at + "/x"}, 0},
		{"-f -i: the head comes all the same", []string{"-f", "-i", at + "/404"}, 22},
		{"-f -I: the head is what was asked for", []string{"-f", "-I", at + "/404"}, 22},
		{"-f -i -o", []string{"-f", "-i", "-o", "DIR/page", at + "/404"}, 22},
		{"-i of a server without ranges", []string{"-i", "-C", "2", at + "/x"}, 33},
		{"-i of a body that is not what it says", []string{"-i", "--compressed", "-H", "Accept-Encoding: gzip", odd + "/chunks"}, 61},
		{"-C of a server that sends another part", []string{"-C", "2", odd + "/other"}, 33},
		{"-L to where no URL leads", []string{"-L", odd + "/elsewhere"}, 3},
		{"-x that is none", []string{"-x", kernelIP + ":3128:x", at + "/x"}, 5},
		{"a proxy's password in percents", []string{"-x", "http://u%40:p%3a@" + kernelIP + ":80", at + "/x"}, 0},
		{"-w of a tunnel that is refused", []string{"-k", "-x", kernelIP + ":3128", "-w", `%{http_connect} %{http_code}\n`, "https://example.com:9/x"}, 56},
		{"-w with a backslash", []string{"-w", `\\ \q \\n \t|\n`, at + "/x"}, 0},
		{"-m in the handshake of TLS", []string{"-k", "-m", "0.3", "https://" + kernelIP + ":8443/"}, 28},
		{"--connect-timeout in the handshake of TLS", []string{"-k", "--connect-timeout", "0.3", "https://" + kernelIP + ":8443/"}, 28},
		{"file: -i", []string{"-i", "file://" + file}, 0},
		{"file: -C, past its end", []string{"-C", "50", "file://" + file}, 36},
		{"file: -C -i", []string{"-C", "4", "-i", "file://" + file}, 0},
	} {
		t.Run(row.name, func(t *testing.T) { requireAskedAsCurl(t, w, row.args, row.code, m.told) })
	}
}

// @- is standard input.
func TestGetFromInput(t *testing.T) {
	w := newWorld(t)
	m, _ := w.serveMirror()
	const at = "http://" + kernelIP + "/form"
	for name, row := range map[string]struct{ in, flag string }{
		"-d":            {"a=1\r\n&b=2\n", "-d"},
		"--data-binary": {"a=1\r\n&b=2\n", "--data-binary"},
		"-H":            {"X-One: 1\nX-Two: 2\n", "-H"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := func(cmd *exec.Cmd) string {
				cmd.Stdin = strings.NewReader(row.in)
				p := w.run(cmd)
				require.Zero(t, p.code, p.stderr())
				return m.told()
			}
			want := asked(curl(t, row.flag, "@-", at))
			require.Equal(t, want, asked(sockeye(on("get", row.flag, "@-", at)...)))
		})
	}
	p := w.run(sockeye(on("get", "-d", "@"+w.dir+"/none", at)...))
	require.Equal(t, curlRead, p.code)
	requireOneLine(t, p)
}

// Whoever stops reading ends us with curl's code, and the connection is closed; with --every, too.
func TestGetIntoABrokenPipe(t *testing.T) {
	w := newWorld(t)
	w.serveMirror()
	const at = "http://" + kernelIP + "/x"
	file := filepath.Join(w.dir, "text")
	require.NoError(t, os.WriteFile(file, []byte("a"), 0o644))
	for name, args := range map[string][]string{"once": {at}, "again and again": {"--every", "10ms", at}, "a file": {"file://" + file}} {
		t.Run(name, func(t *testing.T) {
			r, out, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, r.Close())
			cmd := sockeye(on(append([]string{"get"}, args...)...)...)
			cmd.Stdout = out
			p := w.run(cmd)
			require.NoError(t, out.Close())
			require.Equal(t, curlWrite, p.code, p.stderr())
			require.Contains(t, p.stderr(), syscall.EPIPE.Error())
		})
	}
}

// A page that is no text is not for a terminal, unless somebody says so; and no other device is one.
func TestGetOfBytesOnATerminal(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.dir, "bytes")
	require.NoError(t, os.WriteFile(file, []byte("a\x00\x1b[31m"), 0o644))
	for name, row := range map[string]struct {
		args []string
		code int
		want string
	}{
		"as it is": {[]string{"file://" + file}, curlWrite, "no text"},
		"-o -":     {[]string{"-o", "-", "file://" + file}, 0, "a\x00\x1b[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			tm := openTerminal(t)
			cmd := sockeye(append([]string{"get"}, row.args...)...)
			cmd.Stdout, cmd.Stderr = tm.inner, tm.inner
			p := w.run(cmd)
			require.Equal(t, row.code, p.code)
			w.eventually("it is on the terminal", func() bool { return tm.says(row.want) })
		})
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	cmd := sockeye("get", "file://"+file)
	cmd.Stdout = null
	p := w.run(cmd)
	require.Zero(t, p.code, p.stderr())
}

// -O of what a terminal would take for commands leaves the percents where they are; a proxy that is no good is not
// shown with its password.
func TestGetNames(t *testing.T) {
	w := newWorld(t)
	w.serveMirror()
	for _, name := range []string{"a%1b%5b31m", "a%e2%80%aetxt.exe"} { // a colour; writing that runs the other way
		cmd := sockeye(on("get", "-O", "http://"+kernelIP+"/"+name)...)
		cmd.Dir = t.TempDir()
		p := w.run(cmd)
		require.Zero(t, p.code, p.stderr())
		require.FileExists(t, filepath.Join(cmd.Dir, name))
	}
	for _, proxy := range []string{"joe:hush@192.0.2.1:x", "socks5://joe:hush@192.0.2.1:1080"} {
		p := w.run(sockeye(on("get", "-x", proxy, "http://"+kernelIP+"/")...))
		require.Equal(t, curlNoProxy, p.code)
		requireOneLine(t, p)
		require.NotContains(t, p.stderr(), "hush")
	}
}

// What has not changed stays in the file as it is.
func TestGetEveryKeepsTheFile(t *testing.T) {
	w := newWorld(t)
	m, _ := w.serveMirror()
	file := filepath.Join(w.dir, "page")
	p := w.start(sockeye(on("get", "--every", "10ms", "-o", file, "http://"+kernelIP+"/file")...))
	w.eventually("it is asked again", m.asked(4))
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	p.wait(t)
	require.Equal(t, 130, p.code)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("0123456789", 10), string(b))
}

// Ctrl-C ends a whole batch, and not only the question that is asked just then.
func TestDigBatchInterrupted(t *testing.T) {
	w := newWorld(t)
	p := sockeye(on("dig", "@192.0.2.77", "-v", "+time=1", "+tries=1", "-f", "-")...)
	p.Stdin = strings.NewReader(strings.Repeat("example.com\n", 500))
	r := w.start(p)
	w.eventually("it asks", func() bool {
		return strings.Contains(r.stderr(), "send(") || strings.Contains(r.stderr(), "example.com")
	})
	require.NoError(t, p.Process.Signal(os.Interrupt))
	r.wait(t)
	require.Equal(t, 130, r.code)
	require.Less(t, strings.Count(r.stderr(), "THE NAME"), 100, "it goes on with its batch")
}
