package browse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// RFC 1738 3.2.2: each part of the path is decoded and changed into by itself.
func TestFTPPlaces(t *testing.T) {
	for _, row := range []struct{ in, dirs, file, kind string }{
		{"ftp://h", "", "", "i"},
		{"ftp://h/", "", "", "i"},
		{"ftp://h/f", "", "f", "i"},
		{"ftp://h/a/b/f", "a|b", "f", "i"},
		{"ftp://h/a/b/", "a|b", "", "i"},
		{"ftp://h//etc/motd", "/|etc", "motd", "i"},
		{"ftp://h/%2Fetc/motd", "/etc", "motd", "i"},
		{"ftp://h/a//f", "a", "f", "i"},
		{"ftp://h/a%2Fb/f%3Bx", "a/b", "f;x", "i"},
		{"ftp://h/f?x", "", "f?x", "i"},
		{"ftp://h/f;type=A", "", "f", "a"},
		{"ftp://h/d;TYPE=d", "", "d", "d"},
	} {
		u, err := url.Parse(row.in)
		require.NoError(t, err)
		w, err := (&FTP{URL: u}).where()
		require.NoError(t, err)
		require.Equal(t, []string{row.dirs, row.file, row.kind}, []string{strings.Join(w.dirs, "|"), w.file, string(w.kind)}, row.in)
	}
}

// No control character gets into a command (attack 67, for FTP).
func TestFTPInjection(t *testing.T) {
	for _, in := range []string{"ftp://h/a%0d%0aDELE%20b", "ftp://h/a%0a/b", "ftp://u%0d:p@h/", "ftp://u:p%00@h/", "ftp://h/%0a"} {
		u, err := url.Parse(in)
		require.NoError(t, err)
		f := &FTP{URL: u, Out: io.Discard, Dial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("nobody is to be called")
			return nil, io.EOF
		}}
		_, _, err = f.Fetch(t.Context())
		require.ErrorIs(t, err, http.BadURL, in)
	}
}

func TestLines(t *testing.T) {
	for in, want := range map[string]string{"a\r\nb\r\n": "a\nb\n", "a\r": "a", "a\rb\n": "a\rb\n", "\r\r\n": "\r\n", "": ""} {
		for step := 1; step < 4; step++ {
			var out bytes.Buffer
			l := &lines{w: &out}
			for rest := in; rest != ""; rest = rest[min(step, len(rest)):] {
				n, err := l.Write([]byte(rest[:min(step, len(rest))]))
				require.NoError(t, err)
				require.Equal(t, min(step, len(rest)), n)
			}
			require.Equal(t, want, out.String(), "%q", in)
		}
	}
}

// obey greets, and answers commands, each by its word.
func obey(c net.Conn, greeting string, answers map[string]string) {
	defer c.Close()
	_, _ = io.WriteString(c, greeting) // we may have gone
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		command, _, _ := strings.Cut(strings.TrimSpace(string(b[:n])), " ")
		if _, err := io.WriteString(c, answers[command]); err != nil || command == "QUIT" {
			return
		}
	}
}

// ftpServer speaks the lines of a script: what we must say, and what it answers. It returns how Fetch ended.
func ftpServer(t *testing.T, f *FTP, greeting string, answers map[string]string) error {
	t.Helper()
	f.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			c, err := l.Accept()
			l.Close() // not before: it would reset who is not accepted yet
			if err != nil {
				return
			}
			obey(c, greeting, answers)
		}()
		return net.Dial("tcp4", l.Addr().String())
	}
	f.URL, _ = url.Parse("ftp://127.0.0.1/f") // it is one
	f.Out = io.Discard
	_, _, err := f.Fetch(t.Context())
	return err
}

// What is no FTP, hangs or never ends is given up, and said in one line.
func TestFTPServersThatAreNone(t *testing.T) {
	var kind http.Kind
	err := ftpServer(t, &FTP{}, "SSH-2.0-OpenSSH_9.2\r\n", nil)
	require.ErrorAs(t, err, &kind)
	require.Equal(t, http.WeirdReply, kind)
	err = ftpServer(t, &FTP{}, strings.Repeat("x", 2*mostFTPLine), nil)
	require.ErrorIs(t, err, http.WeirdReply)
	err = ftpServer(t, &FTP{IdleTimeout: 50 * time.Millisecond}, "", nil)
	require.ErrorIs(t, err, http.Timeout)
	err = ftpServer(t, &FTP{IdleTimeout: 50 * time.Millisecond}, "220-Hi.\r\n22\r\n 220 x\r\n220\r\n", nil)
	require.ErrorIs(t, err, http.Timeout, "the greeting was whole; nothing answers USER")
	var refused *FTPError
	err = ftpServer(t, &FTP{}, "220-Hi.\r\n220 there\r\n", map[string]string{"USER": "530 \x1b[2J no\r\n"})
	require.True(t, errors.As(err, &refused), err)
	require.Equal(t, FTPError{"USER", 530, "\x1b[2J no"}, *refused)
	require.Equal(t, `the FTP server does not let us in: 530 "\x1b[2J no"`, err.Error())
}

// The password is not among what is told.
func TestFTPSaysNoPassword(t *testing.T) {
	var said []string
	f := &FTP{User: "joe", Password: "hush", Said: func(ours bool, line string) { said = append(said, line) }}
	_ = ftpServer(t, f, "220 Hi.\r\n", map[string]string{"USER": "331 Who?\r\n", "PASS": "530 No.\r\n", "QUIT": "221 Bye.\r\n"}) // it cannot end well
	require.Equal(t, []string{"220 Hi.", "USER joe", "331 Who?", "PASS (not shown)", "530 No."}, said[:5])
}
