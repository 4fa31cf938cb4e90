package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// dnsServer is `sockeye dns` as a process.
func (d *dnsTree) dnsServer(args ...string) *process {
	p := d.start(sockeye(append(on("dns", "--hints", d.hints), args...)...))
	d.eventually("sockeye dns does not answer: "+p.stderr(), func() bool {
		return d.ns.Do(func() error { return dialTCP(ourIP + ":53") }) == nil
	})
	return p
}

// dig(1) asks sockeye dns, which asks the tree.
func TestDNSServerAgainstDig(t *testing.T) {
	dig := programPath(t, "dig")
	d := newDNSTree(t, 1, 3)
	p := d.dnsServer()
	ask := func(args ...string) string {
		t.Helper()
		r := d.run(exec.Command(dig, append([]string{"@" + ourIP, "+tries=1", "+time=10"}, args...)...))
		require.Zero(t, r.code, r.stdout())
		return r.stdout()
	}
	for _, row := range []struct{ rule, args, want string }{
		{"an address", "+short mail.z0.one", "198.51.100.25\n"},
		{"over TCP", "+tcp +short mail.z0.one", "198.51.100.25\n"},
		{"a chain", "+short c2.z0.one", "c3.z0.one.\nwww.z0.one.\n"},
		{"a DNAME", "+noall +answer x.dn.z0.one A", "DNAME"},
		{"a name in any letter case comes back so", "+noall +answer MAIL.z0.One", "MAIL.z0.One."},
		{"NXDOMAIN with its SOA", "nobody.z0.one", "status: NXDOMAIN"},
		{"CAA", "+short z0.one CAA", `0 issue "ca.example"`},
		{"HTTPS", "+short svc.z0.one HTTPS", `1 . alpn="h2,h3" ipv4hint=198.51.100.8`},
		{"more than a datagram: TCP", "big.z0.one TXT", "ANSWER: 9"},
		{"a zone without servers", "www.z6.one", "status: SERVFAIL"},
		{"another class", "version.bind CH TXT", "status: REFUSED"},
		{"what others asked for", "+norec mail.z0.one", "status: REFUSED"},
		{"no zone is given away", "z0.one AXFR", "Transfer failed"},
	} {
		t.Run(row.rule, func(t *testing.T) { require.Contains(t, ask(strings.Fields(row.args)...), row.want) })
	}
	t.Run("nobody else may ask", func(t *testing.T) {
		require.Contains(t, ask("-b", rootIP, "mail.z0.one"), "status: REFUSED")
	})
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	p.wait(t)
	require.Zero(t, p.code, p.stderr())
	require.Regexp(t, `\d+ questions: \d+ known, \d+ asked for`, p.stderr())
}

// With --forward it asks a recursive server, here unbound, and the hosts file comes first.
func TestDNSServerForwards(t *testing.T) {
	dig := programPath(t, "dig")
	d := newDNSTree(t, 1, 1)
	d.unboundResolver()
	hosts := filepath.Join(d.dir, "hosts")
	require.NoError(t, os.WriteFile(hosts, []byte("10.1.2.3 here.one # ours\n"), 0o644))
	d.dnsServer("--forward", unboundIP, "--hosts", hosts)
	for name, want := range map[string]string{"mail.z0.one": "198.51.100.25\n", "here.one": "10.1.2.3\n", "none.z0.one": ""} {
		r := d.run(exec.Command(dig, "@"+ourIP, "+tries=1", "+time=10", "+short", name))
		require.Equal(t, want, r.stdout())
	}
}

