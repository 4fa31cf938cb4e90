package tcp

import (
	"encoding/binary"
	"time"

	"github.com/dchest/siphash"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// SYN cookies (RFC 4987 3.6 and appendix A). A SYN for which there is no record
// is answered all the same; what a record would have kept travels with the
// SYN-ACK and comes back with the ACK of it. Our sequence number holds the
// peer's MSS, nearly, and a proof that it is ours. The low bits of our timestamp
// hold the rest, where the peer sends timestamps; else there is no rest.
// Nothing is kept for a cookie, and nothing is repeated.

// CookieMode says when a listener answers with SYN cookies.
type CookieMode uint8

// The modes. Linux's net.ipv4.tcp_syncookies calls them 1, 2 and 0.
const (
	CookiesWhenFull CookieMode = iota // when there is no room for a record
	CookiesAlways                     // each SYN, for tests: records are better while there is room
	CookiesOff                        // never: what finds no room is dropped
)

// A cookie is valid in the period that it was made in and in the next one:
// 64 to 128 s.
const (
	cookiePeriod  = 64 * time.Second
	cookiePeriods = 2
)

// cookieMSS are the MSS values that a cookie can name: the largest that does
// not pass the peer's is taken (RFC 9293 MUST-16). Common are 536 for none said,
// 1360 and 1400 through tunnels, 1440 beside IPv6, 1460, and jumbo frames. A
// guess hits one of 8 values in 2 periods: 1 in 2^28.
var cookieMSS = [8]uint16{minPeerMSS, defaultPeerMSS, 1220, 1360, 1400, 1440, 1460, 8960}

// cookieBits are the bits of the proof; the period has the 8 above it.
const cookieBits = 24

func cookieTime(now clock.Instant) uint64 { return uint64(now) / uint64(cookiePeriod) }

// cookieBase grows with the peer's ISN, so that of two incarnations of a
// four-tuple the later one begins beyond the earlier one (RFC 9293 3.4.1); the
// period on top of it grows with time.
func (e *Env) cookieBase(f *Flow, irs wire.Seq) uint32 {
	return uint32(f.hash(e.cookieKey)) + uint32(irs)
}

// cookieProof is the keyed hash of what the cookie vouches for.
func (e *Env) cookieProof(f *Flow, irs wire.Seq, period uint64) uint32 {
	var b [20]byte
	binary.LittleEndian.PutUint64(b[0:], f.hash(e.cookieKey))
	binary.LittleEndian.PutUint64(b[8:], period)
	binary.LittleEndian.PutUint32(b[16:], uint32(irs))
	return uint32(siphash.Hash(e.cookieKey[0], e.cookieKey[1], b[:])) & (1<<cookieBits - 1)
}

// cookie is our ISN for a SYN that gets no record.
func (e *Env) cookie(now clock.Instant, f *Flow, irs wire.Seq, mss uint16) wire.Seq {
	i := uint32(len(cookieMSS) - 1)
	for cookieMSS[i] > mss && i > 0 {
		i--
	}
	period := cookieTime(now)
	low := (e.cookieProof(f, irs, period) + i) & (1<<cookieBits - 1)
	return wire.Seq(e.cookieBase(f, irs) + uint32(period)<<cookieBits + low)
}

// openCookie returns the MSS that a cookie names, and whether it is one of ours
// that has not run out.
func (e *Env) openCookie(now clock.Instant, f *Flow, irs, cookie wire.Seq) (mss uint16, ok bool) {
	d := uint32(cookie) - e.cookieBase(f, irs)
	period := cookieTime(now)
	age := uint8(period) - uint8(d>>cookieBits)
	if age >= cookiePeriods {
		return 0, false
	}
	i := (d - e.cookieProof(f, irs, period-uint64(age))) & (1<<cookieBits - 1)
	if i >= uint32(len(cookieMSS)) {
		return 0, false
	}
	return cookieMSS[i], true
}

// What the low bits of a cookie's timestamp say.
const (
	stampECN   = 1 << 0
	stampSACK  = 1 << 1
	stampScale = 2 // where the peer's window scale begins; 15: none
	stampBits  = 6
	noScale    = 15
)

// stamp returns our timestamp, without its offset, with a in its low bits. It
// is rounded down, 64 ms at most, and never up: what comes after it must not
// look older (RFC 7323 5.3).
func (a *agreed) stamp(ts uint32) uint32 {
	bits := uint32(noScale << stampScale)
	if a.scale {
		bits = uint32(a.sndShift) << stampScale
	}
	if a.sack {
		bits |= stampSACK
	}
	if a.ecn {
		bits |= stampECN
	}
	v := ts&^(1<<stampBits-1) | bits
	if tsLess(ts, v) {
		v -= 1 << stampBits
	}
	return v
}

// unstamp takes what stamp put into a timestamp of ours, its offset
// subtracted. The peer may have changed it, at its own cost.
func (a *agreed) unstamp(e *Env, o *Options, v uint32) {
	a.ts = true
	a.sack = v&stampSACK != 0 && !e.Config.NoSACK
	a.ecn = v&stampECN != 0 && e.Config.ECN != ECNOff
	if shift := uint8(v >> stampScale & 15); shift != noScale && !e.Config.NoScale {
		a.scale = true
		a.sndShift = min(shift, maxWindowShift)
		a.rcvShift = windowShift(o.window(e))
	}
}

// Cookie fills out with the answer to the SYN in for which Arrive's verdict was Cookie.
func (l *Listener) Cookie(now clock.Instant, flow Flow, in *Arrival, out *Segment) {
	e, o := l.env, &in.Seg.Options
	a := agree(e, &l.opts, o)
	a.ecn = e.acceptsECN(in.Seg.Flags)
	if !a.ts {
		a = agreed{peerMSS: a.peerMSS} // nobody would remember the rest
	}
	l.baked = now
	e.Stats.SyncookiesSent++
	*out = Segment{DF: true, Why: trace.SendCookie}
	out.Seg.SrcPort, out.Seg.DstPort = flow.Local.Port(), flow.Remote.Port()
	out.Seg.Flags = wire.SYN | wire.ACK
	if a.ecn {
		out.Seg.Flags |= wire.ECE
	}
	out.Seg.Seq, out.Seg.Ack = e.cookie(now, &flow, in.Seg.Seq, a.peerMSS), in.Seg.Seq.Add(1)
	out.Seg.Window = synWindow(e, &l.opts)
	ts := a.stamp(tsClock(now, 0)) + e.tsOffset(flow)
	out.Seg.Options = synOptions(e, &l.opts, ts, o.TSVal, &a)
	l.traceArrival(now, trace.Received, trace.None, in)
	l.traceSent(now, out)
}

// redeem makes l.done out of the cookie that a segment acknowledges and reports
// whether it was a good one. Where no cookie can be out it does not look.
func (l *Listener) redeem(now clock.Instant, flow Flow, in *Arrival) bool {
	if in.Seg.Flags&(wire.SYN|wire.ACK|wire.RST) != wire.ACK ||
		l.baked == clock.Never || now.Sub(l.baked) > cookiePeriods*cookiePeriod {
		return false
	}
	e := l.env
	irs, iss := in.Seg.Seq.Add(-1), in.Seg.Ack.Add(-1)
	mss, ok := e.openCookie(now, &flow, irs, iss)
	if !ok {
		e.Stats.SyncookiesFailed++
		return false
	}
	e.Stats.SyncookiesRecv++
	hs := &l.done
	*hs = Handshake{flow: flow, iss: iss, irs: irs, tsOff: e.tsOffset(flow), opt: agreed{peerMSS: mss}}
	// The most that the SYN-ACK may have offered: how much it was is forgotten,
	// and what was offered must not be refused.
	hs.window = uint16(min(l.opts.firstWindow(e), 65535))
	if o := &in.Seg.Options; o.HasTimestamps && !e.Config.NoTimestamps {
		hs.opt.unstamp(e, &l.opts, o.TSEcr-hs.tsOff)
		hs.tsRecent, hs.since = o.TSVal, now
	}
	return true
}
