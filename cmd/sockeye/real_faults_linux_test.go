package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// begun waits until a file has begun to grow.
func (w *world) begun(name string) {
	w.t.Helper()
	w.eventually("the transfer does not begin", func() bool {
		st, err := os.Stat(name)
		return err == nil && st.Size() > 0
	})
}

// endless begins a download that would take a minute.
func (w *world) endless() (get, nginx *process) {
	w.t.Helper()
	root := w.t.TempDir()
	w.file(filepath.Join(root, "big"), 20*mib)
	nginx = w.nginx(root, "limit_rate 300k;")
	name := filepath.Join(w.t.TempDir(), "big")
	get = w.start(sockeye(on("get", "-o", name, "http://"+kernelIP+"/big")...))
	w.begun(name)
	return get, nginx
}

// A slowDownload is one that is under way until it is told to go on.
type slowDownload struct {
	*process
	w    *world
	name string // of the file
	sum  string // of what it has to be
	goOn chan struct{}
}

func (w *world) slowDownload() *slowDownload {
	w.t.Helper()
	data := make([]byte, 32*mib)
	_, _ = rand.Read(data) // never fails
	d := &slowDownload{w: w, name: filepath.Join(w.t.TempDir(), "big"), sum: sum(data), goOn: make(chan struct{})}
	var l net.Listener
	w.do(func() (err error) { l, err = net.Listen("tcp4", kernelIP+":80"); return err })
	server := &nethttp.Server{Handler: nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		trickle(rw, r, data, 16<<10, d.goOn)
	})}
	go func() { _ = server.Serve(l) }()
	w.t.Cleanup(func() { _ = server.Close() })
	d.process = w.start(sockeye(on("get", "-o", d.name, "http://"+kernelIP+"/")...))
	w.begun(d.name)
	return d
}

// comesWhole lets the rest come, and holds that all of it is right.
func (d *slowDownload) comesWhole() {
	d.w.t.Helper()
	close(d.goOn)
	d.wait(d.w.t)
	require.Zero(d.w.t, d.code, d.stderr())
	require.Equal(d.w.t, d.sum, sumFile(d.w.t, d.name))
}

func requireOneLine(t *testing.T, p *process) {
	t.Helper()
	require.Equal(t, 1, strings.Count(p.stderr(), "\n"), "%q", p.stderr())
}

// The server dies in the middle: the kernel resets or ends the connection.
func TestServerKilled(t *testing.T) {
	w := newWorld(t)
	get, nginx := w.endless()
	require.NoError(t, nginx.cmd.Process.Kill())
	get.wait(t)
	require.Contains(t, []int{18, curlRecv}, get.code, get.stderr())
	requireOneLine(t, get)
}

// The device is set down in the middle and up again: the transfer goes on.
func TestAttack_75_DeviceDownAndUp(t *testing.T) {
	w := newWorld(t)
	d := w.slowDownload()
	w.do(func() error { return setup.SetDown(worldTUN) })
	w.do(func() error { return setup.SetUp(worldTUN) })
	d.comesWhole()
}

// The device's MTU changes in the middle, down and up: the transfer goes on.
func TestAttack_75_DeviceChangesMTU(t *testing.T) {
	w := newWorld(t)
	d := w.slowDownload()
	for _, mtu := range []int{576, 9000, 1280, 1500} {
		w.do(func() error { return setup.SetMTU(worldTUN, mtu) })
		before := sizeOf(t, d.name)
		w.eventually("nothing comes at this MTU", func() bool { return sizeOf(t, d.name) > before })
	}
	d.comesWhole()
}

func sizeOf(t *testing.T, name string) int64 {
	t.Helper()
	st, err := os.Stat(name)
	require.NoError(t, err)
	return st.Size()
}

// The device is deleted in the middle: an error at once, that says so.
func TestAttack_75_DeviceDeleted(t *testing.T) {
	w := newWorld(t)
	get, _ := w.endless()
	begin := time.Now()
	w.do(func() error { return setup.Delete(worldTUN) })
	get.wait(t)
	require.Less(t, time.Since(begin), 5*time.Second)
	require.NotZero(t, get.code)
	require.Contains(t, get.stderr(), "the device sk0 failed: the device was deleted")
	requireOneLine(t, get)
}

// A signal in the middle: the kernel's side sees FIN or RST, never silence.
func TestGetInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		w := newWorld(t)
		var l net.Listener
		w.do(func() (err error) { l, err = net.Listen("tcp4", kernelIP+":80"); return err })
		seen := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				seen <- err
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")
			_ = c.SetReadDeadline(time.Now().Add(patience))
			_, err = io.Copy(io.Discard, c) // nil: FIN; ECONNRESET: RST; a deadline: silence
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				seen <- fmt.Errorf("silence")
				return
			}
			seen <- nil
		}()
		name := filepath.Join(t.TempDir(), "page")
		get := w.start(sockeye(on("get", "-o", name, "http://"+kernelIP+"/")...))
		w.begun(name)
		require.NoError(t, get.cmd.Process.Signal(sig))
		get.wait(t)
		require.Equal(t, 128+int(sig), get.code, get.stderr())
		require.NoError(t, <-seen)
		require.NoError(t, l.Close())
	}
}

