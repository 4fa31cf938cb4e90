package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without a device get, ws, dig and ping go out through the system's own sockets, as an
// ordinary user, and say so.
func TestWithoutTUN(t *testing.T) {
	w := outside(t)
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	big := w.file(filepath.Join(root, "big"), 5<<20)
	w.nginx(root)
	w.dnsmasq()
	w.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0) })
	const says = "sockeye: no TUN device: going out through the system's own sockets\n"
	try := func(args ...string) *process {
		t.Helper()
		p := w.run(ordinary(t, append(args, "--state", w.dir)...))
		require.Contains(t, p.stderr(), says)
		return p
	}
	p := try("get", "--dns", kernelIP, "http://www.sockeye.test/big")
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, big, sum([]byte(p.stdout())))
	require.Equal(t, says, p.stderr())
	p = try("dig", "@"+kernelIP, "--short", "www.sockeye.test")
	require.Equal(t, "192.0.2.1\n", p.stdout())
	p = try("dig", "@"+kernelIP, "--tcp", "--short", "alias.sockeye.test")
	require.Equal(t, "www.sockeye.test.\n192.0.2.1\n", p.stdout())
	p = try("ping", "-c", "2", "-i", "0.1", kernelIP)
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), "2 received")

	// The journey is told in all its ways, too.
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(open), 0o755))
	page, packets := filepath.Join(open, "trip.html"), filepath.Join(open, "trip.pcapng")
	p = try("get", "-v", "--lang", "ko", "--html", page, "--pcap", packets, "-I", "http://"+kernelIP+"/big")
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stderr(), "2  연결 ---")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), `<html lang="ko"`)
	require.Contains(t, string(text), "HEAD /big HTTP/1.1")
	requireCapture(t, packets)
	p = try("get", "--html", filepath.Join(open, "none", "trip.html"), "http://"+kernelIP+"/big")
	require.NotZero(t, p.code)
	require.Contains(t, p.stderr(), "cannot write the journey's page")

	p = try("ws", "ws://"+kernelIP+"/big") // nginx has none there
	require.Equal(t, 8, p.code)
	require.Contains(t, p.stderr(), "the server answered 200 OK and not 101")

	p = try("get", "http://"+kernelIP+":81/")
	require.Equal(t, 7, p.code)
	require.Contains(t, p.stderr(), "connection refused")
	p = try("get", "-m", "10", "http://203.0.113.1/")
	require.Contains(t, []int{7, 28}, p.code, p.stderr())
	p = try("ping", "-c", "1", "203.0.113.1")
	require.Equal(t, pingNoReply, p.code)
	require.Contains(t, p.stdout(), "From 10.0.2.2 icmp_seq=1 ")

	p = w.run(ordinary(t, "serve", "--state", w.dir)) // others could not reach it
	require.Equal(t, 1, p.code)
	require.Contains(t, p.stderr(), "sockeye up")
}
