package script_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/script"
)

const (
	rule = "// A rule (RFC 9293 3.4).\n"

	listening = rule + `
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
`
	// established leaves the ACK of the handshake at 0.1 s behind it.
	established = listening + `
+0   < S 0:0(0) win 65535 <mss 1000>
+0   > S. 0:0(0) ack 1 <mss 1460>
+.1  < . 1:1(0) ack 1 win 65535
+0   accept(3, ..., ...) = 4
`
	stamped = listening + `
+0   < S 0:0(0) win 65535 <mss 1000,sackOK,TS val 1000 ecr 0>
+0   > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 1000>
+.1  < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 1100 ecr 100>
+0   accept(3, ..., ...) = 4
`
	connecting = rule + `
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
`
	datagrams = rule + `
0    socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0   bind(3, ..., ...) = 0
`
)

// TestWrongScriptFails holds that each wrong expectation fails, and says why.
func TestWrongScriptFails(t *testing.T) {
	for _, row := range []struct{ name, script, says string }{
		{"no rule", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "names its RFC"},
		{"a rule without an RFC", "// Something.\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "names its RFC"},
		{"a rule that is no sentence", "// RFC 9293\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "names its RFC"},
		{"no event", rule, "without an event"},

		{"flags", listening + "+0 < S 0:0(0) win 9\n+0 > . 0:0(0) ack 1 <...>", "flags S."},
		{"acknowledgement", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 2 <...>", "ack 1"},
		{"sequence number", established + "+0 write(4, ..., 9) = 9\n+0 > P. 2:11(9) ack 1", "sequence number 1"},
		{"length", established + "+0 write(4, ..., 9) = 9\n+0 > P. 1:9(8) ack 1", "9 bytes"},
		{"window", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 win 77 <...>", "win 65535"},
		{"urgent pointer", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 urg 7 <...>", "urg 0"},
		{"an option too few", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1", "options <mss 1460>"},
		{"an option too many", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <mss 1460,sackOK>", "options <mss 1460>"},
		{"another value of an option", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <mss 1461>", "options <mss 1460>"},
		{"another order of options", listening + "+0 < S 0:0(0) win 9 <sackOK,mss 9>\n+0 > S. 0:0(0) ack 1 <nop,nop,sackOK,mss 1460>", "options <mss 1460,nop,nop,sackOK>"},
		{"another timestamp", stamped + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1 <nop,nop,TS val 205 ecr 1100>", "TS val 200 ecr 1100"},
		{"another echo", stamped + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1 <nop,nop,TS val 200 ecr 1101>", "TS val 200 ecr 1100"},
		{"another SACK block", stamped + "+0 < P. 11:21(10) ack 1 win 9 <nop,nop,TS val 1100 ecr 100>\n+0 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 1100,nop,nop,sack 11:22>", "sack 11:21"},
		{"another ISS in the repetition", listening + "+0 < S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <...>\n+1 > S. 1:1(0) ack 1 <...>", "sequence number 0"},

		{"ECN codepoint", listening + "+0 < S 0:0(0) win 9\n+0 > [ect0] S. 0:0(0) ack 1 <...>", "codepoint noecn"},
		{"TTL", listening + "+0 < S 0:0(0) win 9\n+0 > [ttl 9] S. 0:0(0) ack 1 <...>", "TTL 64"},
		{"TOS", listening + "+0 < S 0:0(0) win 9\n+0 > [tos 8] S. 0:0(0) ack 1 <...>", "TOS 0"},
		{"DF", listening + "+0 < S 0:0(0) win 9\n+0 > [nodf] S. 0:0(0) ack 1 <...>", "DF"},
		{"source", rule + "0 < icmp echo_request (1)\n+0 > [src 1.2.3.4] icmp echo_reply (1)", "source 192.168.0.1"},
		{"destination", rule + "0 < icmp echo_request (1)\n+0 > [dst 1.2.3.4] icmp echo_reply (1)", "destination 192.0.2.1"},
		{"another flow", established + "+0 < [flow 2] S 0:0(0) win 9\n+0 > S. 0:0(0) ack 1 <...>", "it goes from"},

		{"a packet that does not come", listening + "+0 > . 1:1(0) ack 1", "does not come"},
		{"a packet that comes later", established + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n+.2 > P. 1:10(9) ack 1", "does not come"},
		{"a packet that comes sooner", established + "+0 write(4, ..., 9) = 9\n+.1 > P. 1:10(9) ack 1", "it came at 0.100000, not at 0.200000"},
		{"a packet outside its range of time", established + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n+.1~+.2 > P. 1:10(9) ack 1", "does not come"},
		{"a packet too many, at the end", listening + "+0 < S 0:0(0) win 9", "does not expect"},
		{"a packet too many, before a packet", listening + "+0 < S 0:0(0) win 9\n+.1 < . 1:1(0) ack 1 win 9", "does not expect"},
		{"a packet too many, before a call", listening + "+0 < S 0:0(0) win 9\n+.1 listen(3, 2) = 0", "does not expect"},
		{"a packet too many, before an assertion", established + "+0 write(4, ..., 9) = 9\n+.1 %{ assert tcpi_unacked == 1 }%", "does not expect"},

		{"result", established + "+0 write(4, ..., 9) = 8", "= 9"},
		{"success in the place of an errno", established + "+0 write(4, ..., 9) = -1 EPIPE", "= 9"},
		{"errno in the place of success", rule + "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 write(3, ..., 9) = 9", "EPIPE"},
		{"another errno", rule + "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 write(3, ..., 9) = -1 EAGAIN", "EPIPE"},
		{"a bad descriptor", rule + "0 close(7) = 0", "EBADF"},
		{"a call that blocks", established + "+0 read(4, ..., 9) = 9", "a call that blocks"},
		{"EAGAIN on a descriptor that blocks", established + "+0 read(4, ..., 9) = -1 EAGAIN", "a call that blocks"},
		{"a call that should block", established + "+0...+.1 write(4, ..., 9) = 9", "does not block"},
		{"a call that returns sooner", connecting + "+0...+.2 connect(3, ..., ...) = 0\n+0 > S 0:0(0) <...>\n+.1 < S. 0:0(0) ack 1 win 9", "returns at 0.100000"},
		{"a call that returns later", connecting + "+0...+.1 connect(3, ..., ...) = 0\n+0 > S 0:0(0) <...>\n+.2 < S. 0:0(0) ack 1 win 9", "returns at 0.200000"},
		{"a call that does not return", listening + "+0...+.1 accept(3, ..., ...) = 4", "does not return"},
		{"another errno of a call that blocks", connecting + "+0...+.1 connect(3, ..., ...) = -1 ETIMEDOUT\n+0 > S 0:0(0) <...>\n+.1 < R. 0:0(0) ack 1 win 0", "ECONNREFUSED"},
		{"SO_ERROR", established + "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0", "SO_ERROR is 0"},
		{"an option's value", established + "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0", "TCP_NODELAY is 0"},
		{"poll", listening + "+0 poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1", "= 0"},
		{"poll's revents", established + "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1", "POLLOUT"},
		{"SIOCINQ", established + "+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n+0 ioctl(4, SIOCINQ, [9]) = 0", "SIOCINQ is 10"},

		{"a datagram's length", datagrams + "+0 sendto(3, ..., 9, 0, ..., ...) = 9\n+0 > udp (8)", "9 bytes"},
		{"another protocol", datagrams + "+0 sendto(3, ..., 9, 0, ..., ...) = 9\n+0 > . 1:1(0) ack 1", "another protocol"},
		{"another ICMP message", rule + "0 < udp (9)\n+0 > icmp unreachable protocol_unreachable", "another message"},
		{"an ICMP error about nothing", established + "+0 < icmp unreachable port_unreachable", "quotes a packet"},

		{"assertion", established + "+0 %{ assert tcpi_snd_cwnd == 11 }%", "tcpi_snd_cwnd = 10"},
		{"second assertion", established + "+0 %{ assert tcpi_snd_cwnd == 10; assert tcpi_unacked > 0 }%", "tcpi_unacked = 0"},
		{"one side of &&", established + "+0 %{ assert tcpi_snd_cwnd == 10 && tcpi_snd_cwnd != 10 }%", "does not hold"},
		{"assertion about a field that is not there", established + "+0 %{ assert tcpi_wealth > 0 }%", "no field tcpi_wealth"},
		{"assertion without a connection", listening + "+0 %{ assert tcpi_unacked == 0 }%", "no connection"},

		{"time that runs back", established + "+0 write(4, ..., 9) = 9\n0 close(4) = 0", "runs back"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := script.Exec("test.pkt", row.script)
			require.ErrorContains(t, err, row.says)
		})
	}
}

// TestRightScriptHolds holds the wrong ones of TestWrongScriptFails against
// what is right.
func TestRightScriptHolds(t *testing.T) {
	for name, text := range map[string]string{
		"listening":           listening,
		"established":         established,
		"timestamps":          stamped + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1 <nop,nop,TS val 200 ecr 1100>",
		"any timestamp":       stamped + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1 <nop,nop,TS val * ecr *>",
		"any time":            established + "+0 write(4, ..., 9) = 9\n* > P. 1:10(9) ack 1\n* > P. 1:10(9) ack 1",
		"range of time":       established + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n+.2~+.4 > P. 1:10(9) ack 1",
		"tolerance":           "// A rule (RFC 1).\n--tolerance_usecs=20000\n" + established[len(rule):] + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n+.29 > P. 1:10(9) ack 1",
		"blocking connect":    connecting + "+0...+.1 connect(3, ..., ...) = 0\n+0 > S 0:0(0) <...>\n+.1 < S. 0:0(0) ack 1 win 9\n+0 > . 1:1(0) ack 1",
		"blocking write":      established + "+0 setsockopt(4, SOL_SOCKET, SO_SNDBUF, [3000], 4) = 0\n+0...+.1 write(4, ..., 4000) = 4000\n+0 > . 1:1001(1000) ack 1\n+0 > . 1001:2001(1000) ack 1\n+0 > P. 2001:3001(1000) ack 1\n+.1 < . 1:1(0) ack 3001 win 9000\n+0 > P. 3001:4001(1000) ack 1",
		"blocking poll":       established + "+0...+.05 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, -1) = 1\n+.05 < P. 1:2(1) ack 1 win 9\n+0 > . 1:1(0) ack 2",
		"poll that times out": established + "+0...+.05 poll([{fd=4, events=POLLIN, revents=0}], 1, 50) = 0",
		"read for all":        established + "+0...+.1 recv(4, ..., 20, MSG_WAITALL) = 20\n+.05 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n+.05 < P. 11:21(10) ack 1 win 9\n+0 > . 1:1(0) ack 21",
		"peek":                established + "+0 < P. 1:11(10) ack 1 win 9\n+0 > . 1:1(0) ack 11\n+0 recv(4, ..., 5, MSG_PEEK) = 5\n+0 recv(4, ..., 50, 0) = 10",
		"absolute times":      rule + "0.5 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n0.75 close(3) = 0",
		"assertion in lines":  established + "+0 %{\nassert tcpi_snd_cwnd == 10, tcpi_snd_cwnd\nassert (tcpi_unacked + 1) * 2 == 2 || 1 == 0\n}%",
		"comments":            established + "// nothing\n+0 close(4) = 0 // and so on\n+0 > F. 1:1(0) ack 1 // its FIN",
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, script.Exec("test.pkt", text)) })
	}
}

// TestSyntaxErrors holds that a line that means nothing is named with its number.
func TestSyntaxErrors(t *testing.T) {
	for _, line := range []string{
		"socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
		"+ socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
		"0 socket(..., SOCK_STREAM, IPPROTO_TCP)",
		"0 socket(..., SOCK_STREAM, IPPROTO_TCP = 3",
		"0 close(3) = -1",
		"0 close(3) = 0 EBADF",
		"0 close(3) = -1 BAD",
		"0 < Q 0:0(0) win 0",
		"0 < S 0:5(4) win 0",
		"0 < S 0:0 win 0",
		"0 < S 0:0(0) win x",
		"0 < S 0:0(0) win 5 wealth 7",
		"0 < S 0:0(0) win 5 <mss>",
		"0 < S 0:0(0) win 5 <gold 5>",
		"0 < S 0:0(0) win 5 <mss 5",
		"0 < S 0:0(0) win 5 <raw xyz>",
		"0 < [blue] S 0:0(0) win 5",
		"0 < [src home] S 0:0(0) win 5",
		"0 < udp 5",
		"0 < icmp unreachable sea",
		"0 < icmp unreachable port_unreachable [1:2]",
		"* < S 0:0(0) win 5",
		"0...1 < S 0:0(0) win 5",
		"1...0 close(3) = 0",
		"1~0 > S 0:0(0)",
		"+0~1 > S 0:0(0)",
		"0 %{ assert tcpi_unacked == 1",
		"0 %{ tcpi_unacked == 1 }%",
		"0 %{ }%",
		"0 %{ assert tcpi_unacked == }%",
		"--wealth=7",
		"--mtu=much",
		"--local_ip=home",
	} {
		t.Run(line, func(t *testing.T) {
			err := script.Exec("test.pkt", rule+line)
			require.ErrorContains(t, err, "test.pkt:2: ")
		})
	}
}

// TestFailureShowsBothLinesAndTheLadder holds the form of a failure.
func TestFailureShowsBothLinesAndTheLadder(t *testing.T) {
	err := script.Exec("test.pkt", established+"+.1 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 2\n")
	require.EqualError(t, err, `test.pkt:12: another packet than expected: ack 1
	expected: 0.200000 > P. 1:101(100) ack 2
	actual:   0.200000 > P. 1:101(100) ack 1 win 65535
	                                       ^
	ladder so far:
		0.000000 0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
		0.000000 +0   bind(3, ..., ...) = 0
		0.000000 +0   listen(3, 1) = 0
		0.000000 < S 0:0(0) win 65535 <mss 1000>
		0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
		0.100000 < . 1:1(0) ack 1 win 65535
		0.100000 +0   accept(3, ..., ...) = 4
		0.200000 +.1 write(4, ..., 100) = 100
		0.200000 > P. 1:101(100) ack 1 win 65535`)
}

// A failing is a script.T that remembers whether it failed.
type failing struct{ failed bool }

func (f *failing) Helper()               {}
func (f *failing) Fatalf(string, ...any) { f.failed = true }

func TestRunFailsItsTest(t *testing.T) {
	f := &failing{}
	script.Run(f, "no/such/script.pkt")
	require.True(t, f.failed)
	f = &failing{}
	script.Run(f, scripts+"/handshake/passive.pkt")
	require.False(t, f.failed)
}

// TestSameRunTwice holds that nothing in a run depends on chance.
func TestSameRunTwice(t *testing.T) {
	wrong := stamped + "+0 write(4, ..., 5000) = 5000\n+5 close(4) = 0"
	first := script.Exec("test.pkt", wrong)
	require.Error(t, first)
	for range 20 {
		require.EqualError(t, script.Exec("test.pkt", wrong), first.Error())
	}
}
