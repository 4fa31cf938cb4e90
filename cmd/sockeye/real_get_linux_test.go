package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sockeye-net/sockeye/apps/http"
)

const mib = 1 << 20

func TestGetFromNginx(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	for _, n := range []int{0, 1, 1 * mib, 100 * mib} {
		w.file(filepath.Join(root, fmt.Sprint(n)), n)
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "short"), []byte("five!"), 0o644))
	w.nginx(root)
	for _, n := range []int{0, 1, 100 * mib} {
		t.Run(fmt.Sprintf("%d bytes", n), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "page")
			p := w.run(sockeye(on("get", "-o", name, fmt.Sprintf("http://%s/%d", kernelIP, n))...))
			require.Zero(t, p.code, p.stderr())
			require.Empty(t, p.stderr())
			require.Equal(t, sumFile(t, filepath.Join(root, fmt.Sprint(n))), sumFile(t, name))
		})
	}
	t.Run("to standard output, with its packets in a file", func(t *testing.T) {
		pcap := filepath.Join(t.TempDir(), "get.pcapng")
		p := w.run(sockeye(on("get", "--pcap", pcap, fmt.Sprintf("http://%s/%d", kernelIP, mib))...))
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, sumFile(t, filepath.Join(root, fmt.Sprint(mib))), sum([]byte(p.stdout())))
		requireCapture(t, pcap)
	})
	t.Run("the journey of a long transfer is told in short", func(t *testing.T) {
		p := w.run(sockeye(on("get", "-v", "-o", os.DevNull, fmt.Sprintf("http://%s/%d", kernelIP, 100*mib))...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stderr(), "more lines")
		require.Contains(t, p.stderr(), "who first      We did")
		require.Less(t, strings.Count(p.stderr(), "\n"), 250)
	})
	t.Run("the journey of a short page", func(t *testing.T) {
		p := w.run(sockeye(on("get", "-v", fmt.Sprintf("http://%s/1", kernelIP))...))
		require.Zero(t, p.code, p.stderr())
		require.Len(t, p.stdout(), 1)
		require.Contains(t, p.stderr(), "less than 1 % of it is the page")
		require.Contains(t, p.stderr(), "(TIME-WAIT)")
		require.NotContains(t, p.stderr(), "(CLOSED)", "cleaning up is not told")
	})
	t.Run("page and journey on one terminal", func(t *testing.T) {
		var all bytes.Buffer
		page := &locked{new(sync.Mutex), &all}
		p := &program{out: page, err: page, mixed: true}
		f := &getFlags{linkFlags: linkFlags{tun: worldTUN, addr: ourCIDR, state: w.dir, verbose: true}}
		var s *session
		w.do(func() (err error) {
			s, err = p.open(&f.linkFlags)
			return err
		})
		require.NoError(t, p.fetch(s, f, &http.Request{URL: fmt.Sprintf("http://%s/short", kernelIP)}, nil))
		require.NoError(t, s.close(grace))
		require.Equal(t, 1, strings.Count(all.String(), "five!"), "once: %s", all.String())
		require.Contains(t, all.String(), "\nfive!\n\n", "on a line of its own")
	})
	t.Run("a capture that cannot be written (curl: 23)", func(t *testing.T) {
		p := w.run(sockeye(on("get", "--pcap", "/no/such/dir/x", fmt.Sprintf("http://%s/1", kernelIP))...))
		require.Equal(t, curlWrite, p.code)
		require.Contains(t, p.stderr(), "cannot write the capture")
		requireOneLine(t, p)
	})
	t.Run("a page that cannot be written (curl: 23)", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		defer full.Close()
		cmd := sockeye(on("get", fmt.Sprintf("http://%s/1", kernelIP))...)
		cmd.Stdout = full
		p := w.run(cmd)
		require.Equal(t, curlWrite, p.code)
		require.Contains(t, p.stderr(), "no space left")
		requireOneLine(t, p)
		cmd = sockeye(on("ping", "-c", "1", kernelIP)...)
		cmd.Stdout = full
		p = w.run(cmd)
		require.Equal(t, pingError, p.code)
		require.Contains(t, p.stderr(), "no space left")
		requireOneLine(t, p)
	})
	t.Run("head only, and what is not there", func(t *testing.T) {
		p := w.run(sockeye(on("get", "-I", "http://"+kernelIP+"/1")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "HTTP/1.1 200 OK\r\n")
		require.True(t, strings.HasSuffix(p.stdout(), "\r\n\r\n"))

		p = w.run(sockeye(on("get", "http://"+kernelIP+"/nothing")...))
		require.Zero(t, p.code, "as curl: a 404 is an answer")
		require.Contains(t, p.stdout(), "404")

		p = w.run(sockeye(on("get", "-f", "http://"+kernelIP+"/nothing")...))
		require.Equal(t, curlNoHTTP, p.code)
		require.Empty(t, p.stdout())
		require.Contains(t, p.stderr(), "404")
	})
}

