package main

import (
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered is a server of the kernel's that answers with its port.
func (w *world) numbered(port string) *httptest.Server {
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":"+port)
		return err
	})
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, _ *nethttp.Request) { io.WriteString(rw, port+" ") }))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	w.t.Cleanup(s.Close)
	return s
}

// curl of the world fetches through the balancer from servers of the world; one dies, and one is told of it.
func TestBalance(t *testing.T) {
	w := newWorld(t)
	first := w.numbered("81")
	w.numbered("82")
	b := w.start(sockeye(on("balance", "--to", kernelIP+":81,"+kernelIP+":82", "--every", "20ms")...))
	w.eventually("it listens", func() bool { return strings.Contains(b.stderr(), "balancing "+ourIP) })
	fetch := func(n int) string {
		var all strings.Builder
		for range n {
			p := w.run(curl(t, "http://"+ourIP+"/"))
			require.Zero(t, p.code, p.stderr())
			all.WriteString(p.stdout())
		}
		return all.String()
	}
	require.Equal(t, "81 82 81 82 ", fetch(4))
	first.CloseClientConnections()
	first.Close()
	require.Equal(t, "82 82 82 82 ", fetch(4))
	w.eventually("the counts are told", func() bool {
		return strings.Contains(b.stderr(), fmt.Sprintf("%s:81 2 (0 open) OUT  %s:82 6 (0 open)\n", kernelIP, kernelIP))
	})
	require.NoError(t, b.cmd.Process.Signal(os.Interrupt))
	b.wait(t)
	require.Zero(t, b.code, b.stderr())
}

// Each policy that --by names does what it says.
func TestBalanceBy(t *testing.T) {
	w := newWorld(t)
	w.numbered("81")
	w.numbered("82")
	for _, row := range []struct {
		by, to string
		want   string // of eight fetches, one after the other
	}{
		{"round-robin", kernelIP + ":81," + kernelIP + ":82", "4 4"},
		{"weighted", kernelIP + ":81=3," + kernelIP + ":82=1", "6 2"},
		{"hash", kernelIP + ":81," + kernelIP + ":82", "(8 0|0 8)"},
	} {
		t.Run(row.by, func(t *testing.T) {
			b := w.start(sockeye(on("balance", "--by", row.by, "--to", row.to)...))
			w.eventually("it listens", func() bool { return strings.Contains(b.stderr(), "balancing "+ourIP) })
			got := ""
			for range 8 {
				p := w.run(curl(t, "http://"+ourIP+"/"))
				require.Zero(t, p.code, p.stderr())
				got += p.stdout()
			}
			require.Regexp(t, "^"+row.want+"$", fmt.Sprint(strings.Count(got, "81 "), " ", strings.Count(got, "82 ")))
			require.NoError(t, b.cmd.Process.Signal(os.Interrupt))
			b.wait(t)
			require.Zero(t, b.code, b.stderr())
		})
	}
}
