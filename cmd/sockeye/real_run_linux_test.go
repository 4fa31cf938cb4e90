package main

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// asHelper makes this test program ask a question over TCP: it sends its standard
// input, then its end, and prints what comes after that.
const asHelper = "SOCKEYE_TEST_ASK"

func init() {
	if at := os.Getenv(asHelper); at != "" && os.Getenv(asSockeye) == "" {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_, err = io.Copy(c, os.Stdin)
		}
		if err == nil {
			_ = c.(*net.TCPConn).CloseWrite()
			_, err = io.Copy(os.Stdout, c)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// outside is a network with servers at 192.0.2.1, from which programs run inside ours.
func outside(t *testing.T) *world {
	w := newNamespace(t)
	w.do(func() error {
		if err := setup.AddAddr("lo", netip.MustParsePrefix(kernelIP+"/32")); err != nil {
			return err
		}
		return exec.Command("ip", "route", "add", "unreachable", "203.0.113.0/24").Run()
	})
	return w
}

// runs is the command as it runs a program inside.
func runs(args ...string) *exec.Cmd { return sockeye(append([]string{"run"}, args...)...) }

func TestRunTheProgram(t *testing.T) {
	w := outside(t)
	script := filepath.Join(w.dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("no program"), 0o644))
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"its exit status", []string{"sh", "-c", "exit 7"}, 7, "", ""},
		{"128 and the signal", []string{"sh", "-c", "kill -KILL $$"}, 137, "", ""},
		{"not found, as env(1)", []string{"no-such-program-here"}, notFound, "", "cannot run no-such-program-here"},
		{"not executable", []string{script}, notExecutable, "", "cannot run " + script},
		{"what follows -- is the program's", []string{"--", "echo", "--mtu", "7"}, 0, "--mtu 7\n", ""},
		{"and what follows the program, too", []string{"echo", "-p", "7"}, 0, "-p 7\n", ""},
		{"its user", []string{"id", "-u"}, 0, "0\n", ""},
		{"no descriptor is left to it", []string{"sh", "-c", "ls -l /proc/self/fd | grep -cE 'tun|eventfd|control' || true"}, 0, "0\n", ""},
		{"its addresses", []string{"sh", "-c", "ip -4 -br addr show sockeye0 | tr -s ' '"}, 0, "sockeye0 UNKNOWN 10.0.2.100/24 \n", ""},
		{"others", []string{"--cidr", "192.168.77.16/28", "--mtu", "9000", "sh", "-c", "ip -4 -o addr show sockeye0 | grep -o 'inet [^ ]*'; ip route | head -n1; cat /sys/class/net/*/mtu >/dev/null"}, 0,
			"inet 192.168.77.30/28\ndefault via 192.168.77.18 dev sockeye0 \n", ""},
		{"its name servers", []string{"--dns", "192.0.2.1", "--dns", "192.0.2.9:5353", "grep", "^nameserver", "/etc/resolv.conf"}, 0,
			"nameserver 10.0.2.3\nnameserver 10.0.2.4\n", ""},
		{"no program", nil, runFailed, "", "name a program"},
		{"a bad network", []string{"--cidr", "10.0.2.0/30", "true"}, runFailed, "", "--cidr"},
		{"a bad port", []string{"-p", "x:80", "true"}, runFailed, "", "is not a port"},
		{"a bad protocol", []string{"-p", "8080:80/sctp", "true"}, runFailed, "", "neither tcp nor udp"},
		{"a port of UDP that cannot be had", []string{"-p", "192.0.2.77:53:53/udp", "true"}, runFailed, "", "cannot publish 192.0.2.77:53"},
		{"a port that cannot be had", []string{"-p", "192.0.2.77:80:80", "true"}, runFailed, "", "cannot publish 192.0.2.77:80"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := w.run(runs(tc.args...))
			require.Equal(t, tc.code, p.code, p.stderr())
			require.Equal(t, tc.out, p.stdout())
			if tc.err == "" {
				require.Empty(t, p.stderr())
			} else {
				require.Contains(t, p.stderr(), tc.err)
				requireOneLine(t, p)
			}
		})
	}
}

