package main

import (
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serveSlowly runs a server at port 80, and at 443 with TLS and HTTP/2. At /stream it says the next part when it is told
// to go on; at /trickle it sends a little at a time until then, and so much more; at /poll it answers then.
func (w *world) serveSlowly() (goOn chan struct{}) {
	goOn = make(chan struct{})
	h := nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		next := func() {
			w.(nethttp.Flusher).Flush()
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
		}
		switch r.URL.Path {
		case "/stream":
			for i := range 3 {
				fmt.Fprintf(w, "part %d\n", i)
				next()
			}
		case "/poll":
			next() // its head goes at once
			io.WriteString(w, "news\n")
		case "/trickle":
			trickle(w, r, make([]byte, 4<<20), 1<<10, goOn)
		}
	})
	for port, secure := range map[string]bool{"80": false, "443": true} {
		s := httptest.NewUnstartedServer(h)
		s.Listener.Close()
		w.do(func() (err error) {
			s.Listener, err = net.Listen("tcp4", kernelIP+":"+port)
			return err
		})
		if s.EnableHTTP2 = secure; secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		w.t.Cleanup(s.Close)
	}
	return goOn
}

// trickle sends so much of data each 20 ms until it is told to go on, then the rest.
func trickle(w nethttp.ResponseWriter, r *nethttp.Request, data []byte, part int, goOn <-chan struct{}) {
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; len(data) > part; data = data[part:] {
		w.Write(data[:part])
		w.(nethttp.Flusher).Flush()
		select {
		case <-goOn:
			w.Write(data[part:])
			return
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
	w.Write(data)
}

// What streams, and what is polled for, is printed as it arrives: the server goes on once it was seen.
func TestGetPrintsAsItArrives(t *testing.T) {
	w := newWorld(t)
	goOn := w.serveSlowly()
	for name, args := range map[string][]string{
		"HTTP/1.1": {"http://" + kernelIP + "/stream"},
		"HTTP/2":   {"-k", "https://" + kernelIP + "/stream"},
		"with -i":  {"-i", "http://" + kernelIP + "/stream"},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.start(sockeye(on(append([]string{"get"}, args...)...)...))
			for i := range 3 {
				w.eventually("it is printed at once", func() bool { return strings.HasSuffix(p.stdout(), fmt.Sprintf("part %d\n", i)) })
				goOn <- struct{}{}
			}
			p.wait(t)
			require.Zero(t, p.code, p.stderr())
		})
	}
	t.Run("long polling", func(t *testing.T) {
		p := w.start(sockeye(on("get", "http://"+kernelIP+"/poll")...))
		goOn <- struct{}{}
		p.wait(t)
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, "news\n", p.stdout())
	})
}

// On a terminal a long page has a bar, which goes away in the end; -s and what is no terminal have none.
func TestProgressBar(t *testing.T) {
	w := newWorld(t)
	goOn := w.serveSlowly()
	tm := openTerminal(t)
	page := filepath.Join(w.dir, "page")
	cmd := sockeye(on("get", "-o", page, "http://"+kernelIP+"/trickle")...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=")
	cmd.Stderr = tm.inner
	p := w.start(cmd)
	w.eventually("a bar is shown", func() bool {
		return strings.Contains(tm.shown(), "of 4.0 MiB") && strings.Contains(tm.shown(), " left")
	})
	goOn <- struct{}{}
	p.wait(t)
	require.Zero(t, p.code, tm.shown())
	w.eventually("it is taken away", func() bool { return strings.HasSuffix(tm.shown(), "\r\x1b[K") })
	st, err := os.Stat(page)
	require.NoError(t, err)
	require.EqualValues(t, 4<<20, st.Size())
}

// Who does not look at a terminal, or wants silence, sees no bar.
func TestNoProgressBar(t *testing.T) {
	w := newWorld(t)
	goOn := w.serveSlowly()
	for _, row := range []struct {
		name     string
		args     []string
		terminal bool
	}{{"no terminal", nil, false}, {"-s", []string{"-s"}, true}, {"a journey is told", []string{"-v"}, true}} {
		t.Run(row.name, func(t *testing.T) {
			cmd := sockeye(on(append([]string{"get", "-o", filepath.Join(w.dir, "page"), "http://" + kernelIP + "/trickle"}, row.args...)...)...)
			cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=")
			var tm *terminal
			if row.terminal {
				tm = openTerminal(t)
				cmd.Stderr = tm.inner
			}
			p := w.start(cmd)
			page := filepath.Join(w.dir, "page")
			w.eventually("it lasts as long as one with a bar", func() bool {
				st, err := os.Stat(page)
				return err == nil && st.Size() >= 50<<10 // of 1 KiB each 20 ms
			})
			goOn <- struct{}{}
			p.wait(t)
			require.Zero(t, p.code)
			require.NotContains(t, p.stderr(), "MiB")
			if tm != nil {
				require.NotContains(t, tm.shown(), "of 4.0 MiB")
			}
			require.NoError(t, os.Remove(page))
		})
	}
}

func TestProgressBarLines(t *testing.T) {
	for _, row := range []struct {
		total, done int64
		after       time.Duration
		want        string
	}{
		{100, 0, time.Second, "[                ]   0 %  0 B of 100 B  0 B/s  ? left "},
		{100, 50, time.Second, "[========        ]  50 %  50 B of 100 B  50 B/s  1s left "},
		{100, 100, time.Second, "[================] 100 %  100 B of 100 B  100 B/s  0s left "},
		{10 << 20, 5 << 20, 2 * time.Second, "[========        ]  50 %  5.0 MiB of 10.0 MiB  2.5 MiB/s  2s left "},
		{100, 200, time.Second, "[================] 200 %  200 B of 100 B  200 B/s  0s left "},
		{-1, 2048, time.Second, "   2.0 KiB  2.0 KiB/s "},
		{1023 << 20, 1020 << 20, 340 * time.Second, "[=============== ]  99 %  1020.0 MiB of 1023.0 MiB  3.0 MiB/s  1s left "},
		{1000 << 30, 1 << 30, 100 * time.Second, "[                ]   0 %  1.0 GiB of 1000.0 GiB  10.2 MiB/s  27h45m0s left "},
	} {
		b := &bar{total: row.total, done: row.done}
		require.LessOrEqual(t, len(b.line(row.after)), 80)
		require.Equal(t, row.want, b.line(row.after))
	}
	var none *bar
	none.add(1)
	none.end()
}
