//go:build amd64 || arm64 || loong64 || ppc64le || riscv64 || s390x

package socket_test

// Of 64 bits only: struct timeval is another one elsewhere.

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

var update = flag.Bool("update", false, "record what the kernel returns: testdata/calls")

// An apart is the kernel in a namespace of its own: its addresses are 127.0.0.1
// and 192.0.2.1/24, of a device that leads nowhere. A descriptor's number is never
// used again, so that a call on a closed one meets nobody.
type apart struct {
	kernel
	ns    *setup.NetNS
	next  *atomic.Int64
	limit int
}

// firstNumber is beyond what the test itself has open.
const firstNumber = 500

// newApart makes the namespace, or skips where that is not allowed.
func newApart(t *testing.T) apart {
	ns := tuntest.NewNS(t)
	tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{Name: "calls0", Plain: true}) })
	require.NoError(t, ns.Do(func() error {
		for name, value := range map[string]string{
			"ping_group_range": "0 2147483647", "ip_local_port_range": "32768 60999",
			"tcp_rmem": "4096 131072 6291456", "tcp_wmem": "4096 16384 4194304",
		} {
			if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv4", name), []byte(value), 0); err != nil {
				return err
			}
		}
		return setup.SetUp("lo")
	}))
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	return apart{ns: ns, next: new(atomic.Int64), limit: int(min(limit.Cur, 1<<20)) - 200}
}

// up gives a descriptor a number that was never used.
func (a apart) up(fd int, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	number := firstNumber + int(a.next.Add(1))%(a.limit-firstNumber)
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, number)
}

// Socket is called inside the namespace only: see recorder.play.
func (a apart) Socket(domain, typ, proto int) (int, error) {
	return a.up(unix.Socket(domain, typ, proto))
}

func (a apart) Accept(fd int) (int, socket.SockAddr, error) {
	nfd, from, err := a.kernel.Accept(fd)
	nfd, err = a.up(nfd, err)
	return nfd, from, err
}

// A pace is how long the kernel is given for what a call began, and for a call
// in another goroutine to come to where it waits.
type pace struct{ settle, waits time.Duration }

var paces = []pace{{0, 10 * time.Millisecond}, {2 * time.Millisecond, 20 * time.Millisecond},
	{10 * time.Millisecond, 50 * time.Millisecond}, {50 * time.Millisecond, 200 * time.Millisecond}, {200 * time.Millisecond, time.Second}}

// A recorder plays sequences on the kernel, each with ports of its own.
type recorder struct {
	k    apart
	base int
}

func (r *recorder) play(q sequence, at pace) (results []string) {
	if r.base += lettered; r.base < firstPort || r.base+lettered > 32000 {
		r.base = firstPort
	}
	p := newPlayer(r.k, r.base)
	p.settle = func(waits bool) {
		if waits {
			time.Sleep(at.waits)
			return
		}
		if at.settle > 0 {
			time.Sleep(at.settle)
		}
	}
	err := r.k.ns.Do(func() error {
		results = p.play(q)
		return nil
	})
	if err != nil {
		panic(err)
	}
	return results
}

// wants are the results that are written down.
func (q *sequence) wants() (all []string) {
	for _, s := range q.steps {
		all = append(all, s.want)
	}
	return all
}

// patientlyPlay plays until the kernel returns what is written down, slower each time.
func (r *recorder) patientlyPlay(q sequence) (results []string) {
	if *update {
		return r.play(q, pace{3 * time.Millisecond, 100 * time.Millisecond})
	}
	for _, at := range paces {
		if results = r.play(q, at); slices.Equal(results, q.wants()) {
			return results
		}
	}
	return results
}

// The kernel returns what the scripts say. With -update it says what they shall say.
func TestCallScriptsAreLinux(t *testing.T) {
	r := recorder{k: newApart(t)}
	for file, seqs := range scripts(t) {
		var all []string
		for _, q := range seqs {
			results := r.patientlyPlay(q)
			all = append(all, results...)
			if !*update {
				require.Equal(t, q.wants(), results, "%s: %s", file, q.name)
			}
		}
		if *update {
			name := filepath.Join(callsDir, file)
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name, []byte(rewrite(string(text), all)), 0o644))
		}
	}
}

// What is recorded of random calls is what the kernel returns, and it returns what
// ours do for many more of them with SOCKEYE_LONG=1.
func TestRandomCallsAreLinux(t *testing.T) {
	r := recorder{k: newApart(t)}
	for _, d := range drawings {
		if *update {
			d.record(t, &r)
			continue
		}
		for seed, want := range d.recorded(t) {
			q := d.of(seed)
			for i := range q.steps {
				q.steps[i].want = want[i]
			}
			require.Equal(t, want, r.patientlyPlay(q), q.name)
		}
		if os.Getenv("SOCKEYE_LONG") != "" {
			d.compare(t, &r)
		}
	}
}

// record writes down what the kernel returns.
func (d *drawing) record(t *testing.T, r *recorder) {
	var b strings.Builder
	for seed := range randomRecorded {
		results := r.play(d.of(seed), pace{3 * time.Millisecond, 0})
		b.WriteString(strings.Join(results, ";") + "\n")
	}
	require.NoError(t, os.WriteFile(d.golden(), []byte(b.String()), 0o644))
}

// longSeeds are the random sequences of a long run.
const longSeeds = 20_000

// compare plays what is not recorded on both.
func (d *drawing) compare(t *testing.T, r *recorder) {
	for seed := randomRecorded; seed < randomRecorded+longSeeds; seed++ {
		q := d.of(seed)
		ours := onOurs(t, q)
		for i := range q.steps {
			q.steps[i].want = ours[i]
		}
		first := q.first(r.patientlyPlay(q), ours)
		if _, known := d.known[seed]; known != (first != "") {
			t.Errorf("%s: known: %v\n%s", d.name, known, first)
		}
		if seed%5000 == 0 {
			t.Logf("%d sequences", seed)
		}
	}
}
