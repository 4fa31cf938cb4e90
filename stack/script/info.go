package script

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// fields are those of Linux's struct tcp_info, in its units: microseconds,
// milliseconds for the tcpi_last ones, segments where it counts segments.
var fields = map[string]func(*tcp.Info) int64{
	"tcpi_state":          func(i *tcp.Info) int64 { return int64(i.State) },
	"tcpi_retransmits":    func(i *tcp.Info) int64 { return int64(i.Retransmits) },
	"tcpi_probes":         func(i *tcp.Info) int64 { return int64(i.Probes) },
	"tcpi_backoff":        func(i *tcp.Info) int64 { return int64(i.Backoff) },
	"tcpi_options":        optionBits,
	"tcpi_snd_wscale":     func(i *tcp.Info) int64 { return int64(i.SndWscale) },
	"tcpi_rcv_wscale":     func(i *tcp.Info) int64 { return int64(i.RcvWscale) },
	"tcpi_rto":            func(i *tcp.Info) int64 { return i.RTO.Microseconds() },
	"tcpi_ato":            func(i *tcp.Info) int64 { return i.ATO.Microseconds() },
	"tcpi_snd_mss":        func(i *tcp.Info) int64 { return int64(i.SndMSS) },
	"tcpi_rcv_mss":        func(i *tcp.Info) int64 { return int64(i.RcvMSS) },
	"tcpi_unacked":        func(i *tcp.Info) int64 { return int64(i.Unacked) },
	"tcpi_sacked":         func(i *tcp.Info) int64 { return int64(i.Sacked) },
	"tcpi_lost":           func(i *tcp.Info) int64 { return int64(i.Lost) },
	"tcpi_retrans":        func(i *tcp.Info) int64 { return int64(i.Retrans) },
	"tcpi_last_data_sent": func(i *tcp.Info) int64 { return i.LastDataSent.Milliseconds() },
	"tcpi_last_data_recv": func(i *tcp.Info) int64 { return i.LastDataRecv.Milliseconds() },
	"tcpi_pmtu":           func(i *tcp.Info) int64 { return int64(i.PMTU) },
	"tcpi_rtt":            func(i *tcp.Info) int64 { return i.RTT.Microseconds() },
	"tcpi_rttvar":         func(i *tcp.Info) int64 { return i.RTTVar.Microseconds() },
	"tcpi_min_rtt":        func(i *tcp.Info) int64 { return i.MinRTT.Microseconds() },
	"tcpi_snd_ssthresh":   func(i *tcp.Info) int64 { return int64(i.SndSsthresh) },
	"tcpi_snd_cwnd":       func(i *tcp.Info) int64 { return int64(i.SndCwnd) },
	"tcpi_advmss":         func(i *tcp.Info) int64 { return int64(i.AdvMSS) },
	"tcpi_snd_wnd":        func(i *tcp.Info) int64 { return int64(i.SndWnd) },
	"tcpi_rcv_wnd":        func(i *tcp.Info) int64 { return int64(i.RcvWnd) },
	"tcpi_bytes_acked":    func(i *tcp.Info) int64 { return i.BytesAcked },
	"tcpi_bytes_sent":     func(i *tcp.Info) int64 { return i.BytesSent },
	"tcpi_bytes_retrans":  func(i *tcp.Info) int64 { return i.BytesRetrans },
	"tcpi_bytes_received": func(i *tcp.Info) int64 { return i.BytesReceived },
	"tcpi_notsent_bytes":  func(i *tcp.Info) int64 { return int64(i.NotSentBytes) },

	"tcpi_ca_state":      func(i *tcp.Info) int64 { return int64(i.CAState) },
	"tcpi_last_ack_recv": func(i *tcp.Info) int64 { return i.LastAckRecv.Milliseconds() },
	"tcpi_rcv_ssthresh":  func(i *tcp.Info) int64 { return int64(i.RcvSsthresh) },
	"tcpi_reordering":    func(i *tcp.Info) int64 { return int64(i.Reordering) },
	"tcpi_total_retrans": func(i *tcp.Info) int64 { return int64(i.TotalRetrans) },

	"tcpi_pacing_rate":     func(i *tcp.Info) int64 { return i.PacingRate },
	"tcpi_max_pacing_rate": func(i *tcp.Info) int64 { return i.MaxPacingRate },
	"tcpi_delivery_rate":   func(i *tcp.Info) int64 { return i.DeliveryRate },
	"tcpi_segs_out":        func(i *tcp.Info) int64 { return int64(i.SegsOut) },
	"tcpi_segs_in":         func(i *tcp.Info) int64 { return int64(i.SegsIn) },
	"tcpi_data_segs_in":    func(i *tcp.Info) int64 { return int64(i.DataSegsIn) },
	"tcpi_data_segs_out":   func(i *tcp.Info) int64 { return int64(i.DataSegsOut) },
	"tcpi_busy_time":       func(i *tcp.Info) int64 { return i.BusyTime.Microseconds() },
	"tcpi_rwnd_limited":    func(i *tcp.Info) int64 { return i.RwndLimited.Microseconds() },
	"tcpi_sndbuf_limited":  func(i *tcp.Info) int64 { return i.SndbufLimited.Microseconds() },
	"tcpi_delivered":       func(i *tcp.Info) int64 { return int64(i.Delivered) },
	"tcpi_delivered_ce":    func(i *tcp.Info) int64 { return int64(i.DeliveredCE) },
	"tcpi_dsack_dups":      func(i *tcp.Info) int64 { return int64(i.DSACKDups) },
	"tcpi_reord_seen":      func(i *tcp.Info) int64 { return int64(i.ReordSeen) },
	"tcpi_rcv_ooopack":     func(i *tcp.Info) int64 { return int64(i.RcvOOOPack) },
	"tcpi_total_rto":       func(i *tcp.Info) int64 { return int64(i.TotalRTO) },

	"tcpi_delivery_rate_app_limited": func(i *tcp.Info) int64 { return truth(i.DeliveryRateAppLimited) },

	"tcpi_total_rto_recoveries": func(i *tcp.Info) int64 { return int64(i.TotalRTORecoveries) },
	"tcpi_total_rto_time":       func(i *tcp.Info) int64 { return i.TotalRTOTime.Milliseconds() },
}

