package host

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// A connection in TIME-WAIT that nobody owns (any more) costs a record instead
// of a socket with its Conn: retire makes the one of the other when the last ACK
// is out. The record answers for its four-tuple, keeps its port in use, and ends
// by itself. An owner who still holds the socket keeps the Conn.
//
// FIN-WAIT-2 stays a Conn, and an orphan: it may have to refuse data that comes
// late, and maxOrphans bounds it.

// The bounds of the records: Linux's net.ipv4.tcp_max_tw_buckets, and a share of
// the Budget. Beyond them the oldest makes room for the newest.
const (
	maxTimeWait   = 16384
	timeWaitShare = 4 // a quarter
	firstWaits    = 16
)

// waitCost is the Budget's charge for a record with its places in the tables.
const waitCost = int(unsafe.Sizeof(waitRecord{})) + 2*int(unsafe.Sizeof(int32(0)))

const none int32 = -1

// A waitRecord is one connection in TIME-WAIT. It has no pointer, so that the
// garbage collector need not look at a slab of them.
type waitRecord struct {
	tcp.TimeWait
	id                    Handle // that the socket had, for the trace
	local, remote         uint32
	hash                  uint32 // of the four-tuple
	chain                 int32  // next in the bucket of the hash, or in the free list
	older, newer          int32  // in the order in which they entered, or a FIN came again
	portNext, portPrev    int32  // in the bucket of the local port
	localPort, remotePort uint16
	ttl, tos              uint8
	reuse, fixedPort      bool // as of the socket
}

// timeWaits are the records: a slab, chains by the keyed hash of the four-tuple
// and by local port, and one queue. All wait equally long, so the queue is in the
// order of time; but for those whose owners held them meanwhile, which only end
// when they are looked for or their turn has come. The zero value is empty.
type timeWaits struct {
	recs           []waitRecord
	flows, ports   []int32 // buckets: first records
	free           int32
	oldest, newest int32
	n              int
	timer          timer
}

// find returns the record of a four-tuple that is still in TIME-WAIT, or none.
func (w *timeWaits) find(now clock.Instant, hash uint32, local, remote netip.AddrPort) int32 {
	if w.n == 0 {
		return none
	}
	for i := w.flows[w.bucket(hash)]; i != none; i = w.recs[i].chain {
		r := &w.recs[i]
		if r.hash == hash && r.local == number(local.Addr()) && r.remote == number(remote.Addr()) &&
			r.localPort == local.Port() && r.remotePort == remote.Port() {
			if !r.Until().Due(now) {
				return i
			}
		}
	}
	return none
}

func (w *timeWaits) bucket(hash uint32) int { return int(hash) & (len(w.flows) - 1) }

func (w *timeWaits) portBucket(port uint16) *int32 {
	return &w.ports[int(port)&(len(w.ports)-1)]
}

// inUse reports whether a record that which says yes to has local.
func (w *timeWaits) inUse(now clock.Instant, local netip.AddrPort, which func(*waitRecord) bool) bool {
	if w.n == 0 {
		return false
	}
	addr := number(local.Addr())
	for i := *w.portBucket(local.Port()); i != none; i = w.recs[i].portNext {
		r := &w.recs[i]
		if r.localPort == local.Port() && (addr == 0 || addr == r.local) && !r.Until().Due(now) && which(r) {
			return true
		}
	}
	return false
}

func anyWait(*waitRecord) bool         { return true }
func fixedWait(r *waitRecord) bool     { return r.fixedPort }
func exclusiveWait(r *waitRecord) bool { return !r.reuse }

// insert puts r into a free place of the slab, which there is.
func (w *timeWaits) insert(r *waitRecord) {
	i := w.free
	w.free = w.recs[i].chain
	w.recs[i] = *r
	w.n++
	w.chainFlow(i)
	w.chainPort(i)
	w.enqueue(i)
}

func (w *timeWaits) chainFlow(i int32) {
	b := &w.flows[w.bucket(w.recs[i].hash)]
	w.recs[i].chain, *b = *b, i
}

