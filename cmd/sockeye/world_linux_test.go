package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// A world is a network namespace with a TUN in it: the kernel's side is
// 192.0.2.1, ours 192.0.2.2. Programs of the system run on the kernel's side.
type world struct {
	t   *testing.T
	ns  *setup.NetNS
	dir string
}

const (
	worldTUN = "sk0"
	kernelIP = "192.0.2.1"
	ourIP    = "192.0.2.2"
	ourCIDR  = ourIP + "/24"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// newNamespace makes a world without a device.
func newNamespace(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network namespace with a TUN needs root")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("there is no /dev/net/tun")
	}
	ns, err := setup.NewNetNS()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return &world{t: t, ns: ns, dir: t.TempDir()}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := newNamespace(t)
	w.do(func() error {
		if err := setup.AddTUN(worldTUN, -1, -1); err != nil {
			return err
		}
		return equip(worldTUN, netip.MustParsePrefix(kernelIP+"/24"))
	})
	return w
}

// do runs f inside the namespace.
func (w *world) do(f func() error) {
	w.t.Helper()
	require.NoError(w.t, w.ns.Do(f))
}

// A process runs in the world. Its outputs are collected.
type process struct {
	cmd      *exec.Cmd
	name     string
	mu       sync.Mutex
	out, err bytes.Buffer
	done     chan struct{}
	code     int
}

// start starts a program in the namespace; it is killed when the test ends.
func (w *world) start(cmd *exec.Cmd) *process {
	w.t.Helper()
	p := &process{cmd: cmd, name: filepath.Base(cmd.Path), done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &locked{&p.mu, &p.out}
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &locked{&p.mu, &p.err}
	}
	require.NoError(w.t, w.ns.Start(cmd))
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
	})
	return p
}

// run runs a program in the namespace to its end.
func (w *world) run(cmd *exec.Cmd) *process {
	w.t.Helper()
	p := w.start(cmd)
	p.wait(w.t)
	return p
}

// wait waits for the end.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.FailNow(t, "does not end", "%s: %s", p.cmd.Args, p.stderr())
	}
}

func (p *process) stdout() string { p.mu.Lock(); defer p.mu.Unlock(); return p.out.String() }
func (p *process) stderr() string { p.mu.Lock(); defer p.mu.Unlock(); return p.err.String() }

// sockeye is the command itself, as a process.
func sockeye(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "sockeye"
	cmd.Env = append(os.Environ(), asSockeye+"=1")
	return cmd
}

// on adds the flags of the world's device.
func on(args ...string) []string {
	return append(args, "--tun", worldTUN, "--addr", ourCIDR)
}

// session runs a stack of ours in this process, over the world's device.
func (w *world) session() *session {
	w.t.Helper()
	var s *session
	w.do(func() (err error) {
		p := &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
		s, err = p.open(&linkFlags{tun: worldTUN, addr: ourCIDR, state: w.dir})
		return err
	})
	w.t.Cleanup(func() { require.NoError(w.t, s.close(grace)) })
	return s
}

// file makes a file of n random hex digits and returns its SHA-256. Digits,
// since tshark takes some random bytes for a malformed header.
func (w *world) file(path string, n int) string {
	w.t.Helper()
	raw := make([]byte, n/2+1)
	_, _ = rand.Read(raw) // never fails
	b := hex.AppendEncode(nil, raw)[:n]
	require.NoError(w.t, os.WriteFile(path, b, 0o644))
	return sum(b)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func sumFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return hex.EncodeToString(h.Sum(nil))
}

// reachable waits until the kernel's side accepts connections on a port.
func (w *world) reachable(port string) {
	w.t.Helper()
	w.eventually("port "+port+" is not reachable", func() bool {
		err := w.ns.Do(func() error {
			c, err := net.Dial("tcp4", net.JoinHostPort(kernelIP, port))
			if err == nil {
				err = c.Close()
			}
			return err
		})
		return err == nil
	})
}

// eventually waits for something that must come true.
func (w *world) eventually(what string, f func() bool) {
	w.t.Helper()
	require.Eventually(w.t, f, patience, 10*time.Millisecond, what)
}

// locked is a buffer that is read while it is written to.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// nginx serves dir on the kernel's side, with further lines in its server block.
func (w *world) nginx(dir string, lines ...string) *process {
	w.t.Helper()
	nginx := programPath(w.t, "nginx")
	conf := filepath.Join(w.dir, "nginx.conf")
	text := `daemon off; master_process off; user root; pid ` + w.dir + `/nginx.pid; error_log stderr;
events { worker_connections 512; }
http { access_log off; client_body_temp_path ` + w.dir + `; proxy_temp_path ` + w.dir + `; fastcgi_temp_path ` + w.dir + `; uwsgi_temp_path ` + w.dir + `; scgi_temp_path ` + w.dir + `;
server { listen ` + kernelIP + `:80; root ` + dir + "; " + strings.Join(lines, " ") + " } }\n"
	require.NoError(w.t, os.WriteFile(conf, []byte(text), 0o644))
	p := w.start(exec.Command(nginx, "-c", conf, "-p", w.dir, "-e", "stderr"))
	w.reachable("80")
	return p
}

// ended reports whether an error says that a socket was closed under a server of the test.
func ended(err error) bool {
	return err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)
}