func optionBits(i *tcp.Info) int64 {
	return truth(i.Timestamps) + 2*truth(i.SACK) + 4*truth(i.WindowScaling) + 8*truth(i.ECN) + 16*truth(i.ECNSeen)
}

// infoConstants are the names that assertions may use beside the fields.
var infoConstants = map[string]int64{
	"TCP_ESTABLISHED": int64(tcp.StateEstablished), "TCP_SYN_SENT": int64(tcp.StateSynSent),
	"TCP_SYN_RECV": int64(tcp.StateSynReceived), "TCP_FIN_WAIT1": int64(tcp.StateFinWait1),
	"TCP_FIN_WAIT2": int64(tcp.StateFinWait2), "TCP_TIME_WAIT": int64(tcp.StateTimeWait),
	"TCP_CLOSE": int64(tcp.StateClosed), "TCP_CLOSE_WAIT": int64(tcp.StateCloseWait),
	"TCP_LAST_ACK": int64(tcp.StateLastAck), "TCP_LISTEN": int64(tcp.StateListen),
	"TCP_CLOSING":         int64(tcp.StateClosing),
	"TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4,
	"TCPI_OPT_ECN": 8, "TCPI_OPT_ECN_SEEN": 16,
	"TCP_CA_Open": 0, "TCP_CA_Disorder": 1, "TCP_CA_CWR": 2, "TCP_CA_Recovery": 3, "TCP_CA_Loss": 4,
}

// assert tests what an assertion says of the connection accepted or connected last.
func (m *machine) assert(a *assertion) error {
	d := m.fds[m.last]
	if d == nil {
		return fmt.Errorf("assert: no connection is open")
	}
	info, err := m.h.Info(m.now, d.s)
	if err != nil {
		return fmt.Errorf("assert: %w", err)
	}
	for _, t := range a.tests {
		var used []string
		dark := false
		v, why := t.expr(func(name string) (int64, bool) {
			if n, ok := infoConstants[name]; ok {
				return n, true
			}
			f, ok := fields[name]
			if !ok {
				return 0, false
			}
			dark = dark || m.prog.stage != nil && !m.prog.stage.Shows(name)
			used = append(used, fmt.Sprintf("%s = %d", name, f(&info)))
			return f(&info), true
		})
		if why != "" {
			return fmt.Errorf("assert: %s", why)
		}
		if v == 0 && !dark {
			return fmt.Errorf("an assertion that does not hold\n%s", sideBySide(t.text, strings.Join(used, ", ")))
		}
	}
	return nil
}