func TestGetErrors(t *testing.T) {
	w := newWorld(t)
	w.dnsmasq()
	var l net.Listener
	w.do(func() (err error) { l, err = net.Listen("tcp4", kernelIP+":81"); return err })
	answers := map[string]string{
		"/empty":   "",
		"/weird":   "SSH-2.0-x\r\n\r\n",
		"/partial": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 1000)
			n, _ := c.Read(buf)
			target := strings.Fields(string(buf[:n]) + " / /")[1]
			if target == "/reset" {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			_, _ = io.WriteString(c, answers[target])
			_ = c.Close()
		}
	}()
	defer func() { _ = l.Close(); <-done }()
	rows := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"refused (curl: 7)", []string{"http://" + kernelIP + ":9/"}, 7, "nobody listens there"},
		{"no such name (curl: 6)", []string{"http://nobody.sockeye.test/"}, 6, "no such name"},
		{"reset (curl: 56)", []string{"http://" + kernelIP + ":81/reset"}, 56, kernelIP + ":81"},
		{"nothing came (curl: 52)", []string{"http://" + kernelIP + ":81/empty"}, 52, "without a word"},
		{"not HTTP (curl: 8)", []string{"http://" + kernelIP + ":81/weird"}, 8, ""},
		{"ended early (curl: 18)", []string{"http://" + kernelIP + ":81/partial"}, 18, "missing"},
		{"nobody there (curl: 28)", []string{"-m", "300ms", "http://192.0.2.77/"}, 28, "check the address"},
		{"a file that cannot be written (curl: 23)", []string{"-o", "/no/such/dir/x", "http://www.sockeye.test:81/partial"}, 23, "cannot write the page"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			p := w.run(sockeye(on(append([]string{"get"}, r.args...)...)...))
			require.Equal(t, r.code, p.code, p.stderr())
			require.Contains(t, p.stderr(), r.want)
			requireOneLine(t, p)
		})
	}
}

// The kernel's side of the device has no address: there is no gateway.
func TestNoGateway(t *testing.T) {
	w := newNamespace(t)
	w.do(func() error {
		if err := setup.AddTUN(worldTUN, -1, -1); err != nil {
			return err
		}
		return setup.SetUp(worldTUN)
	})
	p := w.run(sockeye(on("ping", "-c", "1", kernelIP)...))
	require.Equal(t, pingError, p.code)
	require.Contains(t, p.stderr(), "sudo ip addr add 192.0.2.1/24 dev sk0")
	requireOneLine(t, p)
	w.do(func() error { return setup.SetDown(worldTUN) })
	p = w.run(sockeye(on("ping", "-c", "1", kernelIP)...))
	require.Equal(t, pingError, p.code)
	require.Contains(t, p.stderr(), "is down")
	requireOneLine(t, p)
}

// A stack whose device goes away under fifty fetches ends them all, and leaves
// no goroutine (TestMain looks) and no descriptor behind.
func TestAttack_75_DeviceDeletedUnderMany(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	w.file(filepath.Join(root, "big"), 20*mib)
	w.nginx(root, "limit_rate 300k;")
	before := tuntest.OpenFDs(t)
	var s *session
	w.do(func() (err error) {
		p := &program{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
		s, err = p.open(&linkFlags{tun: worldTUN, addr: ourCIDR, state: w.dir})
		return err
	})
	const many = 50
	started, ended := make(chan struct{}, many), make(chan error, many)
	for range many {
		go func() {
			f := newFetch(s)
			defer f.client.Close()
			resp, err := f.client.Do(&http.Request{URL: "http://" + kernelIP + "/big"})
			started <- struct{}{}
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			ended <- err
		}()
	}
	for range many {
		<-started
	}
	w.do(func() error { return setup.Delete(worldTUN) })
	for range many {
		select {
		case err := <-ended:
			require.Error(t, err)
		case <-time.After(patience):
			require.FailNow(t, "a fetch hangs")
		}
	}
	require.NoError(t, s.close(grace))
	tuntest.NoMoreFDs(t, before)
}

// A router says that there is no way: that is the reason, in one line, not
// that nobody answered (curl: 7).
func TestRouterSaysNoWay(t *testing.T) {
	w := newWorld(t)
	w.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	p := w.run(sockeye(on("get", "-m", "3", "http://198.51.100.9/")...))
	require.Equal(t, 7, p.code, p.stderr())
	require.Contains(t, p.stderr(), "192.0.2.1 says: network unreachable")
	requireOneLine(t, p)
	p = w.run(sockeye(on("get", "--connect-timeout", "0.3", "http://192.0.2.77/")...))
	require.Equal(t, 28, p.code, "silence is a time-out: %s", p.stderr())
	requireOneLine(t, p)
}
