package host

import (
	"encoding/binary"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// inputICMP takes an ICMP message (RFC 792, RFC 1122 3.2.2).
func (h *Host) inputICMP(now clock.Instant, in *datagram) {
	c := &h.counters.ICMP
	c.InMsgs++
	m, body, err := wire.DecodeICMP(in.payload)
	if err != nil {
		c.InErrors++
		if err == wire.ErrChecksum {
			c.InCsumErrors++
		}
		h.drop(trace.DropICMP)
		return
	}
	switch m.Type {
	case wire.ICMPEcho:
		c.InEchos++
		if h.fwd.on == nil || !h.fwd.on.echo(now, *in, m) {
			h.answerEcho(in, m, body)
		}
	case wire.ICMPEchoReply:
		c.InEchoReps++
		h.inputEchoReply(in, uint16(m.Rest>>16))
	case wire.ICMPUnreachable:
		c.InDestUnreachs++
		h.inputICMPError(now, in, m, body)
	case wire.ICMPTimeExceeded:
		c.InTimeExcds++
		h.inputICMPError(now, in, m, body)
	case wire.ICMPParamProblem:
		c.InParmProbs++
		h.inputICMPError(now, in, m, body)
	case wire.ICMPSourceQuench: // RFC 6633 5: silently dropped
		c.InSrcQuenchs++
		h.drop(trace.DropICMP)
	case wire.ICMPRedirect:
		// Deviates from RFC 1122 3.2.2.2: a redirect changes nothing. There is
		// one link, so no better first hop, and it would be a way to take traffic over.
		c.InRedirects++
		h.drop(trace.DropICMP)
	default:
		c.InErrors++
		h.drop(trace.DropICMP)
	}
}

// answerEcho sends back all data, from the address that was asked (RFC 1122
// 3.2.2.6). Echoes to a broadcast are ignored.
func (h *Host) answerEcho(in *datagram, m wire.ICMP, body []byte) {
	if in.cast != unicast || m.Code != 0 {
		h.drop(trace.DropICMP)
		return
	}
	h.received(in, 0)
	m.Type = wire.ICMPEchoReply
	if h.sendICMP(in, m, body, in.ip.TOS, trace.SendEchoReply) {
		h.counters.ICMP.OutEchoReps++
	}
}

// sendICMP answers in with an ICMP message from the address that in was sent to.
func (h *Host) sendICMP(in *datagram, m wire.ICMP, body []byte, tos uint8, why trace.Reason) bool {
	out := message{src: in.ip.Dst, dst: in.ip.Src, protocol: wire.ProtoICMP, tos: tos, body: body, why: why}
	m.Encode(out.head[:], [2][]byte{body, nil})
	if h.send(&out) != nil {
		h.counters.ICMP.OutErrors++
		h.counters.IP.OutDiscards++
		h.drop(trace.DropLink)
		return false
	}
	h.counters.ICMP.OutMsgs++
	return true
}

// maxErrorSize bounds an ICMP error as a whole packet (RFC 1812 4.3.2.3).
const maxErrorSize = 576

// sendICMPError tells the sender of in what was wrong with it, where that is
// allowed (RFC 1122 3.2.2): never about an ICMP error, a broadcast, a later
// fragment, or to a source that is no host. pointer is a Parameter Problem's.
func (h *Host) sendICMPError(now clock.Instant, in *datagram, t wire.ICMPType, code, pointer uint8) {
	if in.cast != unicast || in.ip.FragOff != 0 || !h.mayAnswer(in) {
		return
	}
	if !in.local && !h.errors.take(now, &h.rand) {
		h.counters.ICMP.OutRateLimitHost++
		return
	}
	quote := in.packet[:min(len(in.packet), maxErrorSize-ipHeaderLen-transportHeaderLen)]
	why := trace.SendICMPError
	if t == wire.ICMPUnreachable {
		why = trace.SendUnreachable
	}
	if !h.sendICMP(in, wire.ICMP{Type: t, Code: code, Rest: uint32(pointer) << 24}, quote, 0, why) {
		return
	}
	switch t {
	case wire.ICMPUnreachable:
		h.counters.ICMP.OutDestUnreachs++
	case wire.ICMPTimeExceeded:
		h.counters.ICMP.OutTimeExcds++
	case wire.ICMPParamProblem:
		h.counters.ICMP.OutParmProbs++
	}
}

// mayAnswer reports whether in has a source that may be told of errors, and is no error itself.
func (h *Host) mayAnswer(in *datagram) bool {
	src := number(in.ip.Src)
	if src>>24 == 0 || src >= 224<<24 || h.net.isBroadcast(src) {
		return false
	}
	if in.ip.Protocol != wire.ProtoICMP {
		return true
	}
	return len(in.payload) > 0 && (in.payload[0] == uint8(wire.ICMPEcho) || in.payload[0] == uint8(wire.ICMPEchoReply))
}

// A bucket limits how many ICMP errors leave: about 1000 in a second and 50 at
// once. What one costs is random, 1 in the mean, so that nobody who counts our
// answers can tell how many others got (CVE-2020-25705; as Linux).
type bucket struct {
	tokens int
	at     clock.Instant
}

const (
	bucketDepth = 50
	bucketEvery = time.Millisecond
)

// take reports whether one more may leave now.
func (b *bucket) take(now clock.Instant, r *random) bool {
	if b.at == clock.Never {
		b.tokens, b.at = bucketDepth, now
	}
	if n := now.Sub(b.at) / bucketEvery; n > 0 {
		b.at = b.at.Add(n * bucketEvery)
		b.tokens += int(min(n, time.Duration(bucketDepth-b.tokens)))
	}
	if b.tokens <= 0 {
		return false
	}
	b.tokens -= r.below(3)
	return true
}

// echoID returns the ID of an ICMP echo message, 8 bytes at least.
func echoID(m []byte) uint16 { return binary.BigEndian.Uint16(m[4:]) }
