package main

import (
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// ordinary is the command as an ordinary user runs it.
func ordinary(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("", "sockeye")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	cover := filepath.Join(dir, "cover") // for go test -cover, which the user writes to
	require.NoError(t, os.Mkdir(cover, 0o755))
	require.NoError(t, os.Chmod(cover, 0o777))
	from, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, "sockeye"), os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	cmd := exec.Command(to.Name(), args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), asSockeye+"=1", "GOCOVERDIR="+cover)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// The device is not this user's: one line that says what to do.
func TestNoPermission(t *testing.T) {
	w := newWorld(t)
	p := w.run(ordinary(t, on("get", "http://"+kernelIP+"/")...))
	require.Equal(t, curlInterface, p.code)
	require.Contains(t, p.stderr(), "run as root")
	requireOneLine(t, p)
	p = w.run(ordinary(t, "up", "--tun", "sk9", "--state", w.dir))
	require.Equal(t, 1, p.code)
	require.Contains(t, p.stderr(), "run as root: `sudo sockeye up`")
	requireOneLine(t, p)

	require.NoError(t, w.ns.Do(func() error {
		_, err := setup.Up(setup.UpConfig{Name: "sk9", Addr: netip.MustParsePrefix("198.51.100.2/24"), Dir: w.dir})
		return err
	}))
	p = w.run(ordinary(t, "down", "--tun", "sk9", "--state", w.dir))
	require.Equal(t, 1, p.code)
	require.Contains(t, p.stderr(), "run as root: `sudo sockeye down`")
	require.NotContains(t, p.stderr(), ".json", "how we keep our notes is no matter of the user's")
	requireOneLine(t, p)
	require.NoError(t, w.ns.Do(func() error { return setup.Down(w.dir, "sk9") }))
}

// An ordinary user's demo takes the TUN where the system allows it, and the
// Pipe where not; both end well. Asked for the TUN, it does not do without.
func TestDemoAsOrdinaryUser(t *testing.T) {
	w := newNamespace(t)
	p := w.run(ordinary(t, "demo"))
	require.Zero(t, p.code, p.stderr())
	requireChapters(t, p.stdout())
	onTUN := strings.Contains(p.stdout(), "sockeye0 is a TUN")
	require.NotEqual(t, onTUN, strings.HasPrefix(p.stdout(), "   No TUN and no kernel take part"))

	p = w.run(ordinary(t, "demo", "--link", "tun"))
	if onTUN {
		require.Zero(t, p.code, p.stderr())
		return
	}
	require.Equal(t, 1, p.code)
	require.Empty(t, p.stdout())
	require.Contains(t, p.stderr(), "no TUN: ")
	requireOneLine(t, p)
}

func TestServersToAsk(t *testing.T) {
	at := func(s string) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(s)} }
	kernel := netip.MustParseAddr(kernelIP)
	got, err := (&linkFlags{}).servers(&plan{gateway: kernel})
	require.NoError(t, err)
	require.Equal(t, at("192.0.2.1:53"), got, "the kernel's side")
	got, err = (&linkFlags{dns: "9.9.9.9"}).servers(&plan{gateway: kernel, state: &setup.State{NAT: "eth0"}})
	require.NoError(t, err)
	require.Equal(t, at("9.9.9.9:53"), got, "--dns")
	got, err = (&linkFlags{dns: "9.9.9.9:5353"}).servers(&plan{gateway: kernel})
	require.NoError(t, err)
	require.Equal(t, at("9.9.9.9:5353"), got, "--dns with a port")
	_, err = (&linkFlags{dns: "localhost"}).servers(&plan{gateway: kernel})
	require.ErrorContains(t, err, "--dns")

	want, wantErr := setup.SystemNameServers()
	got, err = (&linkFlags{}).servers(&plan{gateway: kernel, state: &setup.State{NAT: "eth0"}})
	require.Equal(t, wantErr == nil, err == nil)
	require.Len(t, got, len(want), "behind NAT the system's")
	for i, a := range want {
		require.Equal(t, a, got[i].Addr())
	}
}
