package tcp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

const (
	ms    = time.Millisecond
	epoch = clock.Instant(1000 * time.Second)
)

var (
	addrA = netip.MustParseAddrPort("192.0.2.1:40000")
	addrB = netip.MustParseAddrPort("192.0.2.2:80")
)

// A peer is one end of the pipe: a listener until a handshake completes, or a
// connection.
type peer struct {
	name     string
	env      *Env
	flow     Flow
	opts     Options
	listener *Listener
	conn     *Conn
	edge     wire.Seq // largest right edge that the other side offered
	hasEdge  bool

	toSend   int // bytes the application still wants to write
	sum, got hash.Hash
	wrote    int
	read     int
	content  *rand.Rand
	closed   bool
	sawEOF   bool
	readAt   clock.Instant // when the application reads next, where world.slow
}

// A packet is a segment on its way.
type packet struct {
	at clock.Instant
	n  int
	to *peer
	in Arrival
}

// A world is two peers joined by a pipe with faults, in virtual time.
type world struct {
	t      testing.TB
	rnd    *rand.Rand
	now    clock.Instant
	a, b   *peer
	air    []packet
	sent   int
	delay  time.Duration
	jitter time.Duration
	slow   time.Duration // the applications read only so often
	loss   float64
	dup    float64
	mark   float64                           // of what says ECT
	lose   func(from *peer, s *Segment) bool // beside loss
	see    func(from *peer, s *Segment)
	steps  int
}

func newWorld(t testing.TB, seed uint64, cfg Config, o Options) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: epoch, delay: 10 * ms}
	w.a = newPeer("a", seed, cfg, o, Flow{addrA, addrB})
	w.b = newPeer("b", seed+1, cfg, o, Flow{addrB, addrA})
	return w
}

func newPeer(name string, seed uint64, cfg Config, o Options, f Flow) *peer {
	var key [32]byte
	for i := range key {
		key[i] = byte(seed>>(i%8)) + byte(i) + name[0]
	}
	e := NewEnv(cfg, key, buffer.NewBudget(16<<20), nil)
	return &peer{name: name, env: e, flow: f, opts: o, content: rand.New(rand.NewPCG(seed, uint64(name[0])))}
}

func (p *peer) listen() {
	p.listener = new(Listener)
	p.listener.Init(p.env, 1, p.opts)
}

func (w *world) connect(p *peer) {
	p.conn = new(Conn)
	p.conn.Init(p.env, 2, p.flow, p.opts, p.env.MTU)
	p.conn.Open(w.now)
	w.flush(p)
}

// establish joins a client a and a server b.
func (w *world) establish() {
	w.b.listen()
	w.connect(w.a)
	for i := 0; i < 10000 && (w.b.conn == nil || w.b.conn.State() != StateEstablished || w.a.conn.State() != StateEstablished); i++ {
		require.True(w.t, w.step(), "the handshake stopped: %v", w)
	}
	require.Equal(w.t, StateEstablished, w.a.conn.State())
}

func (w *world) other(p *peer) *peer {
	if p == w.a {
		return w.b
	}
	return w.a
}

// flush puts on the air what p has to send.
func (w *world) flush(p *peer) {
	var out Segment
	for i := 0; p.conn != nil && p.conn.Transmit(w.now, &out); i++ {
		w.check(p)
		w.put(p, &out)
		require.Less(w.t, i, 10000, "%s transmits without end: %v", p.name, w)
	}
	var f Flow
	for p.listener != nil && p.listener.Transmit(w.now, &f, &out) {
		require.Equal(w.t, p.flow, f)
		w.put(p, &out)
	}
	if p.conn != nil {
		w.check(p)
	}
}