func (w *timeWaits) chainPort(i int32) {
	r := &w.recs[i]
	b := w.portBucket(r.localPort)
	r.portPrev, r.portNext = none, *b
	if *b != none {
		w.recs[*b].portPrev = i
	}
	*b = i
}

// enqueue makes record i the newest.
func (w *timeWaits) enqueue(i int32) {
	w.recs[i].older, w.recs[i].newer = w.newest, none
	if w.newest == none {
		w.oldest = i
	} else {
		w.recs[w.newest].newer = i
	}
	w.newest = i
}

func (w *timeWaits) dequeue(i int32) {
	r := &w.recs[i]
	if r.older == none {
		w.oldest = r.newer
	} else {
		w.recs[r.older].newer = r.newer
	}
	if r.newer == none {
		w.newest = r.older
	} else {
		w.recs[r.newer].older = r.older
	}
}

// remove frees record i.
func (w *timeWaits) remove(i int32) {
	r := &w.recs[i]
	w.dequeue(i)
	at := &w.flows[w.bucket(r.hash)]
	for *at != i {
		at = &w.recs[*at].chain
	}
	*at = r.chain
	if r.portPrev == none {
		*w.portBucket(r.localPort) = r.portNext
	} else {
		w.recs[r.portPrev].portNext = r.portNext
	}
	if r.portNext != none {
		w.recs[r.portNext].portPrev = r.portPrev
	}
	r.chain, w.free = w.free, i
	w.n--
}

// grow doubles the slab, up to limit records, and reports whether it could.
func (w *timeWaits) grow(b *buffer.Budget, limit int) bool {
	old := len(w.recs)
	if old == 0 {
		w.free, w.oldest, w.newest = none, none, none
	}
	size := min(max(2*old, firstWaits), limit)
	if size <= old || !b.Take(waitCharge(size)-waitCharge(old)) {
		return false
	}
	recs := make([]waitRecord, size)
	copy(recs, w.recs)
	w.recs = recs
	n := firstWaits
	for n < size {
		n *= 2
	}
	w.flows, w.ports = make([]int32, n), make([]int32, n)
	for i := range n {
		w.flows[i], w.ports[i] = none, none
	}
	// Every place of the old slab is in use: else nobody would have asked.
	for i := range int32(old) {
		w.chainFlow(i)
		w.chainPort(i)
	}
	for i := int32(size) - 1; i >= int32(old); i-- {
		recs[i].chain, w.free = w.free, i
	}
	return true
}

// waitCharge is what a slab of n records costs the Budget; the first few are a
// part of the host.
func waitCharge(n int) int { return max(n-firstWaits, 0) * waitCost }

// release gives a slab in which nothing is left back to the Budget.
func (w *timeWaits) release(b *buffer.Budget) {
	b.Give(waitCharge(len(w.recs)))
	*w = timeWaits{timer: w.timer}
}

// timeWaitLimit is how many records there may be.
func (h *Host) timeWaitLimit() int {
	return min(maxTimeWait, max(h.cfg.Memory/timeWaitShare/waitCost, 1))
}

// retire turns a connection in TIME-WAIT that nobody owns and that has nothing
// more to send into a record, and reports whether it did.
func (h *Host) retire(now clock.Instant, s *socket) bool {
	if s.owned || s.parent != 0 || s.state != tcp.StateTimeWait {
		return false
	}
	t, ok := s.conn.TimeWait()
	if !ok {
		return false
	}
	r := waitRecord{TimeWait: t, id: s.id, hash: s.hash,
		local: number(s.local.Addr()), remote: number(s.remote.Addr()),
		localPort: s.local.Port(), remotePort: s.remote.Port(),
		ttl: s.ttl, tos: s.tos, reuse: s.reuse, fixedPort: s.fixedPort}
	h.finish(now, s) // first: what it held makes room
	w := &h.waits
	if w.n == len(w.recs) && !w.grow(h.budget, h.timeWaitLimit()) {
		h.counters.TCP.TimeWaitOverflow++ // of at least one: the first cost nothing
		h.endWait(now, w.oldest, trace.DropMemory)
	}
	w.insert(&r)
	h.due.set(&w.timer, w.recs[w.oldest].Until())
	return true
}

