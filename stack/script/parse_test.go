package script

import "testing"

// FuzzParse holds that no text makes the parser panic.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
		"+0...+.2 connect(3, {sin_port = htons(80)}, ...) = -1 EINPROGRESS (text)",
		"+.1~+.2 > S. 0:0(0) ack 1 win 5 <mss 1460,sackOK,TS val * ecr 5,nop,wscale 7,sack 1:2 3:4,raw fe04>",
		"+0 < [ce, frag 0:8, src 1.2.3.4, ipopt 0101] icmp unreachable frag_needed mtu 5 [1:2(1)]",
		"* > udp (5)",
		"+0 %{ assert (tcpi_rto + 1) * 2 >= 5 && 1 == 1, tcpi_rto }%",
		"--mtu=1500 --no_sack",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p, err := parse("fuzz", "// A rule (RFC 1).\n"+line)
		if err == nil && len(p.events) == 0 {
			t.Fatalf("a script without an event from %q", line)
		}
	})
}
