package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A Handle names a socket of a host: an index and a generation, so that a stale
// one is detected and never reaches another socket. The zero Handle is none.
type Handle uint64

// Index is a small number that no two live sockets share, for tables beside the host's.
func (s Handle) Index() int { return int(uint32(s) & (1<<shareShift - 1)) }

// shareShift is where a Handle says which of several Hosts it is of, so that
// it names one socket of all of them.
const shareShift = 24

// Kind is the kind of a socket.
type Kind uint8

// The kinds.
const (
	Stream   Kind = iota + 1 // TCP
	Datagram                 // UDP
	Echo                     // ICMP echo, as Linux's ping sockets: the ID is the port
)

// A socket is one entry of the table: what a Handle names, a connection that
// waits to be accepted, or an orphan whose owner has closed it.
//
// The order of the fields keeps it small: there is one for each connection.
type socket struct {
	id    Handle // of the present life; the next has a higher generation
	timer timer  // of the earliest deadline of conn or listener, and the alarms

	local, remote wire.Endpoint    // remote is valid once there is a peer
	conn          *tcp.Conn        // streams, from Connect on
	lis           *listener        // listening streams
	dg            *datagrams       // datagram and echo sockets
	preset        *tcp.Options     // of a stream without conn; nil: defaults
	err           error            // pending
	alarms        [2]clock.Instant // read, write
	agedAt        clock.Instant    // when it came to orphans or stalled

	hashNext           *socket         // in the table of connections, of listeners, or of datagram sockets
	portNext, portPrev *socket         // in the table of local ports
	in                 [numLinks]links // in lists
	parent             Handle          // the listener, until accepted

	hash      uint32
	linger    int32  // milliseconds
	pathGen   uint32 // of what conn was last told of its path
	agedBytes uint32 // that had reached the peer when it came to stalled, mod 2^32
	reading   uint16 // 1 + the place in Host.readers of who waits to receive; 0: nobody
	news      Mask   // alarm bits and Urgent, to tell once
	kind      Kind
	state     tcp.State // of conn when last looked at
	ttl       uint8
	tos       uint8
	soft      tcp.Error // of datagram sockets: what the latest ICMP error says
	gotTOS    uint8     // of the latest segment
	by        [4]byte   // who sent the latest ICMP error
	discover  Discovery
	watched   watched // which of orphans and stalled it is in
	role      role    // of forwarding

	rights     rights
	live       bool // in use
	owned      bool // a caller has the handle
	bound      bool // in the table of local ports
	fixedPort  bool // the owner chose the port
	hashed     bool // in the table of connections, of listeners, or of datagram sockets
	queued     bool // in a ready queue
	amongLocal bool // ... in readyLocal
	noted      bool // in the list of news
	connected  bool // ESTABLISHED was reached
	ended      bool // the connection is over and has left the tables
	shutRead   bool
	shutWrite  bool
	reuse      bool
	broadcast  bool
	lingerOn   bool
	tellGone   bool // somebody lingers
	recvErr    bool // soft errors are pending errors too
}

// flow returns the four-tuple of a stream with a peer.
func (s *socket) flow() tcp.Flow {
	return tcp.Flow{Local: s.local.AddrPort(), Remote: s.remote.AddrPort()}
}

const (
	maxSockets = 1 << 20
)

// takeError returns the pending error and clears it.
func (s *socket) takeError() error {
	err := s.err
	s.err = nil
	return err
}

// lookup returns the socket of s if its caller may still use it, or nil.
// Not inlined: its callers are many.
//
//go:noinline
func (h *Host) lookup(s Handle) *socket {
	i := s.Index()
	if i >= len(h.sockets) {
		return nil
	}
	if e := h.sockets[i]; e.live && e.owned && e.id == s {
		return e
	}
	return nil
}

// find is lookup for calls.
func (h *Host) find(now clock.Instant, s Handle) (*socket, error) {
	h.now = max(h.now, now)
	if e := h.lookup(s); e != nil {
		return e, nil
	}
	if h.closed {
		return nil, ErrClosed
	}
	return nil, ErrBadHandle
}