// endWait ends the TIME-WAIT of record i.
func (h *Host) endWait(now clock.Instant, i int32, why trace.Reason) {
	r := &h.waits.recs[i]
	r.End(now, h.env, uint64(r.id), why)
	h.waits.remove(i)
}

// expireWaits ends what has waited long enough.
func (h *Host) expireWaits(now clock.Instant) {
	w := &h.waits
	for w.n > 0 && w.recs[w.oldest].Until().Due(now) {
		h.counters.TCP.TW++
		h.endWait(now, w.oldest, trace.TimerTimeWait)
	}
	switch {
	case w.n > 0:
		h.due.set(&w.timer, w.recs[w.oldest].Until())
	case len(w.recs) > firstWaits:
		w.release(h.budget)
	}
}

// closeWaits forgets all records.
func (h *Host) closeWaits() {
	h.waits.release(h.budget)
	h.due.remove(&h.waits.timer)
}

// arriveWait hands the segment in h.arrival to record i. Its answer, if it has
// one, joins the host's own packets.
func (h *Host) arriveWait(now clock.Instant, i int32) {
	w := &h.waits
	r := &w.recs[i]
	before := r.Until()
	answers := r.Arrive(now, h.env, uint64(r.id), &h.arrival, &h.segment)
	if r.Until() != before {
		w.dequeue(i)
		w.enqueue(i)
	}
	if answers {
		h.stand.id, h.stand.ttl, h.stand.tos = r.id, r.ttl, r.tos
		h.flow = r.flow()
		h.queueSegment(&h.stand, &h.flow)
	}
}

// reopenPassive makes room for the SYN in h.arrival that may take the place of
// record i (RFC 6191), where somebody listens, and reports whether it did.
func (h *Host) reopenPassive(now clock.Instant, i int32, local netip.AddrPort) bool {
	r := &h.waits.recs[i]
	if h.scarce() || !r.Reusable(now, &h.arrival) || h.listens(local, r.flow().Remote, 0) == nil {
		return false
	}
	r.Reopen(&h.arrival)
	h.recycleWait(now, i)
	return true
}

func (h *Host) recycleWait(now clock.Instant, i int32) {
	h.counters.TCP.TWRecycled++
	h.endWait(now, i, trace.None)
}

// mayOpen reports whether a connection may open with a four-tuple: nobody has it,
// but for a record that would make room.
func (h *Host) mayOpen(now clock.Instant, local, remote netip.AddrPort) bool {
	hash := h.flowHash(local, remote)
	if h.flowByHash(hash, local, remote) != nil {
		return false
	}
	i := h.waits.find(now, hash, local, remote)
	return i == none || h.waits.recs[i].Reopenable(now)
}

func (r *waitRecord) flow() tcp.Flow {
	return tcp.Flow{Local: netip.AddrPortFrom(addressOf(r.local), r.localPort),
		Remote: netip.AddrPortFrom(addressOf(r.remote), r.remotePort)}
}

// addressOf is the reverse of number.
func addressOf(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// describeWaits appends the records to dst.
func (h *Host) describeWaits(dst []Description) []Description {
	for i := h.waits.first(); i != none; i = h.waits.recs[i].newer {
		r := &h.waits.recs[i]
		if r.Until().Due(h.now) {
			continue
		}
		f := r.flow()
		dst = append(dst, Description{Kind: Stream, State: tcp.StateTimeWait, Local: f.Local, Remote: f.Remote})
	}
	return dst
}

func (w *timeWaits) first() int32 {
	if w.n == 0 {
		return none
	}
	return w.oldest
}

// openStream begins the active open of e; where a record has its four-tuple,
// mayOpen has found that it makes room.
func (h *Host) openStream(now clock.Instant, e *socket) {
	f := e.flow()
	i := h.waits.find(now, h.flowHash(f.Local, f.Remote), f.Local, f.Remote)
	if i == none {
		e.conn.Open(now)
		return
	}
	e.conn.OpenAfter(now, &h.waits.recs[i].TimeWait)
	h.recycleWait(now, i)
}
