package host

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A duel is two hosts and the frames between them, played by bytes: which frame
// arrives, twice, late, edited or never; what the programs on both do; how time
// passes. After each step both hosts keep their invariants, and no stream gives
// a byte that its peer did not send there, unless an edit touched it.
type duel struct {
	t      testing.TB
	now    clock.Instant
	in     script
	hosts  [2]*Host
	audits [2]Audit
	wire   []frame // on their way, both directions
	talks  []*talk // in the order of their opening
	ears   [2]Handle
	lis    [2]Handle
	flows  map[flowKey]*flowFacts
	// An edit touched fragments: nothing is sure any more of what they become.
	anySegment, anyDatagram bool
	out                     [16]link.Packet
	buf                     [70_000]byte
	events                  []Ready
}

// A frame is an IP packet on its way.
type frame struct {
	to   int
	gso  uint16
	born clock.Instant
	data []byte
}

const (
	maxOnWire = 48
	frameLife = 30 * time.Second // MSL: what is older died on its way
)

// A flowKey names a connection whichever end it is seen from.
type flowKey struct{ a, b netip.AddrPort }

func keyOf(x, y netip.AddrPort) flowKey {
	if y.Compare(x) < 0 {
		x, y = y, x
	}
	return flowKey{x, y}
}

// flowFacts is what is known of a four-tuple.
type flowFacts struct {
	data, end bool           // an edit may have touched the bytes, or the end of them
	sent      map[uint16]int // by the sender's port: how much, of a stream
	ended     map[uint16]bool
	sizes     map[uint16]map[int]bool // of datagrams
	lives     [2]int                  // how often each host had it
}

func (d *duel) flow(x, y netip.AddrPort) *flowFacts {
	k := keyOf(x, y)
	f := d.flows[k]
	if f == nil {
		f = &flowFacts{sent: map[uint16]int{}, ended: map[uint16]bool{}, sizes: map[uint16]map[int]bool{}}
		d.flows[k] = f
	}
	return f
}

// A talk is one end of a stream.
type talk struct {
	host          int
	s             Handle
	local, remote netip.AddrPort
	read          int
	failed        bool // a call told an error
	deaf          bool // its receiving direction was shut
}

// say fills p with what the sender of a flow says from off on.
func say(p []byte, from, to netip.AddrPort, off int) {
	salt := uint32(from.Port())*40503 + uint32(to.Port())*2971 + uint32(from.Addr().As4()[3])*131
	for i := range p {
		p[i] = byte((uint32(off+i) ^ salt) * 0x9e3779b1 >> 24)
	}
}

// A script hands out bytes; past its end, zeros.
type script struct{ b []byte }

func (s *script) byte() int {
	if len(s.b) == 0 {
		return 0
	}
	x := s.b[0]
	s.b = s.b[1:]
	return int(x)
}

func (s *script) word() int { return s.byte()<<8 | s.byte() }

func newDuel(t testing.TB, in []byte) *duel {
	d := &duel{t: t, now: start, in: script{in[:min(len(in), 2048)]}, flows: map[flowKey]*flowFacts{}}
	setup := d.in.byte()
	for i, prefix := range []string{"192.0.2.1/24", "192.0.2.2/24"} {
		f := link.Features{MTU: 1500}
		if setup&1 != 0 {
			f.MTU = 576
		}
		if setup&2 != 0 {
			f.MaxGSO, f.ChecksumOffload = 16384, i == 0
		}
		d.hosts[i] = newHost(t, byte(i+1), prefix, f, func(c *Config) {
			c.Memory = 4 << 20
			c.TCP = tcp.Config{NoSACK: setup&4 != 0, NoTimestamps: setup&8 != 0, NoScale: setup&16 != 0}
			if setup&32 != 0 {
				c.TCP.ECN = tcp.ECNRequest
			}
			if setup&64 != 0 {
				c.Memory = 64 << 10
			}
		})
		d.lis[i] = d.open(i, Stream, 80)
		_ = d.hosts[i].Listen(d.now, d.lis[i], 2)
		d.ears[i] = d.open(i, Datagram, 53)
	}
	d.connect(0)
	for range 3 * (1 - setup>>7) { // most begin with a connection
		d.transmit()
		d.deliverAll()
	}
	d.accept(1)
	return d
}

