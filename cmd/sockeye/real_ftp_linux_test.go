package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pyftpd is Debian's python3-pyftpdlib: joe with the password a:b, and anybody as anonymous.
const pyftpd = `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer()
a.add_user("joe", "a:b", sys.argv[1], perm="elr")
a.add_anonymous(sys.argv[1] + "/pub")
FTPHandler.authorizer = a
FTPHandler.passive_ports = range(30000, 30100)
FTPHandler.auth_failed_timeout = 0
FTPServer((sys.argv[2], 21), FTPHandler).serve_forever()
`

// ftpTree is what the servers have.
func ftpTree(t *testing.T) string {
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for name, text := range map[string]string{
		"secret":          "for joe only\n",
		"pub/hello":       "hello\r\nworld\n\x00\xff",
		"pub/empty":       "",
		"pub/a b#c":       "a name that has to be encoded",
		"pub/deep/er/one": strings.Repeat("0123456789", 100_000),
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

// What curl does with an ftp: URL get does too, at a server that neither of us wrote.
func TestGetOverFTPAsCurl(t *testing.T) {
	w := newWorld(t)
	root := ftpTree(t)
	python := programPath(t, "/usr/bin/python3")
	w.start(exec.Command(python, "-c", pyftpd, root, kernelIP))
	w.reachable("21")
	const at = "ftp://" + kernelIP
	for _, row := range []struct {
		name string
		args []string
		code int
	}{
		{"anonymous", []string{at + "/hello"}, 0},
		{"empty", []string{at + "/empty"}, 0},
		{"an encoded name", []string{at + "/a%20b%23c"}, 0},
		{"in directories, long", []string{at + "/deep/er/one"}, 0},
		{"user in the URL", []string{"ftp://joe:a%3Ab@" + kernelIP + "/secret"}, 0},
		{"-u", []string{"-u", "joe:a:b", at + "/secret"}, 0},
		{"-u wins over the URL", []string{"-u", "joe:a:b", "ftp://x:y@" + kernelIP + "/secret"}, 0},
		{"a wrong password (67)", []string{"-u", "joe:no", at + "/secret"}, 67},
		{"nobody of that name (67)", []string{"-u", "jim:no", at + "/secret"}, 67},
		{"a directory", []string{at + "/deep/"}, 0},
		{"the root", []string{at + "/"}, 0},
		{"the root without a slash", []string{at}, 0},
		{"an absolute path", []string{"-u", "joe:a:b", at + "//pub/hello"}, 0},
		{"names only (;type=d)", []string{at + "/deep/;type=d"}, 0},
		{";type=i", []string{at + "/hello;type=i"}, 0},
		{";type=a", []string{at + "/empty;type=a"}, 0},
		{"not there (78)", []string{at + "/nothing"}, 78},
		{"not in a directory (78)", []string{at + "/deep/nothing"}, 78},
		{"no such directory (9)", []string{at + "/nowhere/hello"}, 9},
		{"no such directory to list (9)", []string{at + "/nowhere/"}, 9},
		{"a directory as a file (78)", []string{at + "/deep"}, 78},
		{"-I", []string{"-I", at + "/hello"}, 0},
		{"-o", []string{"-o", "DIR/page", at + "/deep/er/one"}, 0},
		{"-C -: all there", []string{"-C", "-", "-o", "DIR/page", at + "/deep/er/one"}, 0},
		{"-C N", []string{"-C", "999990", at + "/deep/er/one"}, 0},
		{"-C N beyond the end (36)", []string{"-C", "1000001", at + "/deep/er/one"}, 36},
		{"-C - of a longer file (36)", []string{"-C", "-", "-o", "DIR/page", at + "/hello"}, 36},
		{"-w", []string{"-w", `%{response_code} %{size_download} %{url_effective}\n`, at + "/hello"}, 0},
		{"-w of what is not there", []string{"-w", `%{response_code} %{size_download}\n`, at + "/nothing"}, 78},
		{"--resolve", []string{"--resolve", "name.test:21:" + kernelIP, "ftp://name.test/hello"}, 0},
		{"refused (7)", []string{"ftp://" + kernelIP + ":22/hello"}, 7},
		{"nobody is there (28)", []string{"--connect-timeout", "1", "ftp://192.0.2.77/hello"}, 28},
		{"no such name (6)", []string{"--connect-timeout", "5", "ftp://none.test/hello"}, 6},
		{"a control character (3)", []string{at + "/hello%0d%0aDELE%20x"}, 3},
	} {
		t.Run(row.name, func(t *testing.T) { requireAsCurl(t, w, row.args, row.code) })
	}
	t.Run("-C - goes on where a file ends", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "part")
		require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("x", 999_990)), 0o644))
		p := w.run(sockeye(on("get", "-C", "-", "-o", name, at+"/deep/er/one")...))
		require.Zero(t, p.code, p.stderr())
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("x", 999_990)+"0123456789", string(b))
	})
	t.Run("what means nothing there", func(t *testing.T) {
		for _, arg := range []string{"-x=h:1", "-d=x", "-X=Y", "--page", "--every=1"} {
			p := w.run(sockeye(on("get", arg, at+"/hello")...))
			require.Equal(t, 2, p.code, arg)
			requireOneLine(t, p)
		}
	})
	t.Run("the journey has two connections", func(t *testing.T) { ftpJourney(t, w) })
}

