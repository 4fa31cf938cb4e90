package stack

import (
	"bytes"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// WriteSockets writes sockets as ss -tuwni does, each stream's Info on a line of its
// own, with its names and its units. What Linux knows and we do not is left out.
func WriteSockets(w io.Writer, all []SocketStat) error {
	var b bytes.Buffer
	ssRow(&b, "Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port")
	for i := range all {
		s := &all[i]
		ssRow(&b, netid(s.Kind), ssState(&s.Description), strconv.Itoa(s.RecvQ), strconv.Itoa(s.SendQ), ssAddr(s.Local), ssAddr(s.Remote))
		if s.Info != nil && s.Info.State != tcp.StateListen && s.Info.State != tcp.StateClosed {
			b.WriteString("\t " + ssInfo(s.Info) + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ssWidths are the columns' widths; below 0: the text is at its right.
var ssWidths = [...]int{6, 11, 7, 7, -22, -22}

// ssRow writes a line of the table. (Package fmt would be linked by whoever has a stack.)
func ssRow(b *bytes.Buffer, cells ...string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(' ')
		}
		if w := ssWidths[i]; w < 0 {
			b.WriteString(strings.Repeat(" ", max(-w-len(c), 0)) + c)
		} else {
			b.WriteString(c + strings.Repeat(" ", max(w-len(c), 0)))
		}
	}
	b.WriteByte('\n')
}

func netid(k host.Kind) string {
	switch k {
	case host.Datagram:
		return "udp"
	case host.Echo:
		return "icmp"
	}
	return "tcp"
}

var ssStates = map[tcp.State]string{
	tcp.StateEstablished: "ESTAB", tcp.StateSynSent: "SYN-SENT", tcp.StateSynReceived: "SYN-RECV",
	tcp.StateFinWait1: "FIN-WAIT-1", tcp.StateFinWait2: "FIN-WAIT-2", tcp.StateTimeWait: "TIME-WAIT",
	tcp.StateCloseWait: "CLOSE-WAIT", tcp.StateLastAck: "LAST-ACK", tcp.StateListen: "LISTEN", tcp.StateClosing: "CLOSING",
}

func ssState(d *host.Description) string {
	if s, ok := ssStates[d.State]; ok {
		return s
	}
	return "UNCONN"
}

func ssAddr(a netip.AddrPort) string {
	if !a.IsValid() {
		return "0.0.0.0:*"
	}
	if a.Port() == 0 {
		return a.Addr().String() + ":*"
	}
	return a.String()
}

// ssInfo is tcp_info as ss -i prints it.
func ssInfo(i *tcp.Info) string {
	l := &ssLine{}
	l.flag("ts", i.Timestamps)
	l.flag("sack", i.SACK)
	l.flag("ecn", i.ECN)
	l.flag("ecnseen", i.ECNSeen)
	l.word(i.Congestion)
	if i.WindowScaling {
		l.word("wscale:" + strconv.Itoa(int(i.SndWscale)) + "," + strconv.Itoa(int(i.RcvWscale)))
	}
	l.word("rto:" + ms(i.RTO))
	l.num("backoff", int64(i.Backoff))
	if i.RTT > 0 {
		l.word("rtt:" + ms(i.RTT) + "/" + ms(i.RTTVar))
	}
	l.word("ato:" + ms(i.ATO))
	l.num("mss", int64(i.SndMSS))
	l.num("pmtu", int64(i.PMTU))
	l.num("rcvmss", int64(i.RcvMSS))
	l.num("advmss", int64(i.AdvMSS))
	l.num("cwnd", int64(i.SndCwnd))
	if i.SndSsthresh < math.MaxInt32/max(i.SndMSS, 1) {
		l.num("ssthresh", int64(i.SndSsthresh))
	}
	l.num("bytes_sent", i.BytesSent)
	l.num("bytes_retrans", i.BytesRetrans)
	l.num("bytes_acked", i.BytesAcked)
	l.num("bytes_received", i.BytesReceived)
	l.num("segs_out", int64(i.SegsOut))
	l.num("segs_in", int64(i.SegsIn))
	l.num("data_segs_out", int64(i.DataSegsOut))
	l.num("data_segs_in", int64(i.DataSegsIn))
	if i.RTT > 0 && i.SndCwnd > 0 {
		l.word("send " + rate(float64(i.SndCwnd*i.SndMSS)*float64(time.Second)/float64(i.RTT)))
	}
	l.num("lastsnd", i.LastDataSent.Milliseconds())
	l.num("lastrcv", i.LastDataRecv.Milliseconds())
	l.num("lastack", i.LastAckRecv.Milliseconds())
	if i.PacingRate != math.MaxInt64 {
		l.word("pacing_rate " + rate(float64(i.PacingRate)))
	}
	l.num("delivered", int64(i.Delivered))
	l.num("delivered_ce", int64(i.DeliveredCE))
	if i.BusyTime > 0 {
		l.word("busy:" + strconv.FormatInt(i.BusyTime.Milliseconds(), 10) + "ms")
		l.share("rwnd_limited", i.RwndLimited, i.BusyTime)
		l.share("sndbuf_limited", i.SndbufLimited, i.BusyTime)
	}
	l.num("unacked", int64(i.Unacked))
	if i.Retrans > 0 || i.TotalRetrans > 0 {
		l.word("retrans:" + strconv.Itoa(i.Retrans) + "/" + strconv.Itoa(i.TotalRetrans))
	}
	l.num("lost", int64(i.Lost))
	l.num("sacked", int64(i.Sacked))
	l.num("dsack_dups", int64(i.DSACKDups))
	l.num("reord_seen", int64(i.ReordSeen))
	if i.RcvRTT > 0 {
		l.word("rcv_rtt:" + ms(i.RcvRTT))
	}
	l.num("rcv_ssthresh", int64(i.RcvSsthresh))
	l.num("notsent", int64(i.NotSentBytes))
	if i.MinRTT > 0 {
		l.word("minrtt:" + ms(i.MinRTT))
	}
	l.num("rcv_ooopack", int64(i.RcvOOOPack))
	l.num("snd_wnd", int64(i.SndWnd))
	l.num("rcv_wnd", int64(i.RcvWnd))
	return strings.Join(l.words, " ")
}

// An ssLine is the words of one line; as in ss a number that is 0 is not shown.
type ssLine struct{ words []string }

func (l *ssLine) word(w string) {
	if w != "" {
		l.words = append(l.words, w)
	}
}

func (l *ssLine) flag(name string, on bool) {
	if on {
		l.word(name)
	}
}

func (l *ssLine) num(name string, n int64) {
	if n != 0 {
		l.word(name + ":" + strconv.FormatInt(n, 10))
	}
}

func (l *ssLine) share(name string, part, whole time.Duration) {
	if part > 0 {
		percent := strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64)
		l.word(name + ":" + strconv.FormatInt(part.Milliseconds(), 10) + "ms(" + percent + "%)")
	}
}

// ms is a time in milliseconds, as short as it goes.
func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'g', -1, 64)
}

// rate is bytes in a second as ss shows them: in bits.
func rate(bytes float64) string {
	bits := bytes * 8
	for _, u := range []struct {
		name string
		by   float64
	}{{"Tbps", 1e12}, {"Gbps", 1e9}, {"Mbps", 1e6}, {"Kbps", 1e3}} {
		if bits >= u.by {
			return strconv.FormatFloat(math.Round(bits/u.by*10)/10, 'g', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(math.Round(bits), 'g', -1, 64) + "bps"
}