var duelAddrs = [2]netip.Addr{addrA, addrB}

func (d *duel) open(i int, k Kind, port uint16) Handle {
	s, err := d.hosts[i].Open(d.now, k)
	if err != nil {
		return 0
	}
	_ = d.hosts[i].Bind(d.now, s, netip.AddrPortFrom(anyAddress, port))
	return s
}

func (d *duel) connect(i int) {
	h := d.hosts[i]
	s, err := h.Open(d.now, Stream)
	if err != nil {
		return
	}
	if err := h.Connect(d.now, s, netip.AddrPortFrom(duelAddrs[1-i], 80)); err != ErrInProgress {
		_ = h.Close(d.now, s)
		return
	}
	d.join(i, s, netip.AddrPortFrom(duelAddrs[1-i], 80))
}

func (d *duel) accept(i int) {
	h := d.hosts[i]
	s, err := h.Accept(d.now, d.lis[i])
	if err != nil {
		return
	}
	d.join(i, s, h.lookup(s).remote.AddrPort())
}

// join begins a talk. A four-tuple that lives again may meet old frames of its
// own: they are within their lifetime, and no rule keeps them apart after an abort.
func (d *duel) join(i int, s Handle, remote netip.AddrPort) {
	local, _ := d.hosts[i].LocalAddr(s)
	f := d.flow(local, remote)
	if f.lives[i]++; f.lives[i] > 1 {
		f.data, f.end = true, true
	}
	d.talks = append(d.talks, &talk{host: i, s: s, local: local, remote: remote})
}

func (d *duel) talk() *talk {
	if len(d.talks) == 0 {
		return nil
	}
	return d.talks[d.in.byte()%len(d.talks)]
}

// step does one thing.
func (d *duel) step() {
	switch op := d.in.byte() % 32; op {
	case 0, 1, 2:
		d.deliver(d.in.byte())
	case 3, 4:
		d.deliverAll()
	case 5:
		d.take(d.in.byte())
	case 6: // a frame arrives, and stays on its way
		if f, ok := d.peek(d.in.byte()); ok {
			d.put(f)
		}
	case 7: // the first becomes the last
		if f, ok := d.take(0); ok {
			d.put(f)
		}
	case 8, 9, 10, 11:
		d.edit()
	case 12, 13:
		d.wait(clock.Earliest(d.hosts[0].Deadline(), d.hosts[1].Deadline()))
	case 14:
		d.wait(d.now.Add(time.Duration(d.in.byte()) << (d.in.byte() % 32)))
	case 15, 16, 17:
		d.write(d.talk())
	case 18, 19, 20:
		d.listen(d.talk())
	case 21:
		d.end(d.talk())
	case 22:
		d.connect(d.in.byte() & 1)
	case 23:
		d.accept(d.in.byte() & 1)
	case 24:
		d.options(d.talk())
	case 25:
		d.sendDatagram(d.in.byte() & 1)
	case 26:
		d.recvDatagram(d.in.byte() & 1)
	case 27:
		i := d.in.byte() & 1
		d.hosts[i].SetFeatures(d.now, link.Features{MTU: 68 + d.in.byte()*8, MaxGSO: d.in.byte() * 256})
	case 28:
		i := d.in.byte() & 1 // the listener goes and comes back
		_ = d.hosts[i].Close(d.now, d.lis[i])
		d.lis[i] = d.open(i, Stream, 80)
		_ = d.hosts[i].Listen(d.now, d.lis[i], d.in.byte()%3)
	case 29:
		for _, x := range d.talks {
			d.write(x)
			d.listen(x)
		}
	default:
		d.deliverAll()
	}
}

