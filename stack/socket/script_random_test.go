package socket_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Random sequences: what the kernel returned for the first seeds is recorded in
// random.golden and wide.golden, a line each; with SOCKEYE_LONG=1, as root, both are
// asked for thousands more (script_linux_test.go).

// A drawing is a way to draw sequences.
type drawing struct {
	name  string
	of    func(seed int) sequence
	known map[int]string // seeds beyond those recorded that are known to end otherwise, and why
}

var drawings = []drawing{{"random", randomSequence, randomKnown}, {"wide", wideSequence, wideKnown}}

const (
	randomRecorded = 300
	randomCalls    = 25
)

// randomSequence makes calls up, in and out of order, on few names and ports so that
// they meet. What is known to differ, and why, is in the scripts; it is left out here.
func randomSequence(seed int) sequence {
	g := generator{rand.New(rand.NewPCG(uint64(seed), 5)), []string{"a", "b", "c", "d"}, []string{"e"}}
	q := sequence{name: fmt.Sprint("seed ", seed)}
	kinds := [][]string{streamCalls, streamCalls, datagramCalls, append(streamCalls[:len(streamCalls):len(streamCalls)], datagramCalls...)}
	calls := kinds[g.r.IntN(len(kinds))]
	for range randomCalls {
		q.steps = append(q.steps, step{call: g.fill(g.of(calls))})
	}
	return q
}

// A generator fills in what calls leave open.
type generator struct {
	r     *rand.Rand
	names []string
	made  []string // of those that accept and connected make
}

func (g *generator) of(list []string) string { return list[g.r.IntN(len(list))] }

