package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// iperf3 counts bytes, or datagrams, on both ends.
type iperfSum struct {
	Bytes   int64
	Packets int64
	Lost    int64 `json:"lost_packets"`
}

// iperf runs iperf3 inside against a server of one test outside, and returns what both ends counted.
func (w *world) iperf(t *testing.T, args ...string) map[string]iperfSum {
	t.Helper()
	server := w.start(exec.Command(programPath(t, "iperf3"), "-s", "-1", "--forceflush"))
	w.eventually("iperf3 does not listen", func() bool { return strings.Contains(server.stdout(), "Server listening") })
	p := w.run(runs(append([]string{"iperf3", "-J", "-c", kernelIP}, args...)...))
	require.Zero(t, p.code, p.stdout()+p.stderr())
	server.wait(t)
	var r struct{ End map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(p.stdout()), &r))
	sums := map[string]iperfSum{}
	for name, raw := range r.End {
		if strings.HasPrefix(name, "sum") {
			var s iperfSum
			require.NoError(t, json.Unmarshal(raw, &s))
			sums[name] = s
		}
	}
	return sums
}

// iperf3 works through the stack whichever way, in one stream and in several, with
// datagrams too. It stops reading when its time is over, on a loopback as well, so that
// its counts are bounds; TestRunUploads looks at every byte.
func TestRunIperf(t *testing.T) {
	w := outside(t)
	const all = 32 * mib
	for name, args := range map[string][]string{
		"up": nil, "down": {"-R"}, "up in eight streams": {"-P", "8"}, "down in eight streams": {"-R", "-P", "8"},
	} {
		t.Run(name, func(t *testing.T) {
			sums := w.iperf(t, append(args, "-n", "32M")...)
			require.GreaterOrEqual(t, sums["sum_sent"].Bytes, int64(all))
			require.LessOrEqual(t, sums["sum_received"].Bytes, sums["sum_sent"].Bytes)
			require.Greater(t, sums["sum_received"].Bytes, int64(all/4))
		})
	}
	for name, args := range map[string][]string{"datagrams up": nil, "datagrams down": {"-R"}} {
		t.Run(name, func(t *testing.T) {
			// So slowly that what is dropped is not for want of processor time: a socket's
			// buffer holds half a second of it.
			sums := w.iperf(t, append(args, "-u", "-b", "2M", "-l", "1400", "-k", "300")...)
			require.GreaterOrEqual(t, sums["sum_sent"].Packets, int64(300))
			require.Less(t, sums["sum_received"].Lost, int64(150))
		})
	}
}

// Eight uploads at once, through the stack and out: every byte is looked at.
func TestRunUploads(t *testing.T) {
	w := outside(t)
	up := filepath.Join(w.dir, "up")
	want := w.file(up, 16*mib)
	var l net.Listener
	w.do(func() (err error) { l, err = net.Listen("tcp4", kernelIP+":80"); return err })
	web := &nethttp.Server{Handler: nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		h := sha256.New()
		_, err := io.Copy(h, r.Body)
		fmt.Fprintf(rw, "%x %v\n", h.Sum(nil), err)
	})}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() { _ = web.Close() })
	const uploads = 8
	p := w.run(runs("curl", "-sS", "-Z", "--parallel-immediate", "-m", "60", "-T", up, fmt.Sprintf("http://%s/[1-%d]", kernelIP, uploads)))
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, strings.Repeat(want+" <nil>\n", uploads), p.stdout())
}