// wait lets time pass, and does what is due until nothing is: a host that asks
// again and again to be woken in the past would keep its machine busy for ever.
func (d *duel) wait(until clock.Instant) {
	d.now = max(d.now, until)
	for i, h := range d.hosts {
		h.Expire(d.now)
		d.transmit()
		for round := 0; h.Deadline().Due(d.now); round++ {
			if round == 4 {
				d.t.Fatalf("host %d is due at %v, and it is %v", i, h.Deadline(), d.now)
			}
			h.Expire(d.now)
			d.transmit()
		}
	}
}

// transmit puts on the wire what both hosts have to send.
func (d *duel) transmit() {
	for i, h := range d.hosts {
		for range 4 {
			n := h.Transmit(d.now, d.out[:])
			for j := range d.out[:n] {
				p := &d.out[j]
				b := p.AppendTo(nil)
				if p.CsumDone && p.GSOSize == 0 {
					wire.SetTransportChecksum(b, [2][]byte{})
				}
				d.put(frame{to: 1 - i, gso: p.GSOSize, born: d.now, data: b})
			}
			if n < len(d.out) {
				break
			}
		}
	}
}

func (d *duel) put(f frame) {
	if len(d.wire) < maxOnWire {
		d.wire = append(d.wire, f)
	}
}

// peek returns a copy of the frame that k names.
func (d *duel) peek(k int) (frame, bool) {
	if len(d.wire) == 0 {
		return frame{}, false
	}
	f := d.wire[k%len(d.wire)]
	f.data = bytes.Clone(f.data)
	return f, true
}

// take takes the frame that k names off the wire.
func (d *duel) take(k int) (frame, bool) {
	if len(d.wire) == 0 {
		return frame{}, false
	}
	k %= len(d.wire)
	f := d.wire[k]
	d.wire = append(d.wire[:k], d.wire[k+1:]...)
	return f, true
}

func (d *duel) deliver(k int) {
	if f, ok := d.take(k); ok && d.now.Sub(f.born) < frameLife {
		d.hosts[f.to].Input(d.now, &link.Packet{Head: f.data, GSOSize: f.gso, CsumDone: f.gso > 0})
		d.look()
	}
}

func (d *duel) deliverAll() {
	for range len(d.wire) {
		d.deliver(0)
	}
}

// look holds both hosts to their invariants.
func (d *duel) look() {
	for i, h := range d.hosts {
		if err := d.audits[i].Check(h); err != nil { // require costs more than the check
			d.t.Fatalf("host %d: %v", i, err)
		}
	}
}

// duelOf plays a duel to its end.
func duelOf(t *testing.T, in []byte) {
	d := newDuel(t, in)
	for len(d.in.b) > 0 {
		d.step()
		d.look()
		d.transmit()
		d.look()
		for _, h := range d.hosts {
			d.events = append(d.events[:0], h.Events()...)
			for _, r := range d.events {
				if r.Mask == 0 {
					t.Fatalf("no news of %v", r.Socket)
				}
			}
		}
	}
	for i, h := range d.hosts {
		h.CloseAll(d.now)
		for j := 0; h.Transmit(d.now, d.out[:]) > 0 || h.Pending(); j++ {
			require.Less(t, j, 10_000, "drains")
		}
		h.Transmit(d.now, d.out[:])
		require.NoError(t, d.audits[i].Idle(h))
	}
}

func FuzzPair(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(randomDuel(seed, 600))
	}
	f.Fuzz(duelOf)
}

func randomDuel(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0x6475656c))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestRandomPairs is FuzzPair on random inputs, the same every time.
func TestRandomPairs(t *testing.T) {
	n := uint64(3000)
	if testing.Short() {
		n = 300
	}
	for seed := range n {
		t.Run("", func(t *testing.T) { duelOf(t, randomDuel(seed, 200+int(seed%1500))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