func TestRunOut(t *testing.T) {
	w := outside(t)
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	big := w.file(filepath.Join(root, "big"), 20<<20)
	w.nginx(root)
	w.dnsmasq()
	w.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0) })
	curl := []string{"--dns", "192.0.2.1", "curl", "-sS", "-m", "15"}

	p := w.run(runs(append(curl, "-o", filepath.Join(w.dir, "got"), "http://192.0.2.1/big")...))
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, big, sumFile(t, filepath.Join(w.dir, "got")))

	p = w.run(runs(append(curl, "-o", os.DevNull, "-w", "%{http_code} %{remote_ip}", "http://www.sockeye.test/big")...))
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, "200 192.0.2.1", p.stdout(), "DNS")
	p = w.run(runs("--dns", "192.0.2.1", "dig", "+short", "+tcp", "www.sockeye.test"))
	require.Equal(t, "192.0.2.1\n", p.stdout(), "DNS over TCP: %s", p.stderr())

	for _, tc := range []struct {
		name, target, text string
		code               int
	}{
		{"a closed port: RST", "192.0.2.1:81", "refused", 7},
		{"unreachable host: ICMP, at once", "203.0.113.1", "No route to host", 7},
		{"unreachable network: ICMP, at once", "198.51.100.1", "Network is unreachable", 7},
		{"the system's loopback is denied", "10.0.2.2:80", "refused", 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := w.run(runs(append(curl, "-w", "%{errormsg}", "http://"+tc.target+"/")...))
			require.Equal(t, tc.code, p.code)
			// curl 7 names no errno; the kernel's text is what a program would see.
			p = w.run(runs("bash", "-c", "exec 3<>/dev/tcp/"+strings.Replace(tc.target+":80", ":", "/", 1)[:len(strings.Split(tc.target, ":")[0])+1]+port(tc.target)))
			require.Contains(t, p.stderr(), tc.text)
		})
	}

	p = w.run(runs("ping", "-c", "2", "-i", "0.2", "-W", "5", "192.0.2.1"))
	require.Zero(t, p.code, p.stdout()+p.stderr())
	require.Contains(t, p.stdout(), "2 received")
	p = w.run(runs("ping", "-c", "1", "-W", "5", "203.0.113.1"))
	require.Equal(t, 1, p.code)
	require.Contains(t, p.stdout(), "From 10.0.2.2 icmp_seq=1 Destination Host Unreachable")
	p = w.run(runs("ping", "-c", "1", "-W", "5", "10.0.2.2"))
	require.Zero(t, p.code, "the gateway itself answers")
}

// port is that of host:port, or 80.
func port(target string) string {
	if _, p, ok := strings.Cut(target, ":"); ok {
		return p
	}
	return "80"
}

func TestRunHostLoopback(t *testing.T) {
	w := outside(t)
	var l net.Listener
	w.do(func() (err error) { l, err = net.Listen("tcp", "127.0.0.1:8000"); return err })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "only for the system\n")
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	ask := func(args ...string) *process {
		cmd := runs(append(args, "bash", "-c", "exec 3<>/dev/tcp/10.0.2.2/8000 && cat <&3")...)
		return w.run(cmd)
	}
	require.Contains(t, ask().stderr(), "refused")
	require.Equal(t, "only for the system\n", ask("--host-loopback").stdout())
}

// The question ends, then the answer comes: half-closing is kept. And what a program
// has written goes out though it has ended.
func TestRunHalfClose(t *testing.T) {
	w := outside(t)
	var l net.Listener
	w.do(func() (err error) { l, err = net.Listen("tcp", kernelIP+":7"); return err })
	t.Cleanup(func() { _ = l.Close() })
	got := make(chan int64, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			_, _ = io.WriteString(c, "that is all")
			_ = c.Close()
			got <- n
		}
	}()
	cmd := runs("env", "-u", asSockeye, asHelper+"="+kernelIP+":7", "/proc/self/exe")
	self, err := os.Executable()
	require.NoError(t, err)
	cmd.Args[len(cmd.Args)-1] = self
	cmd.Stdin = strings.NewReader(strings.Repeat("question ", 100_000))
	p := w.run(cmd)
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, "that is all", p.stdout())
	require.EqualValues(t, 900_000, <-got)

	p = w.run(runs("bash", "-c", "exec 3<>/dev/tcp/"+kernelIP+"/7; head -c 3000000 /dev/zero >&3"))
	require.Zero(t, p.code, p.stderr())
	require.EqualValues(t, 3_000_000, <-got)
}