// put sends s through the pipe with its faults. A super-segment is lost, or
// not, piece by piece.
func (w *world) put(p *peer, s *Segment) {
	body := append(append([]byte(nil), s.Payload[0]...), s.Payload[1]...)
	require.LessOrEqual(w.t, s.Seg.HeaderLen(), 60, "options too long: %v", w)
	if w.see != nil {
		w.see(p, s)
	}
	w.noteEdge(p, s)
	if w.lose != nil && w.lose(p, s) {
		return
	}
	if s.GSOSize == 0 {
		require.LessOrEqual(w.t, len(body)+s.Seg.HeaderLen()+20, p.env.MTU)
		w.launch(p, s.Seg, body, 1, s.ECN)
		return
	}
	require.LessOrEqual(w.t, s.GSOSize+s.Seg.HeaderLen()+20, p.env.MTU)
	require.LessOrEqual(w.t, len(body)+60, p.env.MaxGSO)
	n := (len(body) + s.GSOSize - 1) / s.GSOSize
	if w.loss == 0 && w.jitter == 0 {
		w.launch(p, s.Seg, body, n, s.ECN)
		return
	}
	for off := 0; off < len(body); off += s.GSOSize {
		h := s.Seg
		h.Seq = h.Seq.Add(off)
		end := min(off+s.GSOSize, len(body))
		if end < len(body) {
			h.Flags &^= wire.FIN | wire.PSH
		}
		if off > 0 {
			h.Flags &^= wire.CWR
		}
		w.launch(p, h, body[off:end], 1, s.ECN)
	}
}

func (w *world) launch(p *peer, h wire.TCP, body []byte, segments int, ecn uint8) {
	if ecn == ect0 && w.rnd.Float64() < w.mark {
		ecn = ce
	}
	for copies := 1; copies > 0; copies-- {
		if w.rnd.Float64() < w.dup {
			copies++
		}
		if w.rnd.Float64() < w.loss {
			continue
		}
		at := w.now.Add(w.delay)
		if w.jitter > 0 {
			at = at.Add(time.Duration(w.rnd.Int64N(int64(w.jitter))))
		}
		w.sent++
		w.air = append(w.air, packet{at: at, n: w.sent, to: w.other(p), in: Arrival{Seg: h, Payload: body, Segments: segments, ECN: ecn}})
	}
}

// noteEdge keeps the right edge that s offers to the other side.
func (w *world) noteEdge(p *peer, s *Segment) {
	if s.Seg.Flags&wire.ACK == 0 || s.Seg.Flags&wire.RST != 0 || p.conn == nil {
		return
	}
	shift := p.conn.opt.rcvShift
	if s.Seg.Flags&wire.SYN != 0 {
		shift = 0
	}
	q := w.other(p)
	edge := s.Seg.Ack.Add(int(s.Seg.Window) << shift)
	if !q.hasEdge {
		q.edge, q.hasEdge = edge, true
		return
	}
	if edge.Less(q.edge) {
		require.Less(w.t, q.edge.Sub(edge), 1<<shift, "%s moved its right edge to the left: %v", p.name, w)
	}
	q.edge = wire.MaxSeq(q.edge, edge)
}

// step does the next thing that is due, and reports whether there was one.
func (w *world) step() bool {
	w.steps++
	next := clock.Never
	slices.SortFunc(w.air, func(x, y packet) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.n, y.n))
	})
	if len(w.air) > 0 {
		next = w.air[0].at
	}
	for _, p := range []*peer{w.a, w.b} {
		next = clock.Earliest(next, p.deadline())
	}
	if next == clock.Never {
		return false
	}
	w.now = max(w.now, next)
	for _, p := range []*peer{w.a, w.b} {
		if p.deadline().Due(w.now) {
			w.expire(p)
		}
	}
	batch := 1 + w.rnd.IntN(4)
	for len(w.air) > 0 && w.air[0].at <= w.now && batch > 0 {
		q := w.air[0]
		w.air = w.air[1:]
		w.arrive(q.to, &q.in)
		batch--
		if len(w.air) == 0 || w.air[0].to != q.to {
			break
		}
	}
	for _, p := range []*peer{w.a, w.b} {
		w.apply(p)
		w.flush(p)
	}
	return true
}

func (p *peer) deadline() clock.Instant {
	d := clock.Never
	if p.conn != nil {
		d = p.conn.Deadline()
	}
	if p.listener != nil {
		d = clock.Earliest(d, p.listener.Deadline())
	}
	if p.conn != nil && p.conn.Readable() > 0 {
		d = clock.Earliest(d, p.readAt)
	}
	return d
}

func (w *world) expire(p *peer) {
	if p.conn != nil {
		p.conn.Expire(w.now)
	}
	if p.listener != nil {
		p.listener.Expire(w.now)
	}
}

