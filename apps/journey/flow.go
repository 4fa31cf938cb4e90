package journey

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// maxFlows bounds what is remembered; beyond it the ladder shows absolute numbers.
const maxFlows = 4096

// A flowKey names a connection, seen from us.
type flowKey struct{ local, remote netip.AddrPort }

// A flow is what is remembered of one TCP connection.
type flow struct {
	flowKey
	us, peer side
	states   []tcp.State // ours, in order
	conn     uint64      // socket number; 0: not known
	closing  closing
	http     bool        // a request and its answer go over it
	seen     [2]onlooker // us, the peer
}

// A side is what one host has sent.
type side struct {
	isn     wire.Seq
	known   bool // isn is
	acked   bool // the other side has acknowledged something
	syn     wire.TCP
	packets int64
	ip      int64 // bytes of IP headers
	tcp     int64 // bytes of TCP headers without options
	options int64
	payload int64
	again   int64 // payload bytes that had been sent before
	next    wire.Seq
	ended   bool // FIN sent
	fin     wire.Seq
	reset   bool
}

// relative counts from the first sequence number, as people read it.
func (s *side) relative(n wire.Seq) uint32 {
	if !s.known {
		return uint32(n)
	}
	return uint32(n - s.isn)
}

// A segment is a TCP segment with what the ladder says of it.
type segment struct {
	wire.TCP
	len     int
	ours    bool
	repeat  bool // carries what had been sent before
	shared  bool // acknowledges the peer's FIN and carries a FIN
	ackFIN  bool // acknowledges the other side's FIN for the first time
	ackSYN  bool
	headers int // IP header bytes
	header  int // TCP header bytes, options included
}

// flowOf returns the flow, nil when there are too many.
func (j *Journey) flowOf(k flowKey) *flow {
	f := j.flows[k]
	if f == nil && len(j.flows) < maxFlows {
		f = &flow{flowKey: k}
		j.flows[k] = f
	}
	return f
}

// heard notes one segment and completes what is to be said of it.
func (f *flow) heard(s *segment) {
	me, other := &f.us, &f.peer
	if !s.ours {
		me, other = other, me
	}
	me.count(s)
	if s.Flags&wire.SYN != 0 && me.known && s.Seq == me.isn {
		s.repeat = true
	}
	if s.Flags&wire.SYN != 0 && (!me.known || s.Seq != me.isn) {
		me.isn, me.known, me.syn, me.next = s.Seq, true, s.TCP, s.Seq
	}
	if !me.known { // we came late
		me.isn, me.known, me.next = s.Seq.Add(-1), true, s.Seq
	}
	end := s.Seq.Add(s.SegLen(s.len))
	if s.len > 0 && s.Seq.Less(me.next) {
		s.repeat = true
		me.again += int64(min(s.len, me.next.Sub(s.Seq)))
	}
	me.next = wire.MaxSeq(me.next, end)
	if s.Flags&wire.RST != 0 {
		me.reset = true
	}
	if s.Flags&wire.ACK != 0 && other.known {
		s.ackSYN = !other.acked
		other.acked = true
		f.closing.acknowledged(s, other)
	}
	if s.Flags&wire.FIN != 0 && !me.ended {
		me.ended, me.fin = true, s.Seq.Add(s.len)
		f.closing.ended(s, other)
	}
}

func (s *side) count(seg *segment) {
	s.packets++
	s.ip += int64(seg.headers)
	s.tcp += 20
	s.options += int64(seg.header) - 20
	s.payload += int64(seg.len)
}

// addresses returns our and the peer's address of a packet.
func addresses(r *link.Record, h *wire.IPv4, src, dst uint16) flowKey {
	from, to := netip.AddrPortFrom(h.Src, src), netip.AddrPortFrom(h.Dst, dst)
	if r.Dir == link.In {
		return flowKey{local: to, remote: from}
	}
	return flowKey{local: from, remote: to}
}

// flowOfConn returns the flow of the socket conn, nil if it is not known.
func (j *Journey) flowOfConn(conn uint64) *flow {
	for _, f := range j.flows {
		if f.conn == conn && conn != 0 {
			return f
		}
	}
	return nil
}
