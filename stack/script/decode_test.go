package script

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// segment makes a segment of ours with payload and a correct checksum.
func segment(t *testing.T, change func(body []byte)) []byte {
	t.Helper()
	m := &machine{prog: &program{settings: defaultSettings()}, flows: map[flowKey]*flow{}, ourPort: ourPort}
	p := &packet{attr: noAttributes(), flags: wire.ACK, seq: 1, end: 11, length: 10, win: 5, options: []option{{kind: kindNop}}}
	b, err := m.encode(p)
	require.NoError(t, err)
	change(b)
	wire.SetTransportChecksum(b, [2][]byte{})
	return b
}

// TestHostsMistakesAreSeen holds that what no correct host sends is found.
func TestHostsMistakesAreSeen(t *testing.T) {
	t.Run("nothing wrong", func(t *testing.T) {
		p, _, _, err := decode(segment(t, func([]byte) {}))
		require.NoError(t, err)
		require.Empty(t, p.badData())
	})
	t.Run("payload", func(t *testing.T) {
		p, _, _, err := decode(segment(t, func(b []byte) { b[len(b)-3]++ }))
		require.NoError(t, err)
		require.Equal(t, "byte 7 of the payload is not what was written", p.badData())
	})
	t.Run("TCP checksum", func(t *testing.T) {
		b := segment(t, func([]byte) {})
		b[len(b)-1]++
		_, _, _, err := decode(b)
		require.ErrorContains(t, err, "TCP checksum")
	})
	t.Run("IP checksum", func(t *testing.T) {
		b := segment(t, func([]byte) {})
		b[8]++
		_, _, _, err := decode(b)
		require.ErrorContains(t, err, "not an IPv4 packet")
	})
	t.Run("option length", func(t *testing.T) {
		_, _, _, err := decode(segment(t, func(b []byte) { b[40], b[41] = kindMSS, 9 }))
		require.ErrorContains(t, err, "option of a wrong length")
	})
	t.Run("protocol", func(t *testing.T) {
		ip, b := wire.IPv4{Protocol: 99, TTL: 1}, make([]byte, 28)
		ip.Encode(b, 8)
		_, _, _, err := decode(b)
		require.ErrorContains(t, err, "protocol 99")
	})
}

// TestPrintedPacketParses holds that what a ladder shows may be pasted into a script.
func TestPrintedPacketParses(t *testing.T) {
	for _, line := range []string{
		"> S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 5 ecr 6,nop,wscale 7>",
		"> FP. 4294967290:4(10) ack 1 win 9 urg 3 <nop,nop,sack 1:2 4:5>",
		"> R 7:7(0) win 0 <raw fe040102,eol>",
		"> P. 1:2(1) ack 1 <...>",
		"> . 1:1(0) ack 1 <TS val * ecr *>",
		"> - 1:1(0) win 5",
		"> udp (100)",
		"> icmp echo_reply (56)",
		"< [ce, ttl 3, tos 8, df, flow 2, src 1.2.3.4, dst 5.6.7.8, badsum] . 1:1(0) ack 1 win 5",
		"< icmp unreachable frag_needed mtu 600 [1:11(10)]",
		"< icmp unreachable port_unreachable [udp (7)]",
		"< icmp source_quench [1:2(1)]",
		"< [nosum, length 7, version 6, id 9, frag 0:8, ipopt 01020304, more] udp (7)",
	} {
		p := &program{settings: defaultSettings()}
		require.NoError(t, p.parseLine(1, "0 "+line))
		require.Equal(t, line, p.events[0].do.(*packet).String())
	}
}