func (w *world) arrive(p *peer, in *Arrival) {
	if p.conn != nil && p.conn.State() != StateClosed {
		p.conn.Arrive(w.now, in)
		w.check(p)
		return
	}
	if p.listener == nil {
		w.refuse(p, in)
		return
	}
	verdict, hs := p.listener.Arrive(w.now, p.flow, in, false)
	switch verdict {
	case Reset:
		w.refuse(p, in)
	case Established:
		if p.conn != nil {
			p.conn.Release()
		}
		p.conn = new(Conn)
		p.conn.InitPassive(w.now, p.env, 3, hs, p.opts, p.env.MTU)
		p.conn.Arrive(w.now, in)
		w.check(p)
	case Cookie:
		var out Segment
		p.listener.Cookie(w.now, p.flow, in, &out)
		w.put(p, &out)
	}
}

func (w *world) refuse(p *peer, in *Arrival) {
	var out Segment
	if Refuse(in, &out) {
		w.put(p, &out)
	}
}

// apply lets p's application write and read.
func (w *world) apply(p *peer) {
	c := p.conn
	if c == nil {
		return
	}
	if p.sum != nil {
		for p.toSend > 0 {
			n := min(p.toSend, 1+w.rnd.IntN(20000), c.Writable())
			if n == 0 {
				break
			}
			buf := make([]byte, n)
			for i := 0; i < len(buf); i += 8 {
				var x [8]byte
				binary.LittleEndian.PutUint64(x[:], p.content.Uint64())
				copy(buf[i:], x[:])
			}
			n = c.Write(w.now, buf)
			if n == 0 {
				break
			}
			require.Equal(w.t, len(buf), n)
			p.sum.Write(buf[:n])
			p.toSend -= n
			p.wrote += n
		}
		if p.toSend == 0 && !p.closed && c.State().synchronized() {
			p.closed = true
			c.CloseWrite(w.now)
		}
	}
	if p.got != nil && w.now >= p.readAt {
		buf := make([]byte, 1+w.rnd.IntN(30000))
		if w.slow > 0 {
			p.readAt = w.now.Add(time.Duration(w.rnd.Int64N(int64(w.slow))))
		}
		for w.slow == 0 || len(buf) > 0 {
			n := c.Read(w.now, buf)
			if n == 0 {
				break
			}
			p.got.Write(buf[:n])
			p.read += n
			if w.slow > 0 {
				buf = buf[n:]
			}
		}
		p.sawEOF = p.sawEOF || c.AtEOF()
	}
}

func (w *world) String() string {
	s := fmt.Sprintf("at %v, %d on the air", w.now.Sub(epoch), len(w.air))
	for _, p := range []*peer{w.a, w.b} {
		if c := p.conn; c != nil {
			s += fmt.Sprintf("\n%s %v", p.name, c)
		}
	}
	return s
}

// String shows a connection to whoever reads of a failed test.
func (c *Conn) String() string {
	cwnd := 0
	if c.cc != nil {
		cwnd = c.cwnd()
	}
	return fmt.Sprintf("%v err %v una %d nxt %d wnd %d out %d rcv %d adv %d in %d mss %d cwnd %d pipe %d timers %v has %b %+v",
		c.state, c.err, c.snd.una.Sub(c.snd.iss), c.snd.nxt.Sub(c.snd.iss), c.snd.wnd, c.out.Len(),
		c.rcv.nxt.Sub(c.rcv.irs), c.rcv.adv.Sub(c.rcv.nxt), c.in.Len(), c.sendMSS(0), cwnd, c.inFlight(), c.timers, c.has, c.opts)
}

// check holds p's connection to the invariants of doc.go.
func (w *world) check(p *peer) {
	checkConn(w.t, p.conn, w)
	if c := p.conn; p.hasEdge && c.State().synchronized() {
		// A zero-window probe is one byte beyond, and the FIN takes no buffer.
		require.LessOrEqual(w.t, c.snd.nxt.Sub(p.edge), 1, "%s sent beyond the window: %v", p.name, w)
	}
}

// checkConn holds a connection to what one moment shows; an Audit that is kept
// sees more.
func checkConn(t testing.TB, c *Conn, why any) {
	require.NoError(t, new(Audit).Check(c, false), "%v", why)
	checkMarks(t, c, why)
}
