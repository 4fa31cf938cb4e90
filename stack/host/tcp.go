package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// inputTCP takes a TCP segment: to its connection, to a listener, or back as a
// reset (RFC 9293 3.10.7).
func (h *Host) inputTCP(now clock.Instant, in *datagram) {
	c := &h.counters.TCP
	c.InSegs++
	if in.cast != unicast { // RFC 9293 MUST-57
		h.drop(trace.DropMartian)
		return
	}
	if !in.done && !wire.TransportChecksumOK(in.ip.Src, in.ip.Dst, wire.ProtoTCP, in.payload) {
		c.InErrs++
		c.InCsumErrors++
		h.drop(trace.DropTCPChecksum)
		return
	}
	a := &h.arrival
	var err error
	if a.Payload, err = a.Seg.Decode(in.payload); err != nil || a.Seg.SrcPort == 0 || a.Seg.DstPort == 0 {
		c.InErrs++
		h.drop(trace.DropTCPHeader)
		return
	}
	a.ECN = in.ip.TOS & 3
	h.arrivalTOS = in.ip.TOS
	a.Segments = 1
	a.HasPrior, a.InOrder = false, false
	if in.gso > 0 && len(a.Payload) > 0 {
		a.Segments = (len(a.Payload) + int(in.gso) - 1) / int(in.gso)
	}
	local := netip.AddrPortFrom(in.ip.Dst, a.Seg.DstPort)
	remote := netip.AddrPortFrom(in.ip.Src, a.Seg.SrcPort)
	h.demux(now, local, remote)
	a.Payload = nil // it was borrowed
}

// demux finds who the segment in h.arrival is for.
func (h *Host) demux(now clock.Instant, local, remote netip.AddrPort) {
	// Packets come in trains: mostly it is for whom the one before was.
	if s := h.latest; s != nil && s.hashed && s.conn != nil && s.remote == wire.EndpointOf(remote) &&
		s.local == wire.EndpointOf(local) && established(s.conn.State()) {
		h.arrive(now, s)
		return
	}
	hash := h.flowHash(local, remote)
	old := h.flowByHash(hash, local, remote)
	if old != nil && old.conn.State() != tcp.StateClosed && !h.replace(now, old) {
		h.latest = old
		h.arrive(now, old)
		return
	}
	if i := h.waits.find(now, hash, local, remote); i != none && !h.reopenPassive(now, i, local) {
		h.arriveWait(now, i)
		return
	}
	s := h.listens(local, remote, hash)
	if s == nil {
		if h.fwd.on != nil && h.fwd.on.lost(local) {
			return
		}
		h.drop(trace.DropTCPNoConn)
		h.refuse(now, local, remote)
		return
	}
	s.lis.arrive(h, now, s, tcp.Flow{Local: local, Remote: remote})
}

// replace ends a connection in TIME-WAIT whose four-tuple the segment in
// h.arrival uses anew (RFC 6191), and reports whether it did.
func (h *Host) replace(now clock.Instant, s *socket) bool {
	if s.conn.State() != tcp.StateTimeWait || h.scarce() || h.listens(s.local.AddrPort(), s.remote.AddrPort(), 0) == nil || !s.conn.Reusable(now, &h.arrival) {
		return false
	}
	h.counters.TCP.TWRecycled++
	s.conn.Reopen(&h.arrival)
	s.conn.Abort(now) // of TIME-WAIT: nothing is sent
	h.collect(now, s)
	s.err = nil // the old connection had come to its end
	h.unready(s)
	h.finish(now, s)
	return true
}

// arrive hands the segment in h.arrival to a connection.
func (h *Host) arrive(now clock.Instant, s *socket) {
	if s.shutRead && s.shutWrite {
		h.arriveUnwanted(now, s)
		return
	}
	h.lead = s
	r := h.reader(s)
	h.arrival.Reader = r
	s.conn.Arrive(now, &h.arrival)
	s.gotTOS = h.arrivalTOS
	if r != nil {
		r.TOS = s.gotTOS
	}
	h.collect(now, s)
	h.touch(s)
}

// arriveUnwanted is arrive where the owner has ended both directions: data resets
// the connection (RFC 1122 4.2.2.13), as on Linux.
func (h *Host) arriveUnwanted(now clock.Instant, s *socket) {
	h.arrival.Reader, h.arrival.Unwanted = nil, true
	s.conn.Arrive(now, &h.arrival)
	h.arrival.Unwanted = false
	s.gotTOS = h.arrivalTOS
	h.collect(now, s)
	h.touch(s)
}

