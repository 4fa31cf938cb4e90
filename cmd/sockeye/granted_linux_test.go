package main

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// What the device does for us is told in one line: by a server as it begins, by
// up, and by others with -v; nothing is told where nobody asked.
func TestGrantedIsTold(t *testing.T) {
	const granted = worldTUN + ": virtio header: "
	w := newWorld(t)
	root := t.TempDir()
	w.file(root+"/x", 10)
	serves := func(more ...string) string {
		p := w.serving(root, more...)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
		p.wait(t)
		require.Zero(t, p.code, p.stderr())
		return p.stderr()
	}
	t.Run("serve", func(t *testing.T) {
		require.Regexp(t, `^`+granted+`.*offloaded\nserving `, serves())
	})
	t.Run("serve with queues, of a device that was made for one", func(t *testing.T) {
		require.Regexp(t, `^`+granted+`.*; 1 of 2 queues\nserving `, serves("--queues", "2"))
	})
	t.Run("ping and its -v", func(t *testing.T) {
		ping := func(more ...string) *process {
			return w.run(sockeye(on(append([]string{"ping", "-c", "1", kernelIP}, more...)...)...))
		}
		p := ping()
		require.Zero(t, p.code, p.stderr())
		require.NotContains(t, p.stderr(), "virtio")
		p = ping("-v")
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, 1, strings.Count(p.stderr(), granted))
	})
}

// A device that up made for several queues gives a server as many as it asks
// for, and others one.
func TestQueuesOfUp(t *testing.T) {
	w := newNamespace(t)
	at := func(args ...string) []string { return append(args, "--tun", worldTUN, "--state", w.dir) }
	up := w.run(sockeye(at("up", "--addr", ourCIDR, "--multi-queue")...))
	require.Zero(t, up.code, up.stderr())
	require.Regexp(t, `(?m)^sk0: virtio header: .*offloaded$`, up.stderr())

	ping := w.run(sockeye(at("ping", "-c", "1", kernelIP)...))
	require.Zero(t, ping.code, ping.stderr())

	root := t.TempDir()
	sum := w.file(root+"/x", mib)
	p := w.start(sockeye(at("serve", "--dir", root, "--queues", "2")...))
	w.eventually("serve does not begin", func() bool { return strings.Contains(p.stderr(), "serving ") })
	require.Regexp(t, `^sk0: .*; 2 queues\n`, p.stderr())
	for range 4 {
		c := w.run(curl(t, "-o", root+"/got", "http://"+net.JoinHostPort(ourIP, "80")+"/x"))
		require.Zero(t, c.code, c.stderr())
		require.Equal(t, sum, sumFile(t, root+"/got"))
	}
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	p.wait(t)
	require.Zero(t, p.code, p.stderr())
	down := w.run(sockeye(at("down")...))
	require.Zero(t, down.code, down.stderr())
	w.do(func() error {
		_, err := setup.Lookup(w.dir, worldTUN)
		require.ErrorIs(t, err, setup.ErrNoInterface)
		return nil
	})
}