func ftpJourney(t *testing.T, w *world) {
	p := w.run(sockeye(on("get", "-v", "ftp://joe:a%3Ab@"+kernelIP+"/pub/hello")...))
	require.Zero(t, p.code, p.stderr())
	told, from := strings.Join(strings.Fields(p.stderr()), " "), 0
	for _, part := range []string{
		"THE URL", "on one TCP connection and the file on another", "USER and PASS", "THE CONNECTION", "socket(AF_INET, SOCK_STREAM) = 3", "SYN", "connect(3, 192.0.2.1:21) = 0", "window scale",
		"THE COMMANDS AND THE REPLIES", "recv(3, buf, ", "ftp > USER joe", "send(3, buf, 10) = 10", "ftp < 331", "ftp > PASS (not shown)", "ftp < 230", "ftp > CWD pub", "ftp > EPSV", "ftp < 229",
		"THE DATA CONNECTION", "Passive mode", "socket(AF_INET, SOCK_STREAM) = 4", "SYN", "connect(4, 192.0.2.1:30", "window scale", "ftp > RETR hello", "recv(4, buf, ", "(the end)", "close(4) = 0", "< hello",
		"THE CLOSE", "ftp > QUIT", "close(3) = 0", "the control connection", "who first", "the data connection", "who first", "The peer did",
	} {
		i := strings.Index(told[from:], part)
		require.GreaterOrEqual(t, i, 0, "%s is not told after the rest: %s", part, told)
		from += i
	}
	require.NotContains(t, told, "a:b")
	require.NotContains(t, told, "RST")
	p = w.run(sockeye(on("get", "-v", "--lang", "ko", "ftp://"+kernelIP+"/")...))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stderr(), "데이터 연결")
}

// vsftpd, which everybody has: it knows neither MLSD nor EPSV over IPv4 in some versions, and chroots.
func TestGetFromVsftpd(t *testing.T) {
	w := newWorld(t)
	pub := filepath.Join(ftpTree(t), "pub")
	forAll(t, pub)
	conf := filepath.Join(w.dir, "vsftpd.conf")
	require.NoError(t, os.WriteFile(conf, []byte("listen=YES\nlisten_address="+kernelIP+"\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\n"+
		"anon_root="+pub+"\nseccomp_sandbox=NO\nxferlog_enable=NO\nsecure_chroot_dir="+emptyDir(t)+"\n"), 0o600))
	w.start(exec.Command(programPath(t, "vsftpd"), conf))
	w.reachable("21")
	const at = "ftp://" + kernelIP
	for name, row := range map[string]struct {
		args []string
		code int
	}{
		"a file":                {[]string{at + "/hello"}, 0},
		"long":                  {[]string{at + "/deep/er/one"}, 0},
		"a list":                {[]string{at + "/"}, 0},
		"from the middle":       {[]string{"-C", "10", at + "/deep/er/one"}, 0},
		"not there (78)":        {[]string{at + "/nothing"}, 78},
		"no such directory (9)": {[]string{at + "/nowhere/hello"}, 9},
		"not let in (67)":       {[]string{"-u", "joe:x", at + "/hello"}, 67},
	} {
		t.Run(name, func(t *testing.T) { requireAsCurl(t, w, row.args, row.code) })
	}
}