// establish makes the connection of a finished handshake and lets the segment
// that finished it arrive there.
func (h *Host) establish(now clock.Instant, l *socket, hs *tcp.Handshake) {
	s := h.newPassive()
	if s == nil {
		h.drop(trace.DropMemory)
		l.lis.tcp.Keep(now, hs)
		h.touch(l)
		return
	}
	flow := hs.Flow()
	h.inherit(s, l, flow)
	s.parent = l.id
	l.lis.waiting++
	h.counters.TCP.PassiveOpens++
	s.conn = h.newConn()
	s.conn.InitPassive(now, h.env, uint64(s.id), hs, l.tcpOptions(), h.streamMTU(s))
	s.conn.Unclaimed()
	s.state = tcp.StateSynReceived
	h.bind(s, flow.Local)
	h.flows.add(s, h.flowHash(flow.Local, flow.Remote))
	h.arrive(now, s)
}

// inherit gives a connection its four-tuple and the options of its listener.
func (h *Host) inherit(s, l *socket, flow tcp.Flow) {
	s.local, s.remote = wire.EndpointOf(flow.Local), wire.EndpointOf(flow.Remote)
	s.ttl, s.tos, s.reuse, s.rights, s.broadcast = l.ttl, l.tos, l.reuse, l.rights&inherited, l.broadcast
	h.setLowat(s, h.lowat(l))
	s.linger, s.lingerOn = l.linger, l.lingerOn
	s.discover, s.recvErr = l.discover, l.recvErr
}

// flowHash hashes a four-tuple, keyed: nobody outside can make flows that collide.
func (h *Host) flowHash(local, remote netip.AddrPort) uint32 {
	var b [12]byte
	binary.BigEndian.PutUint32(b[0:], number(local.Addr()))
	binary.BigEndian.PutUint32(b[4:], number(remote.Addr()))
	binary.BigEndian.PutUint16(b[8:], local.Port())
	binary.BigEndian.PutUint16(b[10:], remote.Port())
	return uint32(siphash.Hash(h.flowKey.k0, h.flowKey.k1, b[:]))
}

// flowSocket returns the stream with this four-tuple, or nil.
func (h *Host) flowSocket(local, remote netip.AddrPort) *socket {
	return h.flowByHash(h.flowHash(local, remote), local, remote)
}

func (h *Host) flowByHash(hash uint32, local, remote netip.AddrPort) *socket {
	l, r := wire.EndpointOf(local), wire.EndpointOf(remote)
	for s := h.flows.bucket(hash); s != nil; s = s.hashNext {
		if s.hash == hash && s.remote == r && s.local == l {
			return s
		}
	}
	return nil
}

// collect looks at what a connection has been through: events for its owner,
// counters, and a place in the accept queue.
func (h *Host) collect(now clock.Instant, s *socket) {
	ev := s.conn.Events()
	was := s.state
	if ev&tcp.EvPathMTU != 0 {
		h.pathFound(now, s)
		ev &^= tcp.EvPathMTU
	}
	whom := newsFor(ev)
	if st := s.conn.State(); st != s.state {
		whom = ForReaders | ForWriters
		h.countState(s, st)
		s.state = st
		if st == tcp.StateFinWait2 {
			h.raise(s) // as on Linux: all that was sent has arrived
		}
	}
	h.watch(now, s)
	if ev == 0 {
		h.lingerOver(s)
		return
	}
	if ev&tcp.EvConnected != 0 {
		s.connected = true
		h.joinAccept(now, s)
	}
	if ev&tcp.EvUrgent != 0 {
		s.news |= Urgent // RFC 9293 MUST-32
	}
	if err := s.conn.Err(); err != nil && ev&tcp.EvClosed != 0 {
		s.err = err
		if err == tcp.ErrReset && was == tcp.StateCloseWait {
			s.err = ErrPipe // as on Linux: the peer had said all, and hears no more
		}
	}
	h.lingerOver(s)
	if whom == ForReaders && s.has(lowered) && h.conditions(s)&(Readable|Urgent) == 0 && !h.reads(s) {
		return // less than SO_RCVLOWAT is no news
	}
	h.raiseFor(s, whom)
}

// newsFor says whom what has happened to a connection is news for.
func newsFor(ev tcp.Event) (whom Mask) {
	if ev&^tcp.EvWritable != 0 {
		whom |= ForReaders
	}
	if ev&^(tcp.EvReadable|tcp.EvUrgent) != 0 {
		whom |= ForWriters
	}
	return whom
}

