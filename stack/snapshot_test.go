package stack_test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// golden is what ss would print of a connection with these numbers.
const golden = `Netid  State       Recv-Q  Send-Q      Local Address:Port      Peer Address:Port
tcp    LISTEN      1       128             0.0.0.0:80              0.0.0.0:*
tcp    ESTAB       5       2920          192.0.2.1:80         192.0.2.2:4242
	 ts sack cubic wscale:7,8 rto:204 rtt:3.5/1.25 ato:40 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 bytes_sent:7000 bytes_retrans:1448 bytes_acked:4081 bytes_received:5 segs_out:9 segs_in:7 data_segs_out:6 data_segs_in:1 send 33.1Mbps lastsnd:12 lastack:3 delivered:4 busy:100ms rwnd_limited:25ms(25.0%) unacked:2 retrans:1/2 minrtt:0.1 snd_wnd:65536
udp    UNCONN      0       0               0.0.0.0:53              0.0.0.0:*
tcp    TIME-WAIT   0       0          192.0.2.1:81         192.0.2.2:4243
`

func TestWriteSockets(t *testing.T) {
	at := netip.MustParseAddrPort
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	info := &tcp.Info{State: tcp.StateEstablished, Timestamps: true, SACK: true, WindowScaling: true, SndWscale: 7, RcvWscale: 8,
		RTO: ms(204), RTT: ms(3.5), RTTVar: ms(1.25), ATO: ms(40), SndMSS: 1448, PMTU: 1500, RcvMSS: 536, AdvMSS: 1448,
		SndCwnd: 10, SndSsthresh: 1 << 30, BytesSent: 7000, BytesRetrans: 1448, BytesAcked: 4081, BytesReceived: 5, SegsOut: 9, SegsIn: 7,
		DataSegsOut: 6, DataSegsIn: 1, LastDataSent: ms(12), LastAckRecv: ms(3), PacingRate: 1<<63 - 1, Delivered: 4, BusyTime: ms(100),
		RwndLimited: ms(25), Unacked: 2, Retrans: 1, TotalRetrans: 2, MinRTT: ms(0.1), SndWnd: 65536, Congestion: "cubic"}
	var b bytes.Buffer
	require.NoError(t, stack.WriteSockets(&b, []stack.SocketStat{
		{Description: host.Description{Kind: host.Stream, State: tcp.StateListen, Local: at("0.0.0.0:80"), RecvQ: 1, SendQ: 128}, Info: &tcp.Info{State: tcp.StateListen}},
		{Description: host.Description{Kind: host.Stream, State: tcp.StateEstablished, Local: at("192.0.2.1:80"), Remote: at("192.0.2.2:4242"), RecvQ: 5, SendQ: 2920}, Info: info},
		{Description: host.Description{Kind: host.Datagram, Local: at("0.0.0.0:53")}},
		{Description: host.Description{Kind: host.Stream, State: tcp.StateTimeWait, Local: at("192.0.2.1:81"), Remote: at("192.0.2.2:4243")}},
	}))
	require.Equal(t, strings.Fields(golden), strings.Fields(b.String()), "%s", b.String())
}

// Every name that we print is one of ss's own.
func TestSocketsSpeakAsSS(t *testing.T) {
	path, err := exec.LookPath("ss")
	if err != nil {
		t.Skip("ss is not installed")
	}
	ss, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`\b[a-z_]+:`).FindAllString(golden, -1) {
		require.True(t, bytes.Contains(ss, []byte(name)), "ss does not know %q", name)
	}
	for _, state := range []string{"ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"} {
		require.True(t, bytes.Contains(ss, []byte(state)), state)
	}
}

// served returns a listener at b's port 80 and the two ends of a connection from a to it.
func served(t *testing.T, a, b *stack.Stack) (l net.Listener, c, s net.Conn) {
	t.Helper()
	l, err := stdnet.New(b).Listen("tcp", ":80")
	require.NoError(t, err)
	c, err = stdnet.New(a).Dial("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	s, err = l.Accept()
	require.NoError(t, err)
	return l, c, s
}

func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := stdnettest.Pair(t, stack.Config{}, stack.Config{Gateway: netip.MustParseAddr("192.0.2.1"), Memory: 8 << 20})
		l, c, s := served(t, a, b)
		_, err := c.Write(make([]byte, 5000))
		require.NoError(t, err)
		time.Sleep(time.Second)
		all := b.SocketStats()
		require.Len(t, all, 2)
		require.Equal(t, 5000, all[1].RecvQ)
		require.EqualValues(t, 5000, all[1].Info.BytesReceived)
		var text bytes.Buffer
		require.NoError(t, stack.WriteSockets(&text, all))
		require.Contains(t, text.String(), "bytes_received:5000")
		st := b.Stats()
		require.Equal(t, 8<<20, st.MemoryLimit)
		require.Greater(t, st.Memory, 5000)
		require.EqualValues(t, 1, st.TCP.PassiveOpens)
		require.Equal(t, link.Features{MTU: 1500}, st.Link)
		require.Equal(t, netip.MustParseAddr("192.0.2.1"), b.Routes()[0].Via)
		require.NoError(t, s.Close())
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
	})
}

// Addresses, routes, MTU and the link itself change while a connection runs.
func TestChangesWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link.NewPipe(link.Features{MTU: 1500}, 1024)
		sw := link.NewSwitch(near)
		a, err := stack.New(stack.Config{Link: sw, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
		require.NoError(t, err)
		other := link.NewSwitch(far)
		b, err := stack.New(stack.Config{Link: other, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
		require.NoError(t, err)
		defer func() {
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
		}()
		l, c, s := served(t, a, b)
		exchange := func(why string) {
			t.Helper()
			_, err := c.Write(make([]byte, 20_000))
			require.NoError(t, err)
			_, err = io.ReadFull(s, make([]byte, 20_000))
			require.NoError(t, err, why)
		}
		exchange("as it is")

		near2, far2 := link.NewPipe(link.Features{MTU: 700}, 1024)
		require.NoError(t, sw.Replace(near2).Close())
		require.NoError(t, other.Replace(far2).Close())
		exchange("another link, with a smaller MTU")
		require.Equal(t, 700, a.Stats().Link.MTU)

		prefixes := a.Prefixes()
		more := append(prefixes, netip.MustParsePrefix("198.51.100.1/24"))
		require.NoError(t, a.SetAddresses(more, []host.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.2")}}))
		exchange("one more address, and a route")
		_, via, err := a.Source(netip.MustParseAddr("203.0.113.1"))
		require.NoError(t, err)
		require.Equal(t, "192.0.2.2", via.String())
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
		require.NoError(t, l.Close())
	})
}