// forAll lets every user into a directory of the test: servers do not stay root.
func forAll(t *testing.T, dir string) {
	for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
}

func emptyDir(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o555))
	return dir
}

// Servers that are no good end as with curl.
func TestGetFromBadFTP(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":21")
		return err
	})
	t.Cleanup(func() { l.Close() })
	replies := make(chan map[string]string, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			says := <-replies
			go badFTP(c, w, says)
			replies <- says
		}
	}()
	for _, row := range []struct {
		name, command, reply string
		code                 int
		args                 []string
	}{
		{"it does not greet", "", "530 Not here.", 8, nil},
		{"too many are there", "", "421 Too many users.", 28, nil},
		{"it ends instead of a greeting", "", "END", 56, nil},
		{"no such user", "USER", "530 Not you.", 67, nil},
		{"no password is good", "PASS", "530 No.", 67, nil},
		{"neither EPSV nor PASV", "PASV", "502 Active only.", 13, nil},
		{"a PASV without a port", "PASV", "227 Yes.", 14, nil},
		{"a port where nobody is", "PASV", "227 Yes (192,0,2,1,0,9).", 7, nil},
		{"no REST", "REST", "502 No.", 31, []string{"-C", "3"}},
		{"no RETR", "RETR", "450 Busy.", 19, nil},
		{"not there", "RETR", "550 No.", 78, nil},
		{"the file is cut", "DONE", "426 Cut.", 18, nil},
		{"it hangs", "RETR", "HANG", 28, []string{"-m", "1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			says := map[string]string{
				"": "220 Hi.", "USER": "331 Who?", "PASS": "230 In.", "FEAT": "502 None.", "TYPE": "200 Yes.", "EPSV": "502 No.", "PWD": "257 \"/\"",
				"SIZE": "502 No.", "REST": "350 Go on.", "RETR": "150 Here.", "DONE": "226 Done.", "QUIT": "221 Bye.", "MDTM": "502 No.",
			}
			says[row.command] = row.reply
			replies <- says
			defer func() { <-replies }()
			requireAsCurl(t, w, append(row.args, "ftp://"+kernelIP+"/file"), row.code)
		})
	}
}

// badFTP answers each command with what it is told to.
func badFTP(c net.Conn, w *world, says map[string]string) {
	defer c.Close()
	var data net.Listener
	say := func(command string) bool {
		if says[command] == "END" {
			return false
		}
		if command == "PASV" && says[command] == "" {
			w.ns.Do(func() (err error) {
				data, err = net.Listen("tcp4", kernelIP+":0")
				return err
			})
			port := data.Addr().(*net.TCPAddr).Port
			fmt.Fprintf(c, "227 Yes (192,0,2,1,%d,%d).\r\n", port/256, port%256)
			return true
		}
		if says[command] != "HANG" {
			fmt.Fprintf(c, "%s\r\n", says[command])
		}
		return true
	}
	if !say("") {
		return
	}
	for in := bufio.NewScanner(c); in.Scan(); {
		command, _, _ := strings.Cut(in.Text(), " ")
		if !say(command) {
			return
		}
		if command == "RETR" && strings.HasPrefix(says["RETR"], "150") {
			if d, err := data.Accept(); err == nil {
				fmt.Fprint(d, "some of it")
				d.Close()
			}
			say("DONE")
		}
		if data != nil {
			defer data.Close()
		}
	}
}