// joinAccept puts a connection into the queue of the listener that it came
// through; it was counted there before.
func (h *Host) joinAccept(now clock.Instant, s *socket) {
	if s.parent == 0 {
		return
	}
	l := h.lookup(s.parent)
	if l == nil || l.lis == nil {
		h.give(now, s, true)
		return
	}
	l.lis.accept.push(s)
	h.raise(l)
}

// countState keeps the counters that follow from a change of state (RFC 4022).
func (h *Host) countState(s *socket, to tcp.State) {
	c := &h.counters.TCP
	was := established(s.state)
	if now := established(to); now && !was {
		c.CurrEstab++
	} else if was && !now {
		c.CurrEstab--
		if to == tcp.StateClosed {
			c.EstabResets++
		}
	}
	if to == tcp.StateClosed && (s.state == tcp.StateSynSent || s.state == tcp.StateSynReceived) {
		c.AttemptFails++
	}
}

func established(st tcp.State) bool {
	return st == tcp.StateEstablished || st == tcp.StateCloseWait
}

// lingerOver tells the owner who waits in Close that all has reached the peer.
func (h *Host) lingerOver(s *socket) {
	if !s.tellGone {
		return
	}
	switch s.conn.State() {
	case tcp.StateFinWait2, tcp.StateTimeWait, tcp.StateClosed:
		s.tellGone = false
		h.gone = append(h.gone, s.id)
	}
}

// finish takes a connection that is over out of the tables. What was received
// stays for the owner; without one, everything goes.
func (h *Host) finish(now clock.Instant, s *socket) {
	if !s.ended {
		s.ended = true
		h.unwatch(s)
		h.flows.remove(s)
		if !s.fixedPort {
			h.unbind(s)
		}
	}
	if s.parent != 0 && !s.connected {
		if l := h.lookup(s.parent); l != nil && l.lis != nil {
			l.lis.waiting--
		}
		s.parent = 0
	}
	if !s.owned && s.parent == 0 {
		h.releaseStream(s)
		return
	}
	h.rearm(now, s)
	h.raise(s)
}

// releaseStream frees a stream whose connection is over.
func (h *Host) releaseStream(s *socket) {
	h.dropConn(s)
	h.unbind(s)
	h.freeSocket(s)
}

func (h *Host) newConn() *tcp.Conn {
	n := len(h.freeConns)
	if n == 0 {
		return new(tcp.Conn)
	}
	c := h.freeConns[n-1]
	h.freeConns = h.freeConns[:n-1]
	return c
}

// maxFreeConns bounds the connections kept for later.
const maxFreeConns = 1024

// dropConn gives a connection's memory back.
func (h *Host) dropConn(s *socket) {
	h.unready(s)
	s.conn.Release()
	if len(h.freeConns) < maxFreeConns {
		h.freeConns = append(h.freeConns, s.conn)
	}
	s.conn = nil
	h.budget.Give(connCost)
}

// reportTCP tells a connection, or a handshake, of an ICMP error.
func (h *Host) reportTCP(now clock.Instant, r *report) bool {
	local := netip.AddrPortFrom(r.local, binary.BigEndian.Uint16(r.payload[0:]))
	remote := netip.AddrPortFrom(r.remote, binary.BigEndian.Uint16(r.payload[2:]))
	quoted := wire.Seq(binary.BigEndian.Uint32(r.payload[4:]))
	s := h.flowSocket(local, remote)
	if s == nil {
		if h.waits.find(now, h.flowHash(local, remote), local, remote) != none {
			return false // it has nothing on its way
		}
		if l := h.listenerFor(local, h.flowHash(local, remote)); l != nil && !r.tooBig {
			l.lis.tcp.Unreachable(now, tcp.Flow{Local: local, Remote: remote}, r.err, quoted)
			h.touch(l)
			return true
		}
		return false
	}
	if !s.conn.Credible(quoted) {
		return false // RFC 5927 4.1: forged, or too old to matter
	}
	if !r.tooBig {
		s.by = r.by.As4()
		s.conn.Unreachable(now, r.err, quoted)
		h.tellSoft(s)
	} else { // even where it is no news to the host: it may be to this connection
		h.learnPMTU(now, r.remote, streamPaths, r.nextMTU, r.total)
		h.tellPath(now, s)
	}
	h.collect(now, s)
	h.touch(s)
	return true
}
