package host

import (
	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Host is a whole IPv4 host as a value: packets, calls and the time go in;
// packets, readiness and a deadline come out. It is not safe for concurrent use.
type Host struct {
	cfg      Config
	feat     link.Features
	net      addresses
	now      clock.Instant // of the latest call that told it
	closed   bool
	rand     random
	budget   *buffer.Budget
	log      *trace.Log
	tap      *link.Tap
	counters Counters
	shown    *Counters // what Counters last returned; nil: nobody has asked

	// What the host itself keeps and sends.
	parcels parcelPool
	out     parcelQueue      // packets of its own for the link
	loop    parcelQueue      // packets to itself
	lent    parcelQueue      // given out by the last Transmit
	away    parcelQueue      // for other Hosts that are one with this
	steer   owners           // nil: alone
	stuck   []Handle         // datagram sockets that found out or loop full
	lowats  map[Handle]int32 // of streams with SO_RCVLOWAT
	turn    int              // who gets the odd place of a batch
	idKey   secret
	ids     [numIDCounters]uint16
	idStep  uint16
	idFirst uint16
	frags   reassembler
	kept    int // bytes of memory in the receive queues of datagram sockets
	paths   [numPathUsers]pathCache
	pathEnd clock.Instant // when the next entry of streamPaths becomes too old
	pathGen uint32        // of what streams know of paths
	errors  bucket

	// Sockets.
	sockets       []*socket // by index
	freeSockets   []*socket
	freeDatagrams []*datagrams
	freePresets   []*tcp.Options
	tcp           portTable // all streams with a local port
	udp           portTable
	byUDP         udpTable
	echo          portTable
	noted         []Handle // with news
	gone          []Handle
	events        []Ready
	due           deadlines

	// TCP.
	env        *tcp.Env
	flowKey    secret
	flows      hashTable // connections
	listeners  hashTable // by port
	waits      timeWaits
	orphans    socketList // connections without an owner
	stalled    socketList // connections with one, whose peers' windows are closed
	relief     timer      // of relieve
	stand      socket     // stands for the socket that a record had
	rest       timer      // of restIdle
	ready      socketList // connections and listeners that have, or may have, something to send
	readyLocal socketList // connections with ourselves
	freeConns  []*tcp.Conn
	freeLis    []*listener
	fwd        forwarding
	arrivalTOS uint8
	arrival    tcp.Arrival // scratch: what is passed by pointer does not go to the heap
	segment    tcp.Segment
	flow       tcp.Flow
	heading    heading
	stencil    wire.TCPTemplate // of cutSegment
	readers    []reading
	latest     *socket // the connection that the last segment to arrive was for
	lead       *socket // the one that the packet under way has arrived at, for InputBatch
	leader     wire.Lead
	heads      [maxBatch * maxHeadSize]byte
}

// New returns a host. Errors: ErrSeed, ErrPrefix, ErrRoute, ErrInvalid (Share).
func New(cfg Config, feat link.Features) (*Host, error) {
	if cfg.Seed == [32]byte{} {
		return nil, ErrSeed
	}
	if !cfg.Share.valid() {
		return nil, ErrInvalid
	}
	net, err := newAddresses(cfg.Prefixes, cfg.Routes)
	if err != nil {
		return nil, err
	}
	if cfg.Memory <= 0 {
		cfg.Memory = DefaultMemory
	}
	if cfg.TTL == 0 {
		cfg.TTL = defaultTTL
	}
	h := &Host{cfg: cfg, feat: cleanFeatures(feat), net: net, log: cfg.Trace, tap: cfg.Tap}
	h.budget = buffer.NewBudget(cfg.Memory)
	h.parcels.budget = h.budget
	h.rand.key = derive(&cfg.Seed, useRandom)
	h.flowKey = derive(&cfg.Seed, useFlows)
	h.idKey = derive(&cfg.Seed, useIDs)
	h.setShare(cfg.Share)
	h.frags.key = derive(&cfg.Seed, useFragments)
	h.frags.limit = min(maxReassembly, max(minReassembly, cfg.Memory/reassemblyMemory))
	for i := range h.paths {
		h.paths[i].key = derive(&cfg.Seed, usePMTU)
	}
	h.env = tcp.NewEnv(cfg.TCP, cfg.Seed, h.budget, cfg.Trace)
	h.env.MTU, h.env.MaxGSO = h.feat.MTU, h.feat.MaxGSO
	h.frags.timer.owner, h.waits.timer.owner, h.relief.owner, h.rest.owner = rankFragments, rankWaits, rankRelief, rankRest
	h.orphans.kind, h.stalled.kind = linkAge, linkAge
	return h, nil
}

// SetFeatures tells that the link's features changed.
func (h *Host) SetFeatures(now clock.Instant, f link.Features) {
	h.now = max(h.now, now)
	h.feat = cleanFeatures(f)
	h.env.MTU, h.env.MaxGSO = h.feat.MTU, h.feat.MaxGSO
	for _, s := range h.sockets {
		if s.live && s.conn != nil && !s.ended {
			h.tellPath(now, s)
			h.touch(s)
		}
	}
}

// CloseAll resets every connection (their RSTs wait in Transmit) and makes every
// handle stale. What arrives afterwards is refused; Open gives ErrClosed.
func (h *Host) CloseAll(now clock.Instant) {
	h.now = max(h.now, now)
	h.closed = true
	for _, s := range h.sockets { // first: their accept queues hold connections
		if s.live && (s.lis != nil || s.role == takesAll) {
			h.give(now, s, true)
		}
	}
	for _, s := range h.sockets {
		if s.live {
			h.give(now, s, true)
		}
	}
	for h.frags.oldest != nil {
		h.closePartial(h.frags.oldest)
	}
	h.closeWaits()
	h.due.remove(&h.frags.timer)
	h.due.remove(&h.relief)
	h.fwd.stop(&h.due)
	h.due.remove(&h.rest)
}