// Open makes a socket. ErrNoMemory, ErrTooMany, ErrInvalid (no such kind), ErrClosed.
func (h *Host) Open(now clock.Instant, k Kind) (Handle, error) {
	h.now = max(h.now, now)
	if h.closed {
		return 0, ErrClosed
	}
	if k < Stream || k > Echo {
		return 0, ErrInvalid
	}
	s, err := h.newSocket(k)
	if err != nil {
		return 0, err
	}
	if k != Stream && !h.giveDatagrams(s) {
		h.freeSocket(s)
		return 0, ErrNoMemory
	}
	s.owned = true
	return s.id, nil
}

// newSocket takes an entry of the table, used before or new.
func (h *Host) newSocket(k Kind) (*socket, error) {
	if len(h.freeSockets) == 0 && len(h.sockets) >= maxSockets {
		return nil, ErrTooMany
	}
	if !h.budget.Take(socketCost) {
		return nil, ErrNoMemory
	}
	var s *socket
	if n := len(h.freeSockets); n > 0 {
		s = h.freeSockets[n-1]
		h.freeSockets = h.freeSockets[:n-1]
	} else {
		s = &socket{id: Handle(h.cfg.Share.Index<<shareShift | len(h.sockets))}
		h.sockets = append(h.sockets, s)
	}
	*s = socket{id: s.id + 1<<32, kind: k, live: true, linger: -1, reuse: k == Echo} // as on Linux
	s.timer.owner = int32(s.id.Index())
	return s, nil
}

// freeSocket gives an entry back. It has left all tables and queues but the list of news.
func (h *Host) freeSocket(s *socket) {
	if s.has(lowered) {
		delete(h.lowats, s.id)
	}
	if s.tellGone {
		h.gone = append(h.gone, s.id)
	}
	h.due.remove(&s.timer)
	if s.dg != nil {
		h.kept -= s.dg.in.bytes
		s.dg.in.drain(&h.parcels)
		h.dropFaults(s)
		h.freeDatagrams = append(h.freeDatagrams, s.dg)
		h.budget.Give(datagramCost)
	}
	if s.preset != nil {
		h.freePresets = append(h.freePresets, s.preset)
	}
	h.budget.Give(socketCost)
	*s = socket{id: s.id}
	h.freeSockets = append(h.freeSockets, s)
}

// giveDatagrams gives s what a datagram or echo socket has, if there is memory.
func (h *Host) giveDatagrams(s *socket) bool {
	if !h.budget.Take(datagramCost) {
		return false
	}
	n := len(h.freeDatagrams)
	if n == 0 {
		s.dg = new(datagrams)
		return true
	}
	s.dg = h.freeDatagrams[n-1]
	h.freeDatagrams = h.freeDatagrams[:n-1]
	*s.dg = datagrams{}
	return true
}

// A portTable finds sockets by their local port; a bucket is a doubly linked
// list, the newest first. Ports are chosen here, so it needs no key.
type portTable struct {
	buckets []*socket
	n       int
}

const firstBuckets = 16

func (t *portTable) bucket(port uint16) *socket {
	if len(t.buckets) == 0 {
		return nil
	}
	return t.buckets[int(port)&(len(t.buckets)-1)]
}

func (t *portTable) add(s *socket) {
	if t.n >= 2*len(t.buckets) && len(t.buckets) < 1<<16 {
		t.grow()
	}
	t.n++
	t.link(s)
}

func (t *portTable) link(s *socket) {
	b := &t.buckets[int(s.local.Port())&(len(t.buckets)-1)]
	s.portPrev, s.portNext = nil, *b
	if *b != nil {
		(*b).portPrev = s
	}
	*b = s
}

func (t *portTable) grow() {
	old := t.buckets
	t.buckets = make([]*socket, max(firstBuckets, 2*len(old)))
	for _, s := range old {
		for s != nil && s.portNext != nil {
			s = s.portNext
		}
		for s != nil { // the oldest first, so that the newest stay in front
			newer := s.portPrev
			t.link(s)
			s = newer
		}
	}
}

