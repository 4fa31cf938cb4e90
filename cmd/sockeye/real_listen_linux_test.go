package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/tun"
)

// listening serves a directory at port 80 by a stack of its own.
func (w *world) listening(cfg tcp.Config, root string) *stack.Stack {
	w.t.Helper()
	var l link.Link
	w.do(func() (err error) {
		l, err = tun.Open(tun.Config{Name: worldTUN})
		return err
	})
	s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(ourCIDR)}, TCP: cfg})
	require.NoError(w.t, err)
	web, err := stdnet.New(s).Listen("tcp", ":80")
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serveHTTP(ctx, web, root, io.Discard) }()
	w.t.Cleanup(func() {
		cancel()
		<-served
		shut(s, grace)
	})
	return s
}

// Linux's clients come through SYN cookies (RFC 4987), with and without the
// timestamps that keep their options, and get everything.
func TestCookiesToCurl(t *testing.T) {
	for _, timestamps := range []string{"1", "0"} {
		t.Run("tcp_timestamps="+timestamps, func(t *testing.T) {
			w := newWorld(t)
			w.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/tcp_timestamps", []byte(timestamps), 0) })
			root := t.TempDir()
			const files = 20
			var sums [files]string
			for i := range sums {
				sums[i] = w.file(filepath.Join(root, fmt.Sprint(i)), mib)
			}
			s := w.listening(tcp.Config{SYNCookies: tcp.CookiesAlways}, root)
			dir := t.TempDir()
			c := w.run(curl(t, "-Z", "--parallel-immediate", "--parallel-max", "50", "-o", filepath.Join(dir, "#1"),
				fmt.Sprintf("http://%s/[0-%d]", ourIP, files-1)))
			require.Zero(t, c.code, c.stderr())
			for i, want := range sums {
				require.Equal(t, want, sumFile(t, filepath.Join(dir, fmt.Sprint(i))), "file %d", i)
			}
			n := s.Counters().TCP
			require.GreaterOrEqual(t, n.SyncookiesSent, uint64(files))
			require.EqualValues(t, files, n.SyncookiesRecv)
			require.EqualValues(t, files, n.PassiveOpens)
			require.Zero(t, n.SyncookiesFailed)
		})
	}
}