func TestDigOptions(t *testing.T) {
	d := newDNSTree(t, 1, 3)
	d.unboundResolver()
	dig := func(args ...string) *process {
		return d.run(sockeye(on(append([]string{"dig", "@" + unboundIP}, args...)...)...))
	}
	batch := filepath.Join(d.dir, "batch")
	require.NoError(t, os.WriteFile(batch, []byte("# two questions\nmail.z0.one\n_sip._tcp.z0.one SRV\n"), 0o644))
	flags, short := filepath.Join(d.dir, "flags"), filepath.Join(d.dir, "short")
	require.NoError(t, os.WriteFile(flags, []byte("-x 198.51.100.1\n-tMX z0.one\n-t CAA -q z0.one\n"), 0o644))
	require.NoError(t, os.WriteFile(short, []byte("z0.one -t\n"), 0o644))
	for _, row := range []struct {
		args, want string // a pattern
		code       int
	}{
		{"+short mail.z0.one", `^198\.51\.100\.25\n$`, 0},
		{"+noall +answer mail.z0.one", `^mail\.z0\.one\.\t\t\d+\tIN\tA\t198\.51\.100\.25\n$`, 0},
		{"+noall +answer +nottlid +noclass mail.z0.one", `^mail\.z0\.one\.\t\tA\t198\.51\.100\.25\n$`, 0},
		{"mx z0.one +short", `(?m)^10 mail\.z0\.one\.$`, 0},
		{"-t MX -q z0.one +short", `(?m)^10 mail\.z0\.one\.$`, 0},
		{"+short svc.z0.one HTTPS", `^1 \. alpn="h2,h3" ipv4hint=198\.51\.100\.8\n$`, 0},
		{"+short z0.one CAA", `^0 issue "ca\.example"\n$`, 0},
		{"-x 198.51.100.1", `;1\.100\.51\.198\.in-addr\.arpa\.\tIN\tPTR`, 0},
		{"+norec mail.z0.one", `flags: qr ra;|status: REFUSED`, 0},
		{"+search +domain=z0.one +short mail", `^198\.51\.100\.25\n$`, 0},
		{"+ignore big.z0.one TXT", `flags: qr tc `, 0},
		{"+bufsize=512 +ignore big.z0.one TXT", `MSG SIZE  rcvd: ([1-4]?\d?\d|50\d|51[0-2])\n`, 0},
		{"+noedns mail.z0.one", `ADDITIONAL: 0\n`, 0},
		{"+dnssec mail.z0.one", `flags: do; udp`, 0},
		{"mail.z0.one", `;; FROM: 10\.53\.9\.1:53, a recursive server\n`, 0},
		{"@" + authIPs[0] + " mail.z0.one", `;; FROM: 10\.53\.2\.1:53, an authority for the zone\n`, 0},
		{"--dns " + unboundIP + " @ns1.z0.one mail.z0.one", `;; FROM: 10\.53\.2\.1:53, an authority for the zone\n`, 0},
		{"--dns " + unboundIP + " @nobody.z0.one mail.z0.one", `^$`, 10},
		{"-p 54 +tries=1 +time=1 mail.z0.one", `^$`, 9},
		{"+nonsense mail.z0.one", `^$`, 1},
		{"-f " + batch + " +short", `^198\.51\.100\.25\n1 2 5060 mail\.z0\.one\.\n$`, 0},
		{"-f " + flags, `(?s);1\.100\.51\.198\.in-addr\.arpa\.\tIN\tPTR.*;z0\.one\.\s+IN\tMX.*;z0\.one\.\s+IN\tCAA`, 0},
		{"-f " + short, `^$`, 1},
		{"-f /no/such/file", `^$`, 8},
		{"ANY z0.one", `;; SERVER: .* \(TCP\)\n`, 0},
		{"ANY z0.one +notcp +ignore", `;; SERVER: .* \(UDP\)\n`, 0},
	} {
		t.Run(row.args, func(t *testing.T) {
			args := strings.Fields(row.args)
			p := dig(args...)
			if strings.Contains(row.args, "@") {
				p = d.run(sockeye(on(append([]string{"dig"}, args...)...)...))
			}
			require.Equal(t, row.code, p.code, "%s%s", p.stdout(), p.stderr())
			require.Regexp(t, regexp.MustCompile(row.want), p.stdout())
		})
	}
	t.Run("-f -", func(t *testing.T) {
		cmd := sockeye(on("dig", "@"+unboundIP, "+short", "-f", "-")...)
		cmd.Stdin = strings.NewReader("mail.z0.one\nz0.one CAA\n")
		p := d.run(cmd)
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, "198.51.100.25\n0 issue \"ca.example\"\n", p.stdout())
	})
	t.Run("JSON", func(t *testing.T) {
		p := dig("--json", "c2.z0.one")
		require.Zero(t, p.code, p.stderr())
		var a jsonAnswer
		require.NoError(t, json.Unmarshal([]byte(p.stdout()), &a))
		require.Equal(t, "NOERROR", a.Status)
		require.Equal(t, "www.z0.one.", a.Canonical)
		require.Len(t, a.Chain, 2)
		require.NotEmpty(t, a.Records)
		require.Equal(t, unboundIP+":53", a.Exchanges[0].Server)
	})
}

