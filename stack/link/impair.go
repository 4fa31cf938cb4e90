package link

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Faults say what an Impair does to packets. The zero Faults carry every
// packet at once and whole. Loss, Duplicate, Corrupt and Reorder are
// probabilities per packet from 0 to 1.
type Faults struct {
	Loss      float64
	Duplicate float64 // the packet arrives twice
	Corrupt   float64 // one bit is flipped, which every checksum over it finds
	Reorder   float64 // the packet takes ReorderDelay longer, so that later ones overtake it

	Delay        time.Duration // of every packet
	Jitter       time.Duration // up to this much more, at random; by itself it never reorders
	ReorderDelay time.Duration

	Rate  int64 // bytes per second; 0: without bound
	Queue int   // bytes waiting for Rate at most, the rest is dropped; 0: 256 KiB
	Hold  int   // bytes held at most, waiting and on their way; 0: 64 MiB
	MTU   int   // bytes: larger packets are swallowed without a word, as in a black hole (RFC 2923 2.1); 0: none are
}

const (
	defaultQueue = 256 << 10
	defaultHold  = 64 << 20
)

// ImpairStats counts what became of packets.
type ImpairStats struct {
	Packets, Lost, Duplicated, Corrupted, Reordered uint64
	Overflow                                        uint64 // dropped: Queue or Hold was full
	TooLarge                                        uint64 // dropped: larger than MTU
}

// An Impair is one direction of a path with faults: packets go in with Put and
// come out with Take when their time has come. The same seed, packets and times
// give the same faults. It is a value driven by whoever has the time, not safe
// for concurrent use, and it uses its memory again.
type Impair struct {
	faults Faults
	rng    rand.PCG
	heap   []flight // ordered by arrival, then by entry
	entry  uint64
	held   int           // bytes in heap
	free   clock.Instant // when the bottleneck has sent what it was given
	last   clock.Instant // arrival of the latest packet that kept its order
	lent   [][]byte
	pool   pool
	stats  ImpairStats
}

// A flight is a packet on its way; Head holds it whole.
type flight struct {
	at    clock.Instant
	entry uint64 // ties go by order of entry
	p     Packet
}

// NewImpair returns a path with the faults f, drawn from seed.
func NewImpair(f Faults, seed uint64) *Impair {
	m := &Impair{rng: *rand.NewPCG(seed, 0x736f636b65796521)}
	m.SetFaults(f)
	return m
}

// SetFaults changes the faults of the packets that come from now on. Negative
// values count as 0, probabilities above 1 as 1.
func (m *Impair) SetFaults(f Faults) {
	for _, p := range []*float64{&f.Loss, &f.Duplicate, &f.Corrupt, &f.Reorder} {
		if *p = min(*p, 1); !(*p > 0) { // NaN too
			*p = 0
		}
	}
	for _, d := range []*time.Duration{&f.Delay, &f.Jitter, &f.ReorderDelay} {
		*d = max(*d, 0)
	}
	if f.Queue == 0 {
		f.Queue = defaultQueue
	}
	if f.Hold == 0 {
		f.Hold = defaultHold
	}
	m.faults = f
}

// Stats returns what became of the packets so far.
func (m *Impair) Stats() ImpairStats { return m.stats }

// Put sends a copy of p on its way, or drops it.
func (m *Impair) Put(now clock.Instant, p *Packet) {
	m.stats.Packets++
	// One draw per fault and packet, whatever the others did: changing one
	// probability leaves the other faults where they were.
	lost, twice := m.chance(m.faults.Loss), m.chance(m.faults.Duplicate)
	corrupt, late := m.chance(m.faults.Corrupt), m.chance(m.faults.Reorder)
	if lost {
		m.stats.Lost++
		return
	}
	if f := (Features{MTU: m.faults.MTU, MaxGSO: math.MaxInt}); f.MTU > 0 && !f.Carries(p) {
		m.stats.TooLarge++
		return
	}
	depart, ok := m.depart(now, p.Len())
	if !ok {
		m.stats.Overflow++
		return
	}
	m.launch(depart, p, corrupt, late)
	if twice {
		m.stats.Duplicated++
		m.launch(depart, p, false, false)
	}
}

