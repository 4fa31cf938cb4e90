package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range []string{"demo", "explain", "bench", "get", "dig", "dns", "ping", "serve", "up", "down", "version"} {
		out, errs, code := try(c, "--help")
		require.Zero(t, code, "%s: %s", c, errs)
		require.Contains(t, out, "Examples:", c)
		require.Contains(t, out, "sockeye "+c, c)
		for _, l := range strings.Split(out, "\n") {
			require.LessOrEqual(t, len(l), 100, "%s: %q", c, l)
		}
	}
	out, errs, code := try("help", "--help")
	require.Zero(t, code, errs)
	require.Contains(t, out, "sockeye help get")
	out, _, code = try("--help")
	require.Zero(t, code)
	require.Contains(t, out, "sockeye demo")
}

func TestSeconds(t *testing.T) {
	for _, r := range []struct {
		text string
		want time.Duration
	}{{"2", 2 * time.Second}, {"0.5", 500 * time.Millisecond}, {".25", 250 * time.Millisecond}, {"1m30s", 90 * time.Second}, {"250ms", 250 * time.Millisecond}, {"0", 0}} {
		var d seconds
		require.NoError(t, d.Set(r.text), r.text)
		require.Equal(t, r.want, time.Duration(d), r.text)
	}
	for _, text := range []string{"", "x", "2 s", "1e300", "Inf", "nan", "5x"} {
		require.ErrorIs(t, new(seconds).Set(text), errSeconds, text)
	}
	out, _, _ := try("get", "--help")
	require.Regexp(t, `--connect-timeout TIME .*\(default 30s\)`, out)
}

// What could not be written is no success.
func TestLostOutput(t *testing.T) {
	for _, r := range []struct {
		args string
		code int
	}{{"version", 1}, {"demo --link pipe", 1}, {"dig --help", digInternal}, {"ping --help", pingError}, {"get --help", curlWrite}, {"--help", 1}} {
		t.Run(r.args, func(t *testing.T) {
			var errs bytes.Buffer
			code := run(strings.Fields(r.args), strings.NewReader(""), full{}, &errs)
			require.Equal(t, r.code, code)
			require.Contains(t, errs.String(), "cannot write to standard output: no space left on device")
			require.Equal(t, 1, strings.Count(errs.String(), "\n"), errs.String())
		})
	}
}

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestVersion(t *testing.T) {
	out, _, code := try("version")
	require.Zero(t, code)
	require.Regexp(t, `^sockeye \S+ go\S+ \w+/\w+\n$`, out)
}

func TestStackFlags(t *testing.T) {
	for _, c := range []string{"get", "dig", "dns", "ping", "serve"} {
		out, _, _ := try(c, "--help")
		for _, f := range []string{"--tun NAME", "--addr CIDR", "--dns ADDR", "--pcap FILE", "-v, --verbose"} {
			require.Contains(t, out, f, c)
		}
		require.NotContains(t, out, "--state", c)
	}
}

