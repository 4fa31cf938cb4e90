package tcp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A rig is one connection whose peer is the test. Sequence numbers are
// relative to the two SYNs, so data begins at 1 on both sides.
type rig struct {
	t   *testing.T
	env *Env
	c   *Conn
	now clock.Instant
	irs wire.Seq
	opt wire.TCPOptions // of every arrival
}

const peerISS wire.Seq = 0xfffffff0 // the peer's numbers wrap soon

func newRig(t *testing.T, cfg Config, o Options) *rig {
	if cfg.Congestion == nil {
		cfg.Congestion = congestion.NewReno{} // halves are easier to follow in a transcript
	}
	e := NewEnv(cfg, [32]byte{7}, buffer.NewBudget(8<<20), nil)
	r := &rig{t: t, env: e, c: new(Conn), now: epoch, irs: peerISS}
	r.c.Init(e, 1, Flow{addrA, addrB}, o, 1500)
	return r
}

// plain is a configuration without options, for short transcripts.
var plain = Config{NoSACK: true, NoTimestamps: true, NoScale: true}

// establishedRig has done the handshake, and sent all ACKs of it.
func establishedRig(t *testing.T, cfg Config, o Options) *rig {
	r := newRig(t, cfg, o)
	r.c.Open(r.now)
	r.out()
	syn := r.opt
	syn.HasMSS, syn.MSS = true, 1000
	r.opt = syn
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	require.Equal(t, StateEstablished, r.c.State())
	r.out()
	r.c.rcv.quick = 0
	r.c.Events()
	return r
}

func parseFlags(s string) (f wire.Flags) {
	for i, x := range []wire.Flags{wire.FIN, wire.SYN, wire.RST, wire.PSH, wire.ACK, wire.URG, wire.ECE, wire.CWR} {
		if strings.ContainsRune(s, rune("FSRPAUEW"[i])) {
			f |= x
		}
	}
	return f
}

// in lets a segment arrive.
func (r *rig) in(flags string, seq, ack int, win uint16, text int) {
	in := &Arrival{Segments: 1, Payload: pattern(seq, text)}
	in.Seg = wire.TCP{Flags: parseFlags(flags), Seq: r.irs.Add(seq), Ack: r.c.snd.iss.Add(ack), Window: win, Options: r.opt}
	r.c.Arrive(r.now, in)
	checkConn(r.t, r.c, flags)
}

// pattern is the text of the stream at seq.
func pattern(seq, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((seq + i) * 7)
	}
	return b
}

// out returns what the connection has to send, one line each.
func (r *rig) out() string {
	var lines []string
	var s Segment
	for r.c.Transmit(r.now, &s) {
		lines = append(lines, r.render(&s))
		checkConn(r.t, r.c, lines)
	}
	return strings.Join(lines, "; ")
}

func (r *rig) render(s *Segment) string {
	h := &s.Seg
	var b strings.Builder
	for i, x := range []wire.Flags{wire.FIN, wire.SYN, wire.RST, wire.PSH, wire.ECE, wire.CWR} {
		if h.Flags&x != 0 {
			b.WriteByte("FSRPEW"[i])
		}
	}
	if b.Len() == 0 {
		b.WriteByte('.')
	}
	seq := h.Seq.Sub(r.c.snd.iss)
	fmt.Fprintf(&b, " %d:%d", seq, seq+s.Len())
	if h.Flags&wire.ACK != 0 {
		fmt.Fprintf(&b, " ack %d", h.Ack.Sub(r.irs))
	}
	for _, k := range h.Options.SACK[:h.Options.NumSACK] {
		fmt.Fprintf(&b, " sack %d:%d", k.Left.Sub(r.irs), k.Right.Sub(r.irs))
	}
	if s.ECN == ect0 {
		b.WriteString(" ect0")
	}
	if s.GSOSize > 0 {
		fmt.Fprintf(&b, " gso %d", s.GSOSize)
	}
	return b.String()
}

// after lets time pass, timer by timer, and returns what was sent meanwhile.
func (r *rig) after(d time.Duration) string {
	end := r.now.Add(d)
	var lines []string
	for {
		next := r.c.Deadline()
		if next == clock.Never || next > end {
			break
		}
		r.now = max(r.now, next)
		r.c.Expire(r.now)
		if s := r.out(); s != "" {
			lines = append(lines, s)
		}
	}
	r.now = end
	return strings.Join(lines, "; ")
}

func (r *rig) write(n int) { require.Equal(r.t, n, r.c.Write(r.now, make([]byte, n))) }

// steps are a transcript: what happens, and what is sent then.
type steps []struct {
	do   func(*rig)
	want string
}

func (r *rig) run(s steps) {
	r.t.Helper()
	for i, x := range s {
		if x.do != nil {
			x.do(r)
		}
		require.Equal(r.t, x.want, r.out(), "step %d", i+1)
	}
}

func in(flags string, seq, ack int, win uint16, text int) func(*rig) {
	return func(r *rig) { r.in(flags, seq, ack, win, text) }
}
func wait(d time.Duration) func(*rig) {
	return func(r *rig) {
		r.now = r.now.Add(d)
		r.c.Expire(r.now)
	}
}
func write(n int) func(*rig)   { return func(r *rig) { r.write(n) } }
func closeWrite(r *rig)        { r.c.CloseWrite(r.now) }
func closeAll(r *rig)          { r.c.Close(r.now) }
func state(s State) func(*rig) { return func(r *rig) { require.Equal(r.t, s, r.c.State()) } }
func both(f ...func(*rig)) func(*rig) {
	return func(r *rig) {
		for _, f := range f {
			f(r)
		}
	}
}
