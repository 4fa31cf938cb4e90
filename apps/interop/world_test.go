package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// A world is a network namespace and a stack of ours, joined by a TUN: the kernel's
// side is 192.0.2.1, ours 192.0.2.2. Programs run on the kernel's side.
type world struct {
	t     *testing.T
	ns    *setup.NetNS
	stack *stack.Stack
	net   *stdnet.Net
	dir   string // of the test's own
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ns := tuntest.NewNS(t)
	dev := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{}) })
	require.NoError(t, ns.Do(func() error { return setup.SetTxQueueLen(dev.Name(), 10000) }))
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{tuntest.Ours}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &world{t: t, ns: ns, stack: s, net: stdnet.New(s), dir: t.TempDir()}
}

// A side is what one end has of package net: ours, or the kernel's.
type side struct {
	ip     string
	listen func(network, address string) (net.Listener, error)
	packet func(network, address string) (net.PacketConn, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// at is one of a side's ports.
func (s side) at(port string) string { return net.JoinHostPort(s.ip, port) }

func sideOf(n *stdnet.Net, ip string) side {
	return side{ip: ip, listen: n.Listen, packet: n.ListenPacket, dial: n.DialContext}
}

func (w *world) ours() side { return sideOf(w.net, tuntest.Ours.Addr().String()) }

// kernel is package net inside the namespace.
func (w *world) kernel() side {
	return side{
		ip: tuntest.Theirs.Addr().String(),
		listen: func(network, address string) (l net.Listener, err error) {
			err = w.ns.Do(func() error { l, err = net.Listen(network, address); return err })
			return l, err
		},
		packet: func(network, address string) (pc net.PacketConn, err error) {
			err = w.ns.Do(func() error { pc, err = net.ListenPacket(network, address); return err })
			return pc, err
		},
		dial: func(ctx context.Context, network, address string) (c net.Conn, err error) {
			err = w.ns.Do(func() error { c, err = new(net.Dialer).DialContext(ctx, network, address); return err })
			return c, err
		},
	}
}

// eachWay runs f with our stack at either end of a TUN, the kernel at the other, and at
// both ends of a link in memory.
func eachWay(t *testing.T, f func(t *testing.T, client, server side)) {
	t.Run("our client, the kernel's server", func(t *testing.T) {
		w := newWorld(t)
		f(t, w.ours(), w.kernel())
	})
	t.Run("the kernel's client, our server", func(t *testing.T) {
		w := newWorld(t)
		f(t, w.kernel(), w.ours())
	})
	t.Run("both are ours, in memory", func(t *testing.T) {
		a, b, err := stdnet.Pair(stack.Config{}, stack.Config{})
		require.NoError(t, err)
		defer func() {
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
		}()
		f(t, sideOf(stdnet.New(a), "192.0.2.1"), sideOf(stdnet.New(b), "192.0.2.2"))
	})
}

// program returns the path of one of the system's programs, or skips.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return path
}

// A process runs in the world.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	out  bytes.Buffer // both outputs; or the errors only, if somebody else takes the output
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// start starts a program on the kernel's side; it is killed when the test ends.
func (w *world) start(cmd *exec.Cmd) *process {
	w.t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p
	}
	cmd.Stderr = p
	require.NoError(w.t, w.ns.Start(cmd))
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
	})
	return p
}

// finish waits for a program's end, which has to be a good one.
func (w *world) finish(p *process) {
	w.t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * patience):
		require.FailNow(w.t, "does not end", "%s: %s", p.cmd.Args, p.said())
	}
	require.Zero(w.t, p.cmd.ProcessState.ExitCode(), "%s: %s", p.cmd.Args, p.said())
}

// run runs a program on the kernel's side to its end and returns what it wrote.
func (w *world) run(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(program(w.t, name), args...)
	var out strings.Builder
	cmd.Stdout = &out
	w.finish(w.start(cmd))
	return out.String()
}

// serves waits until the kernel's side takes connections at a port.
func (w *world) serves(p *process, port string) {
	w.t.Helper()
	k := w.kernel()
	require.Eventually(w.t, func() bool {
		if p.ended() {
			return true
		}
		c, err := k.dial(w.t.Context(), "tcp4", k.at(port))
		return err == nil && c.Close() == nil
	}, patience, 10*time.Millisecond, "nobody serves")
	require.False(w.t, p.ended(), "%s: %s", p.cmd.Args, p.said())
}

// drained waits until no connection of ours is left.
func (w *world) drained() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.stack.Counters().TCP.CurrEstab == 0 }, patience, 10*time.Millisecond)
}

// certificates returns what a server shows and what a client trusts: httptest's, for example.com.
func certificates() (server tls.Certificate, pool *x509.CertPool) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool = x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

// random is n bytes that nothing compresses.
func random(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// file writes n random bytes to a file and returns their SHA-256.
func file(t *testing.T, path string, n int) string {
	t.Helper()
	b := random(n, byte(n))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, b, 0o644))
	return sum(b)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// sumOf is the SHA-256 of what is read to the end.
func sumOf(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}