func TestRunPublish(t *testing.T) {
	w := outside(t)
	w.run(exec.Command("true"))
	p := w.start(runs("-p", "8080:80", "-p", "192.0.2.1:8081:81", "/proc/self/exe", "serve", "--help"))
	p.wait(t)
	require.Zero(t, p.code, "a program inside may be sockeye itself")

	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	big := w.file(filepath.Join(root, "big"), 5<<20)
	conf := filepath.Join(w.dir, "inside.conf")
	require.NoError(t, os.WriteFile(conf, []byte(`daemon off; master_process off; user root; pid `+w.dir+`/inside.pid; error_log stderr;
events { } http { access_log off; client_body_temp_path `+w.dir+`; proxy_temp_path `+w.dir+`; fastcgi_temp_path `+w.dir+`; uwsgi_temp_path `+w.dir+`; scgi_temp_path `+w.dir+`;
server { listen 80; root `+root+`; } }`), 0o644))
	p = w.start(runs("-p", "8080:80", "-p", "192.0.2.1:8081:81", programPath(t, "nginx"), "-c", conf, "-p", w.dir, "-e", "stderr"))
	w.eventually("the published port is not reachable", func() bool {
		return w.run(exec.Command("curl", "-sS", "-m", "5", "-o", filepath.Join(w.dir, "got"), "http://127.0.0.1:8080/big")).code == 0
	})
	require.Equal(t, big, sumFile(t, filepath.Join(w.dir, "got")))
	c := w.run(exec.Command("curl", "-sS", "-m", "5", "http://192.0.2.1:8081/"))
	require.Contains(t, []int{7, 52, 56}, c.code, "nobody listens inside: a reset, %s", c.stderr())
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait(t)
}

// A name server inside is asked from outside, over UDP and TCP.
func TestRunPublishDatagrams(t *testing.T) {
	w := outside(t)
	p := w.start(runs("-p", "5353:53/udp", "-p", "192.0.2.1:5353:53/tcp", programPath(t, "dnsmasq"), "--no-daemon", "--conf-file=/dev/null",
		"--no-resolv", "--no-hosts", "--user=root", "--group=", "--pid-file="+filepath.Join(w.dir, "inside.pid"), "--address=/inside.test/192.0.2.33"))
	ask := func(args ...string) *process {
		return w.run(exec.Command("dig", append([]string{"+short", "+time=2", "+tries=1", "-p", "5353", "inside.test"}, args...)...))
	}
	w.eventually("the name server inside does not answer", func() bool { return ask("@127.0.0.1").stdout() == "192.0.2.33\n" })
	require.Equal(t, "192.0.2.33\n", ask("@192.0.2.1").stdout())
	require.Equal(t, "192.0.2.33\n", ask("@192.0.2.1", "+tcp").stdout())
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait(t)
}

// A signal ends program and stack, and nothing is left behind.
func TestRunLeavesNothing(t *testing.T) {
	w := outside(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		cmd := runs("sh", "-c", "echo $$; exec env --default-signal=INT sleep 1000")
		cmd.Env = append(cmd.Env, "TMPDIR="+w.dir)
		p := w.start(cmd)
		w.eventually("the program does not start", func() bool { return strings.HasSuffix(p.stdout(), "\n") })
		require.NoError(t, p.cmd.Process.Signal(s))
		p.wait(t)
		if s != syscall.SIGKILL {
			require.Equal(t, 128+int(s), p.code)
		}
		w.nothingLeft(strings.TrimSpace(p.stdout()))
	}
}

// nothingLeft holds that a program that was run has gone, and run's files in the world's directory.
func (w *world) nothingLeft(pid string) {
	w.t.Helper()
	w.eventually("the program is still there", func() bool {
		_, err := os.Stat(filepath.Join("/proc", pid))
		return os.IsNotExist(err)
	})
	left, err := filepath.Glob(filepath.Join(w.dir, "resolv*"))
	require.NoError(w.t, err)
	require.Empty(w.t, left)
}

// An ordinary user, where /dev/net/tun is open to all, as most systems have it.
func TestRunAsOrdinaryUser(t *testing.T) {
	w := outside(t)
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	w.file(filepath.Join(root, "page"), 10_000)
	w.nginx(root)
	node := filepath.Join(w.dir, "tun")
	require.NoError(t, unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))))
	require.NoError(t, os.Chmod(node, 0o666))
	user := ordinary(t, "run", "--", "sh", "-c", "id -u; id -g; curl -sS -m 10 http://192.0.2.1/page | wc -c; grep -c 10.0.2.3 /etc/resolv.conf; grep CapEff /proc/self/status")
	// Its own /dev/net/tun, in a mount namespace; the machine's stays as it is.
	script := "mount --bind " + node + " /dev/net/tun && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\""
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", script, "sh"}, user.Args...)...)
	cmd.Env, cmd.Dir = user.Env, user.Dir
	p := w.run(cmd)
	if p.code == runFailed && strings.Contains(p.stderr(), "user namespaces") {
		t.Skip("this system gives ordinary users no namespaces: " + p.stderr())
	}
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, "65534\n65534\n10000\n1\nCapEff:\t0000000000000000\n", p.stdout())

	p = w.run(ordinary(t, "run", "--", "true")) // and where it is not
	require.Equal(t, runFailed, p.code)
	require.Contains(t, p.stderr(), "/dev/net/tun")
	requireOneLine(t, p)
}