// From the root on, each referral is printed; -v tells it as a journey.
func TestDigTrace(t *testing.T) {
	d := newDNSTree(t, 1, 3)
	p := d.run(sockeye(on("dig", "+trace", "--hints", d.hints, "mail.z0.one")...))
	require.Zero(t, p.code, p.stderr())
	out := p.stdout()
	for _, want := range []string{`\.\t+IN\tNS\ta\.rootns\.`, `one\.\t+3600\tIN\tNS\tns\.nic\.one\.`,
		`;; Received \d+ bytes from 10\.53\.0\.1#53\(a\.rootns\.\) in \d+ ms`, `z0\.one\.\t+3600\tIN\tNS\tns1\.z0\.one\.`,
		`;; Received \d+ bytes from 10\.53\.1\.1#53\(ns\.nic\.one\.\) in \d+ ms`, `mail\.z0\.one\.\t+300\tIN\tA\t198\.51\.100\.25`,
		`;; Received \d+ bytes from 10\.53\.2\.1#53\(ns1\.z0\.one\.\) in \d+ ms`, `;; FROM: 10\.53\.2\.1:53, an authority for the zone`} {
		require.Regexp(t, want, out)
	}
	require.Equal(t, 3, strings.Count(out, ";; Received "))
	t.Run("a name that is not there is an answer", func(t *testing.T) {
		p := d.run(sockeye(on("dig", "+trace", "--hints", d.hints, "nobody.z0.one")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), ";; NXDOMAIN\n")
	})
	t.Run("no server of the zone answers", func(t *testing.T) {
		p := d.run(sockeye(on("dig", "+trace", "--hints", d.hints, "www.z6.one")...))
		require.Equal(t, digNoReply, p.code, p.stdout())
		require.Equal(t, 1, strings.Count(p.stderr(), "\n"), p.stderr())
	})
	t.Run("JSON", func(t *testing.T) {
		p := d.run(sockeye(on("dig", "+trace", "+json", "--hints", d.hints, "mail.z0.one")...))
		require.Zero(t, p.code, p.stderr())
		var a jsonAnswer
		require.NoError(t, json.Unmarshal([]byte(p.stdout()), &a))
		require.Len(t, a.Exchanges, 3)
		require.Equal(t, fmt.Sprint(authIPs[0], ":53, an authority for the zone"), a.From)
	})
	t.Run("told", func(t *testing.T) {
		p := d.run(sockeye(on("dig", "-v", "+trace", "--hints", d.hints, "mail.z0.one")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stderr(), "a root server and go down")
	})
}

// A name that the hosts file has is nobody's question; a page's second request asks no more than the first.
func TestGetKnowsNames(t *testing.T) {
	w := newWorld(t)
	w.unbound()
	s := w.session()
	for range 3 {
		addrs, err := s.addrs("www.sockeye.test", time.Now().Add(patience))
		require.NoError(t, err)
		require.Equal(t, kernelIP, addrs[0].String())
	}
	a, ok := s.client().Known("www.sockeye.test", dns.TypeA)
	require.True(t, ok, "it is kept")
	require.Equal(t, dns.FromCache, a.Source.Kind)
	addrs, err := s.addrs("localhost", time.Time{})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", addrs[0].String())
	_, err = s.addrs("nobody.sockeye.test", time.Time{})
	require.ErrorIs(t, err, dns.ErrNXDomain)
}
