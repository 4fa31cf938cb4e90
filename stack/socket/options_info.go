package socket

import (
	"math"
	"time"
)

// infoBytes is what Linux's struct tcp_info holds (TCP_INFO), in its order, as far as
// tcpi_total_rto_time. Times are microseconds, those since the last segment milliseconds.
func infoBytes(i *TCPInfo) []byte {
	bits := number(i.Timestamps) | number(i.SACK)<<1 | number(i.WindowScaling)<<2 | number(i.ECN)<<3 | number(i.ECNSeen)<<4
	b := []byte{byte(i.State), i.CAState, byte(i.Retransmits), byte(i.Probes), byte(i.Backoff), byte(bits), i.SndWscale | i.RcvWscale<<4, 0}
	u32 := func(vs ...int) {
		for _, v := range vs {
			b = order.AppendUint32(b, uint32(min(max(int64(v), 0), math.MaxUint32)))
		}
	}
	u64 := func(vs ...int64) {
		for _, v := range vs {
			b = order.AppendUint64(b, uint64(v))
		}
	}
	u32(us(i.RTO), us(i.ATO), i.SndMSS, i.RcvMSS, i.Unacked, i.Sacked, i.Lost, i.Retrans, 0)
	u32(ms(i.LastDataSent), 0, ms(i.LastDataRecv), ms(i.LastAckRecv))
	u32(i.PMTU, i.RcvSsthresh, us(i.RTT), us(i.RTTVar), i.SndSsthresh, i.SndCwnd, i.AdvMSS, i.Reordering)
	u32(us(i.RcvRTT), i.RcvBuf, i.TotalRetrans)
	u64(i.PacingRate, i.MaxPacingRate, i.BytesAcked, i.BytesReceived)
	u32(i.SegsOut, i.SegsIn, i.NotSentBytes, us(i.MinRTT), i.DataSegsIn, i.DataSegsOut)
	u64(0, i.BusyTime.Microseconds(), i.RwndLimited.Microseconds(), i.SndbufLimited.Microseconds())
	u32(i.Delivered, i.DeliveredCE)
	u64(i.BytesSent, i.BytesRetrans)
	u32(i.DSACKDups, i.ReordSeen, i.RcvOOOPack, i.SndWnd, i.RcvWnd, 0)
	u32(i.TotalRTO|i.TotalRTORecoveries<<16, ms(i.TotalRTOTime))
	return b
}

func us(d time.Duration) int { return int(min(d.Microseconds(), math.MaxInt32)) }
func ms(d time.Duration) int { return int(min(d.Milliseconds(), math.MaxInt32)) }
