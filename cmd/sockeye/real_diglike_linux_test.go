package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofTheMoment is what differs between two runs of dig itself.
var ofTheMoment = regexp.MustCompile(`^(; <<>>|; \(\d server found|;; global options|;; Query time|;; WHEN|;; FROM|; COOKIE|; EDE|;; Received|;; MSG SIZE)|, id: \d+|\(\d s left\)`)

// plainDig is what a dig prints, line by line, less what is of the moment, in any order.
func plainDig(out string, recursive bool) []string {
	var lines []string
	for l := range strings.Lines(out) {
		l = strings.TrimRight(l, "\n")
		if l == "" || ofTheMoment.MatchString(l) && !strings.Contains(l, "id: ") {
			continue
		}
		l = regexp.MustCompile(`id: \d+`).ReplaceAllString(l, "id: ?")
		l = strings.Replace(l, " ad;", ";", 1) // dig asks for it
		if recursive {
			l = regexp.MustCompile(`\t\d+\tIN`).ReplaceAllString(l, "\t?\tIN") // it counts down
		}
		lines = append(lines, l)
	}
	slices.Sort(lines)
	return lines
}

// Who knows dig reads ours: the same lines, for servers that are authorities and for a recursive one.
func TestDigPrintsAsDigDoes(t *testing.T) {
	dig := programPath(t, "dig")
	d := newDNSTree(t, 1, 3)
	d.unboundResolver()
	for _, args := range []string{
		"@10.53.2.1 mail.z0.one", "@10.53.2.1 z0.one MX", "@10.53.2.1 z0.one SOA", "@10.53.2.1 c1.z0.one", "@10.53.2.1 nobody.z0.one", "@10.53.2.1 z0.one TXT",
		"@10.53.2.1 svc.z0.one HTTPS", "@10.53.2.1 z0.one CAA", "@10.53.2.1 x.dn.z0.one", "@10.53.2.1 _sip._tcp.z0.one SRV", "@10.53.2.1 mail.z0.one AAAA",
		"@10.53.2.1 +norec mail.z0.one", "@10.53.1.1 +norec www.z0.one", "@10.53.0.1 +norec www.z0.one", "@10.53.2.1 www.z1.two",
		"@10.53.2.1 +noall +answer mail.z0.one", "@10.53.2.1 +short c1.z0.one", "@10.53.2.1 +noall +answer +nottlid +noclass z0.one MX",
		"@10.53.2.1 +nottlid mail.z0.one", "@10.53.2.1 +noclass mail.z0.one", "@10.53.2.1 +nocomments mail.z0.one", "@10.53.2.1 +noquestion mail.z0.one", "@10.53.2.1 +tcp mail.z0.one", "@10.53.2.1 big.z0.one TXT",
		"@10.53.2.1 +noedns mail.z0.one", "@10.53.2.1 +nostats mail.z0.one", "@10.53.2.1 -t MX z0.one", "@10.53.2.1 -x 192.0.2.1", "@10.53.2.1 ptr.z0.one PTR",
		"@10.53.0.1", "@10.53.9.1 www.z6.one", "@10.53.9.1 +short mail.z0.one", "@10.53.9.1 dangling.z0.one", "@10.53.2.1 MiXed.z0.one",
	} {
		t.Run(args, func(t *testing.T) {
			words, cached := strings.Fields(args), strings.Contains(args, unboundIP)
			theirs := d.run(exec.Command(dig, append([]string{"+nocookie", "+noadflag", "+time=10", "+tries=1"}, words...)...))
			ours := d.run(sockeye(on(append([]string{"dig", "+time=10", "+tries=1"}, words...)...)...))
			require.Equal(t, theirs.code, ours.code, "%s%s", ours.stdout(), ours.stderr())
			require.Equal(t, plainDig(theirs.stdout(), cached), plainDig(ours.stdout(), cached), "%s\n%s", theirs.stdout(), ours.stdout())
		})
	}
}