// depart passes n bytes through the bottleneck and returns when the last of
// them has left it.
func (m *Impair) depart(now clock.Instant, n int) (clock.Instant, bool) {
	if m.faults.Rate <= 0 {
		return now, true
	}
	start := max(now, m.free)
	if start > now && m.bytesIn(start.Sub(now))+int64(n) > int64(m.faults.Queue) {
		return 0, false // an idle bottleneck takes any packet
	}
	// At most 64 KiB * 1e9 ns: far from an overflow.
	m.free = start.Add(time.Duration(int64(n) * int64(time.Second) / m.faults.Rate))
	return m.free, true
}

// bytesIn returns how many bytes the bottleneck sends in d, in two steps so
// that the product does not overflow.
func (m *Impair) bytesIn(d time.Duration) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return whole*m.faults.Rate + rest/1000*m.faults.Rate/1_000_000
}

// launch puts a copy of p, damaged perhaps, among the packets on their way.
func (m *Impair) launch(depart clock.Instant, p *Packet, corrupt, late bool) {
	n := p.Len()
	if m.held+n > m.faults.Hold {
		m.stats.Overflow++
		return
	}
	at := depart.Add(m.faults.Delay)
	if m.faults.Jitter > 0 {
		at = at.Add(time.Duration(m.rng.Uint64() % uint64(m.faults.Jitter+1)))
	}
	if late {
		m.stats.Reordered++
		at = at.Add(m.faults.ReorderDelay)
	} else {
		at = max(at, m.last)
		m.last = at
	}
	c := Packet{Head: p.AppendTo(m.pool.get(n)), GSOSize: p.GSOSize, CsumDone: p.CsumDone}
	if corrupt && n > 0 {
		m.corrupt(&c)
	}
	m.held += n
	m.push(flight{at: at, entry: m.entry, p: c})
	m.entry++
}

// corrupt flips one bit. No second one: two flips can cancel in the Internet
// checksum, and what comes through then would not be the stack's fault.
func (m *Impair) corrupt(p *Packet) {
	m.stats.Corrupted++
	if p.CsumDone {
		wire.SetTransportChecksum(p.Head, [2][]byte{})
		p.CsumDone = false
	}
	bit := m.rng.Uint64() % uint64(8*len(p.Head))
	p.Head[bit/8] ^= 1 << (bit % 8)
}

// Take fills out with the packets that have arrived by now and returns how
// many. What they point to is valid until the next Take.
func (m *Impair) Take(now clock.Instant, out []Packet) int {
	for i, b := range m.lent {
		m.pool.put(b)
		m.lent[i] = nil
	}
	m.lent = m.lent[:0]
	n := 0
	for n < len(out) && m.Deadline().Due(now) {
		out[n] = m.pop().p
		m.held -= len(out[n].Head)
		m.lent = append(m.lent, out[n].Head)
		n++
	}
	return n
}

// Deadline returns when the next packet arrives; Never when none is on its way.
func (m *Impair) Deadline() clock.Instant {
	if len(m.heap) == 0 {
		return clock.Never
	}
	return m.heap[0].at
}

// chance draws once and says yes with probability p.
func (m *Impair) chance(p float64) bool {
	const resolution = 1 << 53 // of a float64: exact, so equal on every machine
	return m.rng.Uint64()>>11 < uint64(p*resolution)
}

func (f *flight) before(g *flight) bool {
	return f.at < g.at || f.at == g.at && f.entry < g.entry
}

func (m *Impair) push(f flight) {
	m.heap = append(m.heap, f)
	for i := len(m.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !m.heap[i].before(&m.heap[up]) {
			return
		}
		m.heap[i], m.heap[up] = m.heap[up], m.heap[i]
		i = up
	}
}

func (m *Impair) pop() flight {
	first, end := m.heap[0], len(m.heap)-1
	m.heap[0], m.heap[end] = m.heap[end], flight{}
	m.heap = m.heap[:end]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < end; c++ {
			if m.heap[c].before(&m.heap[least]) {
				least = c
			}
		}
		if least == i {
			return first
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}