var (
	streamCalls = []string{
		"tcp %", "tcp %", "tcp %", "tcp %", "connected % %", "connected % %", "connected % %",
		"bind % 127.0.0.1:P", "bind % 127.0.0.1:P", "bind % 0.0.0.0:P", "bind % 192.0.2.1:P", "bind % 127.0.0.1:0", "bind % 203.0.113.9:P",
		"listen % 3", "listen % 0", "listen % -1", "accept % %", "accept % %", "accept % %",
		"connect % @%", "connect % @%", "connect % @%", "connect % 127.0.0.1:P", "connect % 127.0.0.1:P", "connect % 192.0.2.77:9", "connect % -", "connect % 198.51.100.1:9",
		"send % DATA FLAGS", "send % DATA FLAGS", "send % DATA", "send % DATA", "sendto % DATA 127.0.0.1:P", "sendmsg % DATA,DATA -",
		"recv % LEN FLAGS", "recv % LEN FLAGS", "recv % LEN", "recv % LEN", "recvfrom % LEN", "recvmsg % LEN,LEN", "recv % LEN MSG_OOB", "send % DATA MSG_OOB",
		"shutdown % HOW", "shutdown % HOW", "shutdown % SHUT_WR", "shutdown % 7", "close %", "close %", "close %",
		"setsockopt % SOL_SOCKET SO_LINGER 1,0", "setsockopt % SOL_SOCKET SO_LINGER 0,0", "setsockopt % SOL_SOCKET SO_REUSEADDR BOOL", "setsockopt % SOL_SOCKET SO_REUSEADDR 1",
		"setsockopt % SOL_SOCKET SO_OOBINLINE BOOL", "setsockopt % SOL_SOCKET SO_RCVLOWAT 3", "setsockopt % IPPROTO_TCP TCP_NODELAY 1",
		"setsockopt % SOL_SOCKET SO_REUSEPORT BOOL",
		"getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_ACCEPTCONN", "getsockopt % IPPROTO_TCP TCP_INFO",
		"getpeername %", "getsockname %", "poll % ALL", "poll % ALL", "poll % POLLIN", "ioctl % SIOCINQ", "ioctl % SIOCATMARK",
	}
	datagramCalls = []string{
		"udp %", "udp %", "udp %", "udp %", "ping %",
		"bind % 127.0.0.1:P", "bind % 127.0.0.1:P", "bind % 0.0.0.0:P", "bind % 192.0.2.1:P", "bind % 127.0.0.1:0", "bind % 203.0.113.9:P",
		"connect % @%", "connect % 127.0.0.1:P", "connect % 192.0.2.1:P", "connect % -", "connect % 198.51.100.1:9",
		"listen % 3", "accept % %",
		"send % DATA FLAGS", "sendto % DATA @%", "sendto % DATA @% FLAGS", "sendto % DATA 127.0.0.1:P", "sendto % DATA 127.0.0.1:P FLAGS", "sendto % DATA 192.0.2.1:P",
		"sendto % DATA 127.0.0.1:0", "sendto % 65508 127.0.0.1:P", "sendto % DATA 198.51.100.1:9", "sendmsg % DATA,DATA @%", "send % DATA MSG_MORE", "sendto % DATA @% MSG_MORE",
		"recv % LEN FLAGS", "recv % LEN", "recvfrom % LEN FLAGS", "recvfrom % LEN", "recvmsg % LEN,LEN", "recvmsg % LEN FLAGS", "recvmsg % LEN MSG_ERRQUEUE",
		"shutdown % HOW", "shutdown % SHUT_RD", "shutdown % 7", "close %", "close %",
		"setsockopt % SOL_SOCKET SO_REUSEADDR BOOL", "setsockopt % SOL_SOCKET SO_REUSEADDR 1", "setsockopt % IPPROTO_IP IP_RECVERR BOOL", "setsockopt % IPPROTO_UDP UDP_CORK BOOL",
		"getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_ERROR", "getpeername %", "getsockname %", "poll % ALL", "poll % ALL", "poll % POLLIN", "ioctl % SIOCINQ",
	}
	choices = []struct {
		word string
		of   []string
	}{
		{"P", []string{"A", "A", "B"}},
		{"DATA", []string{`""`, `"x"`, `"abc"`, `"0123456789"`, "1000", "-"}},
		{"LEN", []string{"0", "1", "2", "99", "2000"}},
		{"FLAGS", []string{"0", "MSG_PEEK", "MSG_DONTWAIT", "MSG_WAITALL", "MSG_TRUNC", "MSG_PEEK|MSG_TRUNC", "MSG_NOSIGNAL", "MSG_MORE"}},
		{"HOW", []string{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"}},
		{"BOOL", []string{"0", "1"}},
		{"EVENTS", []string{"POLLIN", "POLLIN|POLLOUT", "POLLIN|EPOLLET", "POLLIN|POLLOUT|EPOLLET", "POLLIN|POLLPRI|POLLRDHUP|EPOLLET", "POLLOUT|EPOLLET",
			"POLLIN|EPOLLONESHOT", "POLLRDHUP|POLLPRI", "0"}},
	}
)

// fill replaces each % by a name, and words for which there is a choice.
func (g *generator) fill(call string) string {
	ws := strings.Split(call, " ")
	for i, w := range ws {
		if i == 2 && ws[0] == "accept" || i == 2 && ws[0] == "connected" {
			w = g.made[0]
			if len(g.made) > 1 {
				w = g.of(g.made)
			}
		}
		w = strings.ReplaceAll(w, "%", g.of(g.names))
		for _, c := range choices {
			switch {
			case strings.Contains(w, ":"+c.word+"<"):
				w = strings.Replace(w, c.word+"<", g.of(c.of)+"<", 1)
			case w == c.word, strings.HasSuffix(w, ":"+c.word):
				w = strings.TrimSuffix(w, c.word) + g.of(c.of)
			case w == c.word+","+c.word:
				w = g.of(c.of) + "," + g.of(c.of)
			}
		}
		ws[i] = w
	}
	return strings.Join(ws, " ")
}

// Seeds beyond those recorded whose sequences are known to end otherwise, and why.
var randomKnown = map[int]string{
	641:    held,
	5672:   held,
	15_972: held,
	19_300: held,
}

const held = "a datagram that MSG_MORE holds goes where and when it can be sent; Linux sends what it has built, after shutdown and without a peer too"

// golden is where the results of the first seeds are.
func (d *drawing) golden() string { return filepath.Join(callsDir, d.name+".golden") }

// recorded reads what was recorded, a line of results for each seed.
func (d *drawing) recorded(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile(d.golden())
	require.NoError(t, err)
	var all [][]string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		all = append(all, strings.Split(line, ";"))
	}
	require.Len(t, all, randomRecorded)
	return all
}

// first tells where results part, with the calls that led there.
func (q sequence) first(linux, ours []string) string {
	var b strings.Builder
	for i, s := range q.steps {
		fmt.Fprintf(&b, "%s = %s\n", s.call, linux[i])
		if linux[i] != ours[i] {
			return fmt.Sprintf("%s\n%s  ours: %s", q.name, b.String(), ours[i])
		}
	}
	return ""
}

// Random calls return what Linux's returned.
func TestRandomCalls(t *testing.T) {
	for _, d := range drawings {
		for seed, linux := range d.recorded(t) {
			q := d.of(seed)
			if d := q.first(linux, onOurs(t, q)); d != "" {
				t.Error(d)
			}
		}
	}
}
