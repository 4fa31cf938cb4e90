package tcp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A script hands out the bytes of a fuzz input; past the end it gives zeros.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	x := s.b[0]
	s.b = s.b[1:]
	return x
}

func (s *script) int(bytes int) (n int) {
	for range bytes {
		n = n<<8 | int(s.byte())
	}
	return n
}

// segment makes an arrival near what c expects, so that it gets past the first check
// often enough.
func (s *script) segment(c *Conn, body []byte) *Arrival {
	in := &Arrival{Segments: 1 + int(s.byte()%3)}
	h := &in.Seg
	h.SrcPort, h.DstPort = c.Flow().Remote.Port(), c.Flow().Local.Port()
	h.Flags = wire.Flags(s.byte())
	near := int(int8(s.byte()))
	in.ECN = uint8(near) & 3
	h.Seq, h.Ack = c.rcv.nxt, c.snd.nxt
	switch mode := s.byte(); mode % 4 {
	case 1:
		h.Seq = h.Seq.Add(near * 100)
	case 2:
		h.Ack = h.Ack.Add(near * 10)
	case 3:
		h.Seq, h.Ack = wire.Seq(s.int(4)), wire.Seq(s.int(4))
	}
	h.Window = uint16(s.int(2))
	h.Urgent = uint16(near)
	in.Payload = body[:s.int(2)%len(body)]
	s.options(c, &h.Options)
	return in
}

func (s *script) options(c *Conn, o *wire.TCPOptions) {
	mask := s.byte()
	if mask&1 != 0 {
		o.HasMSS, o.MSS = true, uint16(s.int(2))
	}
	if mask&2 != 0 {
		o.HasWindowScale, o.WindowScale = true, s.byte()
	}
	o.SACKPermitted = mask&4 != 0
	if mask&8 != 0 {
		o.HasTimestamps = true
		o.TSVal, o.TSEcr = c.rcv.tsRecent+uint32(int8(s.byte())), uint32(s.int(1))
	}
	if mask&16 != 0 {
		o.NumSACK = s.byte() % 6 // also more than there is room for
		for i := range o.SACK {
			l := c.snd.una.Add(int(s.byte()) * 50)
			o.SACK[i] = wire.SACKBlock{Left: l, Right: l.Add(int(int8(s.byte())) * 50)}
		}
	}
}

func (s *script) call(now clock.Instant, c *Conn, body []byte) {
	switch s.byte() % 16 {
	case 0, 1, 2:
		c.Write(now, body[:s.int(2)%len(body)])
	case 3, 4:
		c.Read(now, make([]byte, s.int(2)))
	case 5:
		c.CloseWrite(now)
	case 6, 7:
		c.Close(now)
	case 8:
		if s.byte() > 200 {
			c.Abort(now)
		}
	case 9:
		m := s.byte()
		c.SetOptions(now, Options{NoDelay: m&1 != 0, Cork: m&2 != 0, QuickACK: m&4 != 0, KeepAlive: m&8 != 0,
			RecvBuffer: s.int(2) << 2, SendBuffer: s.int(2) << 2, MaxSeg: s.int(1) * 8, UserTimeout: time.Duration(s.byte()) * time.Second,
			OOBInline: m&16 != 0, WindowClamp: s.int(1) * 64, NotSentLowat: s.int(1) * 64,
			Congestion: []congestion.Algorithm{nil, congestion.BBR{}, congestion.NewReno{}, congestion.BBR{}}[m>>5&3], MaxPacingRate: int64(m>>7) * 20000})
	case 10:
		mtu := s.int(2)
		c.SetPMTU(now, mtu)
		if mtu&1 != 0 {
			c.FollowSearch(now, mtu, mtu&2 != 0)
		}
	case 11:
		c.Unreachable(now, Error(s.byte()%10), c.snd.una)
	case 12:
		n := 0
		for _, p := range c.SendSpan(s.int(2)) {
			n += len(p)
		}
		c.SendCommit(now, n/2)
	case 13:
		c.RecvCommit(now, len(c.RecvSpan(100)[0])/2)
	case 14:
		c.WriteUrgent(now, body[:s.int(1)])
		c.ReadUrgent(s.byte()&1 != 0)
		c.Peek(body[:s.int(1)])
	case 15:
		m := s.byte()
		c.MoreSoon(m&1 != 0)
		c.SetQuickACK(now, m&2 != 0)
		if m&4 != 0 {
			c.Push(now)
		}
		if m&8 != 0 {
			c.SkipMark()
		}
	}
}

func FuzzConn(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x00\x00\x12\x00\x00\x00\xff\xff\x00\x10\x0f\x05\xb4\x07\x05\x05\x20\x20\x00\x40\x00\x10\x00\x00\x00"))
	for seed := range byte(8) {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(i*int(seed*37+11)) ^ seed
		}
		f.Add(b)
	}
	f.Fuzz(runScript)
}

// TestRandomScripts is FuzzConn on longer random inputs.
func TestRandomScripts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		input := make([]byte, 50+rnd.IntN(1500))
		for i := range input {
			input[i] = byte(rnd.Uint32())
			if rnd.IntN(4) == 0 {
				input[i] &= 0x13 // small numbers and ACKs
			}
		}
		runScript(t, input)
	}
}

// runScript does what the bytes say to one connection and holds it to its
// invariants after every step.
func runScript(t *testing.T, input []byte) {
	body := make([]byte, 5000)
	s := &script{input}
	setup := s.byte()
	e := NewEnv(Config{NoSACK: setup&1 != 0, NoTimestamps: setup&2 != 0, NoScale: setup&4 != 0}, [32]byte{1}, buffer.NewBudget(1<<20), nil)
	if setup&8 != 0 {
		e.MaxGSO = 65535
	}
	if setup&32 != 0 {
		e.Config.ECN = ECNRequest
	}
	now := epoch
	c := new(Conn)
	c.Init(e, 1, Flow{addrA, addrB}, Options{}, 1500)
	c.Open(now)
	var out Segment
	if setup&16 != 0 { // begin where most of the code is
		c.Transmit(now, &out)
		syn := &Arrival{Segments: 1}
		syn.Seg = wire.TCP{Seq: wire.Seq(s.int(4)), Ack: c.snd.nxt, Flags: wire.SYN | wire.ACK | wire.ECE, Window: 5000}
		syn.Seg.Options = wire.TCPOptions{HasMSS: true, MSS: 1000, HasWindowScale: true, WindowScale: 2, SACKPermitted: true, HasTimestamps: true, TSVal: 5}
		c.Arrive(now, syn)
		require.Equal(t, StateEstablished, c.State())
	}
	var audit Audit
	check := func(settled bool) {
		if err := audit.Check(c, settled); err != nil { // require costs more than the check
			t.Fatalf("%v: %v: %q", err, c, input)
		}
	}
	for len(s.b) > 0 {
		switch s.byte() % 4 {
		case 0, 1:
			c.Arrive(now, s.segment(c, body))
		case 2:
			s.call(now, c, body)
		case 3:
			now = now.Add(time.Duration(s.int(2)) * ms)
			c.Expire(now)
		}
		check(false)
		for i := 0; c.Transmit(now, &out); i++ {
			if i == 5000 || out.Seg.HeaderLen() > 60 {
				t.Fatalf("transmits without end, or too long options: %v", c)
			}
			check(false)
		}
		check(true)
		require.LessOrEqual(t, c.in.Len(), c.recvBuffer()+1<<21)
		c.Info(now)
		c.Events()
	}
	c.Release()
	require.Zero(t, e.Budget.Used(), "not all was given back")
}