// What is wrong is said in one line, which says what to do, and in the exit code.
func TestBadInput(t *testing.T) {
	none := t.TempDir()
	rows := []struct {
		name string
		args string
		code int
		want string
	}{
		{"no such command", "gett http://192.0.2.1/", 2, "unknown command"},
		{"get without a URL (curl: 2)", "get", 2, "name a URL, such as http://example.com/"},
		{"get with two URLs (curl: 2)", "get http://192.0.2.1/ http://192.0.2.1/", 2, "only a URL"},
		{"an argument too many is no command", "up x", 2, "there are no arguments"},
		{"no completion command", "completion bash", 2, "unknown command"},
		{"-m: no time (curl: 2)", "get -m soon http://192.0.2.1/", 2, "such as 2 or 0.5"},
		{"-m: not a number (curl: 2)", "get -m NaN http://192.0.2.1/", 2, "such as 2 or 0.5"},
		{"-m: negative (curl: 2)", "get -m -1 http://192.0.2.1/", 2, "-m"},
		{"--connect-timeout: none (curl: 2)", "get --connect-timeout 0 http://192.0.2.1/", 2, "--connect-timeout"},
		{"ping without an address (ping: 2)", "ping", 2, "name an address or a host"},
		{"ping: no patience (ping: 2)", "ping -W 0 192.0.2.1", 2, "-W"},
		{"dig: two servers (dig: 1)", "dig @192.0.2.1 @192.0.2.3 example.com", 1, "one server only"},
		{"dig: not an option (dig: 1)", "dig example.com +nonsense", 1, "+nonsense"},
		{"dig: not a number (dig: 1)", "dig example.com +time=soon", 1, "+time=soon"},
		{"dig: no such address (dig: 1)", "dig -x 1.2.3", 1, "-x"},
		{"dig: no port (dig: 1)", "dig -p x example.com", 1, "that is no number"},
		{"dig: no port that can be (dig: 1)", "dig -p 99999 example.com", 1, "too large"},
		{"dig: no batch file (dig: 8)", "dig -f /no/such/file", 8, "batch file"},
		{"dig: no hints (dig: 10)", "dig +trace --hints /no/such/file example.com", 10, "root hints"},
		{"dig: hints without a server (dig: 10)", "dig +trace --hints /dev/null example.com", 10, "a.root-servers.net"},
		{"dns: a negative rate", "dns --rate -1", 2, "--rate"},
		{"dns: no cache", "dns --cache 0", 2, "--cache"},
		{"dns: nowhere", "dns --listen nowhere", 2, "--listen"},
		{"dns: no device", "dns --state " + none, 1, "sockeye up"},
		{"loopback's network is no host's", "get --tun sknone --addr 127.0.0.2/24 http://192.0.2.1/", 45, "127.0.0.0/8"},
		{"demo: multicast", "demo --link pipe --addr 224.0.0.2/24", 2, "from 224.0.0.0 on"},
		{"up: reserved", "up --addr 240.0.0.2/24 --state " + none, 1, "from 224.0.0.0 on"},
		{"up: MTU too small", "up --mtu 10 --state " + none, 1, "from 68 to 65535"},
		{"up: MTU too large", "up --mtu 65536 --state " + none, 1, "from 68 to 65535"},
		{"unknown flag (curl: 2)", "get --nope http://192.0.2.1/", 2, "--nope"},
		{"not http (curl: 1)", "get gopher://192.0.2.1/", 1, "only http"},
		{"no host (curl: 3)", "get http:///x", 3, "no host"},
		{"port out of range (curl: 3)", "get http://192.0.2.1:70000/", 3, "65535"},
		{"a blank in the URL (curl: 3)", "get http://192.0.2.1/a_b", 3, "%20"},
		{"serve: no device", "serve --state " + none, 1, "sudo sockeye up --nat IFACE"},
		{"serve: no device: the demo is named", "serve --state " + none, 1, "sockeye demo"},
		{"device name too long", "get --tun a-name-longer-than-15 --addr 192.0.2.2/24 http://192.0.2.1/", 45, "15"},
		{"no address for a device that is not there", "ping --tun sknone 192.0.2.1", 2, "--addr"},
		{"address without its network", "get --tun sknone --addr 192.0.2.2 http://192.0.2.1/", 45, "192.0.2.2/24"},
		{"a prefix without a second host", "get --tun sknone --addr 192.0.2.2/31 http://192.0.2.1/", 45, "/30"},
		{"the network's own address", "get --tun sknone --addr 192.0.2.0/24 http://192.0.2.1/", 45, "choose another"},
		{"IPv6", "get --tun sknone --addr 2001:db8::2/64 http://192.0.2.1/", 45, "IPv4"},
		{"dig: a name too long (dig: 10)", "dig " + strings.Repeat("a", 64) + ".test", 10, "63"},
		{"dig: no such type (dig: 1)", "dig example.com NOPE", 1, "NOPE"},
		{"dig: no such device (dig: 10)", "dig example.com --tun sknone --state " + none, 10, "sockeye up"},
		{"ping: too large (ping: 2)", "ping -s 70000 192.0.2.1", 2, "65507"},
		{"ping: no such device (ping: 2)", "ping 192.0.2.1 --tun sknone --state " + none, 2, "sockeye up"},
		{"serve: no such directory", "serve --dir /no/such/dir", 1, "--dir"},
		{"explain: no such file", "explain /no/such/file", 1, "no such file"},
		{"explain: no capture", "explain /etc/hostname", 1, "malformed"},
		{"explain: no such language", "explain --lang xx /etc/hostname", 2, "en or ko"},
		{"balance: no servers", "balance", 2, "--to"},
		{"balance: no port", "balance --to 192.0.2.1", 2, "192.0.2.1:8080"},
		{"balance: no port that can be", "balance --to 192.0.2.1:0", 2, "192.0.2.1:8080"},
		{"balance: IPv6", "balance --to [::1]:80", 2, "192.0.2.1:8080"},
		{"balance: no such policy", "balance --to 192.0.2.1:1 --by luck", 2, "round-robin"},
		{"balance: no such weight", "balance --to 192.0.2.1:1=0", 2, "1 to 1000"},
		{"bench: no rounds", "bench --rounds 0", 2, "above zero"},
		{"bench: MTU below what every host takes", "bench --mtu 100", 2, "576"},
		{"bench: nobody asks", "bench --conns 0", 2, "1 to 10000"},
		{"bench: nobody sends", "bench --flows 0", 2, "1 to 10000"},
		{"bench: an unknown contestant", "bench --only lwip", 2, "kernel, veth"},
		{"demo: no such link", "demo --link wire", 2, "tun, pipe or auto"},
		{"demo: prefix too long", "demo --link pipe --addr 192.0.2.2/32", 2, "/30"},
		{"up: prefix too long", "up --addr 192.0.2.2/31 --state " + none, 1, "/30"},
		{"up: no such user", "up --user no-such-user-here --state " + none, 1, "no-such-user-here"},
		{"up: bad route", "up --route 1.2.3 --state " + none, 1, "--route"},
		{"down: nothing is up", "down --tun sknone --state " + none, 1, "nothing to take back"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			args := strings.Fields(r.args)
			for i := range args { // a blank cannot be written above
				args[i] = strings.ReplaceAll(args[i], "a_b", "a b")
			}
			out, errs, code := try(args...)
			require.Equal(t, r.code, code, errs)
			require.Empty(t, out)
			require.Contains(t, errs, r.want)
			require.NotContains(t, errs, "strconv")
			if r.code == 3 { // a bad URL: the second line points at what is wrong
				require.Regexp(t, `^sockeye get: .*\n +\^ .*\n$`, errs)
				return
			}
			require.Equal(t, 1, strings.Count(errs, "\n"), "not one line: %q", errs)
		})
	}
}