func (t *portTable) remove(s *socket) {
	if s.portPrev != nil {
		s.portPrev.portNext = s.portNext
	} else {
		t.buckets[int(s.local.Port())&(len(t.buckets)-1)] = s.portNext
	}
	if s.portNext != nil {
		s.portNext.portPrev = s.portPrev
	}
	s.portNext, s.portPrev = nil, nil
	t.n--
}

// echoSocket returns the echo socket that a message for local from remote belongs
// to: the one that says most about it, the newest among equals or the one whose
// turn it is (outdoes). Ports are IDs, of which few have more than one socket.
func (h *Host) echoSocket(local, remote netip.AddrPort) *socket {
	var best *socket
	top, flow := -1, h.flowHash(local, remote)
	for s := h.echo.bucket(local.Port()); s != nil; s = s.portNext {
		if n := s.score(local, remote, false); s.outdoes(n, best, top, flow) {
			best, top = s, n
		}
	}
	return best
}

// outdoes reports whether a packet of a flow is for s, which fits it n well,
// rather than for best: it fits better or, where both share the port
// (SO_REUSEPORT), as well and it is its turn.
func (s *socket) outdoes(n int, best *socket, top int, flow uint32) bool {
	if n != top || best == nil || !s.has(sharesPort) || !best.has(sharesPort) {
		return n > top
	}
	return s.share(flow) > best.share(flow)
}

// share is the lot that s draws for a flow among the sockets that share an
// address and port (SO_REUSEPORT): the highest has it. Who comes or goes takes
// from the others only what is his (rendezvous hashing).
func (s *socket) share(flow uint32) uint32 {
	x := (flow ^ uint32(s.id)*0x9E3779B1 ^ uint32(s.id>>32)) * 0x85EBCA6B
	x = (x ^ x>>13) * 0xC2B2AE35
	return x ^ x>>16
}

// score says how well s fits a packet; below 0: not at all. ports is false
// where the peer has none.
func (s *socket) score(local, remote netip.AddrPort, ports bool) int {
	if s.local.Port() != local.Port() {
		return -1
	}
	n := 0
	if a := s.local.Addr(); !a.IsUnspecified() {
		if a != local.Addr() {
			return -1
		}
		n++
	}
	if s.remote.IsValid() {
		if s.remote.Addr() != remote.Addr() || ports && s.remote.Port() != remote.Port() {
			return -1
		}
		n += 2
	}
	return n
}

// A hashTable finds sockets by a hash that they carry.
type hashTable struct {
	buckets []*socket
	n       int
}

func (t *hashTable) bucket(hash uint32) *socket {
	if len(t.buckets) == 0 {
		return nil
	}
	return t.buckets[int(hash)&(len(t.buckets)-1)]
}

func (t *hashTable) add(s *socket, hash uint32) {
	s.hash, s.hashed = hash, true
	if t.n >= 2*len(t.buckets) && len(t.buckets) < maxSockets {
		t.grow()
	}
	t.n++
	t.link(s)
}

func (t *hashTable) link(s *socket) {
	b := &t.buckets[int(s.hash)&(len(t.buckets)-1)]
	s.hashNext, *b = *b, s
}

func (t *hashTable) grow() {
	old := t.buckets
	t.buckets = make([]*socket, max(firstBuckets, 2*len(old)))
	for _, s := range old {
		for s = reversed(s); s != nil; {
			next := s.hashNext
			t.link(s)
			s = next
		}
	}
}

// reversed turns a chain round, so that linking it anew keeps its order.
func reversed(s *socket) (head *socket) {
	for s != nil {
		s.hashNext, head, s = head, s, s.hashNext
	}
	return head
}

func (t *hashTable) remove(s *socket) {
	at := &t.buckets[int(s.hash)&(len(t.buckets)-1)]
	for *at != s {
		at = &(*at).hashNext
	}
	*at = s.hashNext
	s.hashNext, s.hashed = nil, false
	t.n--
}