// Fifty fetches at once, in one process, on one stack.
func TestGetFiftyAtOnce(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	sums := make([]string, 50)
	for i := range sums {
		sums[i] = w.file(filepath.Join(root, fmt.Sprint(i)), mib)
	}
	w.nginx(root)
	s := w.session()
	var g errgroup.Group
	for i := range sums {
		g.Go(func() error {
			h := sha256.New()
			f := newFetch(s)
			defer f.client.Close()
			n, err := f.do(&http.Request{URL: fmt.Sprintf("http://%s/%d", kernelIP, i)}, h)
			if err != nil {
				return err
			}
			if got := hex.EncodeToString(h.Sum(nil)); n != mib || got != sums[i] {
				return fmt.Errorf("file %d: %d bytes with SHA-256 %s, want %s", i, n, got, sums[i])
			}
			return f.resp.Body.Close()
		})
	}
	require.NoError(t, g.Wait())
}

// Over the device of up, without flags; and down takes it away.
func TestGetOverUp(t *testing.T) {
	w := newNamespace(t)
	p := w.run(sockeye("up", "--tun", worldTUN, "--addr", ourCIDR, "--state", w.dir))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stderr(), "our stack is "+ourCIDR)
	root := t.TempDir()
	want := w.file(filepath.Join(root, "page"), 3000)
	w.nginx(root)
	p = w.run(sockeye("get", "--state", w.dir, "http://"+kernelIP+"/page"))
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, want, sum([]byte(p.stdout())))
	p = w.run(sockeye("down", "--tun", worldTUN, "--state", w.dir))
	require.Zero(t, p.code, p.stderr())
	p = w.run(sockeye("get", "-m", "1", "--state", w.dir, "http://"+kernelIP+"/page"))
	require.NotZero(t, p.code, "the server's address went with the device")
	require.Contains(t, p.stderr(), "no TUN device")
}

// The device does not have to be there: the command makes it, and it goes with it.
func TestGetMakesItsDevice(t *testing.T) {
	w := newNamespace(t)
	p := w.run(sockeye("ping", "-c", "1", "--tun", "sk7", "--addr", "192.0.2.9/28", "192.0.2.1"))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), "1 received")
	require.Error(t, w.ns.Do(func() error {
		_, err := os.Stat("/proc/sys/net/ipv4/conf/sk7") // of the calling thread's namespace
		return err
	}))
}

func TestDemoTUN(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace with a TUN needs root")
	}
	pcap := filepath.Join(t.TempDir(), "demo.pcapng")
	w := newNamespace(t)
	p := w.run(sockeye("demo", "--link", "tun", "--pcap", pcap))
	require.Zero(t, p.code, p.stderr())
	requireChapters(t, p.stdout())
	require.Contains(t, p.stdout(), "Linux kernel")
	requireCapture(t, pcap)
	requireSum(t, p.stdout())
	arrows := regexp.MustCompile(`(?m)ms  \|(--|<-).*\|`).FindAllString(p.stdout(), -1)
	require.Len(t, arrows, capturedPackets(t, pcap), "each packet of the capture is told, and no IPv6")
	require.NotContains(t, p.stdout(), "IPv6")
}
