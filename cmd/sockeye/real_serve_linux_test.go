package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// serving runs `sockeye serve` in the world and waits until it serves.
func (w *world) serving(dir string, more ...string) *process {
	w.t.Helper()
	p := w.start(sockeye(on(append([]string{"serve", "--dir", dir}, more...)...)...))
	w.eventually("serve does not begin", func() bool {
		select {
		case <-p.done:
			require.FailNow(w.t, "serve ended", p.stderr())
		default:
		}
		return strings.Contains(p.stderr(), "serving ")
	})
	return p
}

func curl(t *testing.T, args ...string) *exec.Cmd {
	return exec.Command(programPath(t, "curl"), append([]string{"-sS", "--noproxy", "*"}, args...)...)
}

func TestServeToCurl(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	big := w.file(filepath.Join(root, "big"), 100*mib)
	sums := make([]string, 50)
	for i := range sums {
		sums[i] = w.file(filepath.Join(root, fmt.Sprint(i)), mib)
	}
	p := w.serving(root)
	at := "http://" + ourIP
	t.Run("100 MiB", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "big")
		c := w.run(curl(t, "-o", name, at+"/big"))
		require.Zero(t, c.code, c.stderr())
		require.Equal(t, big, sumFile(t, name))
	})
	t.Run("50 at once of 1 MiB", func(t *testing.T) {
		dir := t.TempDir()
		c := w.run(curl(t, "-Z", "--parallel-immediate", "--parallel-max", "50", "-o", filepath.Join(dir, "#1"), at+"/[0-49]"))
		require.Zero(t, c.code, c.stderr())
		for i, want := range sums {
			require.Equal(t, want, sumFile(t, filepath.Join(dir, fmt.Sprint(i))), "file %d", i)
		}
	})
	t.Run("a head", func(t *testing.T) {
		c := w.run(curl(t, "-I", at+"/big"))
		require.Zero(t, c.code, c.stderr())
		require.Contains(t, c.stdout(), "HTTP/1.1 200 OK")
		require.Contains(t, c.stdout(), fmt.Sprintf("Content-Length: %d", 100*mib))
	})
	t.Run("what is not there", func(t *testing.T) {
		c := w.run(curl(t, "-o", os.DevNull, "-w", "%{http_code}", at+"/nothing"))
		require.Zero(t, c.code, c.stderr())
		require.Equal(t, "404", c.stdout())
	})
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	p.wait(t)
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stderr(), `"GET /nothing HTTP/1.1" 404`)
	require.Contains(t, p.stderr(), `"HEAD /big HTTP/1.1" 200 0 bytes`)
}

func TestServeCapture(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	for i := range 5 {
		w.file(filepath.Join(root, fmt.Sprint(i)), mib)
	}
	pcap := filepath.Join(t.TempDir(), "serve.pcapng")
	p := w.serving(root, "--pcap", pcap)
	c := w.run(curl(t, "-Z", "--parallel-immediate", "-o", os.DevNull, "http://"+ourIP+"/[0-4]"))
	require.Zero(t, c.code, c.stderr())
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait(t)
	require.Zero(t, p.code, p.stderr())
	requireCapture(t, pcap)
}

// A client that goes away leaves nothing behind.
func TestServeAbortedDownload(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	w.file(filepath.Join(root, "big"), 100*mib)
	s := w.session()
	l, err := stdnet.New(s.stack).Listen("tcp", ":80")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serveHTTP(ctx, l, root, io.Discard) }()
	c := w.run(curl(t, "--limit-rate", "100k", "-m", "0.3", "-o", os.DevNull, "http://"+ourIP+"/big"))
	require.Equal(t, 28, c.code, c.stderr())
	w.eventually("a connection was left behind", func() bool {
		for _, d := range s.stack.Sockets() {
			if d.Kind == host.Stream && d.State != tcp.StateListen && d.State != tcp.StateTimeWait {
				return false
			}
		}
		return true
	})
	cancel()
	require.Error(t, <-served, "the server was closed")
}

// Stopped in the middle, serve ends at once, and so does the client.
func TestServeStoppedInTheMiddle(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			w := newWorld(t)
			root := t.TempDir()
			w.file(filepath.Join(root, "big"), 100*mib)
			p := w.serving(root)
			name := filepath.Join(t.TempDir(), "big")
			c := w.start(curl(t, "--limit-rate", "20M", "-o", name, "http://"+ourIP+"/big"))
			w.eventually("the download does not begin", func() bool {
				st, err := os.Stat(name)
				return err == nil && st.Size() > 0
			})
			require.NoError(t, p.cmd.Process.Signal(sig))
			begin := time.Now()
			p.wait(t)
			c.wait(t)
			require.Zero(t, p.code, p.stderr())
			require.Contains(t, []int{18, 56}, c.code, "curl must see the end of the connection: %s", c.stderr())
			require.Less(t, time.Since(begin), 5*time.Second)
		})
	}
}

// The port of a listener of ours is taken; so is a device that is open.
func TestServeInUse(t *testing.T) {
	w := newWorld(t)
	w.serving(t.TempDir())
	p := w.run(sockeye(on("serve", "--dir", w.dir)...))
	require.Equal(t, 1, p.code)
	require.Contains(t, p.stderr(), "another program has the device open")
	require.Equal(t, 1, strings.Count(p.stderr(), "\n"), p.stderr())
}

func TestServeBadListen(t *testing.T) {
	w := newWorld(t)
	for _, at := range []string{"203.0.113.9:80", ":http-nope", "nonsense"} {
		p := w.run(sockeye(on("serve", "--dir", w.dir, "--listen", at)...))
		require.Equal(t, 1, p.code)
		require.Contains(t, p.stderr(), "cannot listen on "+at)
		require.Equal(t, 1, strings.Count(p.stderr(), "\n"), p.stderr())
	}
}
