package tcp

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attack 46 of testdata/attacks.md: opens and closes that cross, and a
// connection to oneself. Every order is tried in which the segments on their
// way can arrive, be lost, or be overtaken by a timer.

// A crossing is two ends, or one that talks to itself, and what is on its way
// between them. Which of the things that can happen next does, choice says.
type crossing struct {
	t     *testing.T
	now   clock.Instant
	ends  []*Conn
	air   []flight
	lives int // how many segments may still be lost
	twice int // how many segments may still arrive and stay on their way
	early int // how many timers may still fire while segments are on their way
	done  []happening
}

// A happening is one thing that happened.
type happening struct {
	what  string
	to    int
	flags wire.Flags
}

type flight struct {
	to int
	in Arrival
}

func newCrossing(t *testing.T, ends int, cfg Config) *crossing {
	x := &crossing{t: t, now: epoch}
	flows := []Flow{{addrA, addrB}, {addrB, addrA}}
	if ends == 1 {
		flows = []Flow{{addrA, addrA}}
	}
	for i, f := range flows {
		env := NewEnv(cfg, [32]byte{byte(i + 1)}, buffer.NewBudget(1<<20), nil)
		c := new(Conn)
		c.Init(env, 1, f, Options{NoDelay: true}, 1500)
		x.ends = append(x.ends, c)
	}
	return x
}

// launch puts on the air what the ends have to send.
func (x *crossing) launch() {
	var out Segment
	for i, c := range x.ends {
		for c.Transmit(x.now, &out) {
			body := append(append([]byte{}, out.Payload[0]...), out.Payload[1]...)
			x.air = append(x.air, flight{(i + 1) % len(x.ends), Arrival{Seg: out.Seg, Payload: body, Segments: 1}})
		}
	}
}

func (x *crossing) arrive(i int) {
	f := x.air[i]
	x.air = append(x.air[:i:i], x.air[i+1:]...)
	c := x.ends[f.to]
	if c.State() == StateClosed {
		var out Segment
		if Refuse(&f.in, &out) {
			x.air = append(x.air, flight{(f.to + 1) % len(x.ends), Arrival{Seg: out.Seg, Segments: 1}})
		}
		return
	}
	c.Arrive(x.now, &f.in)
	checkConn(x.t, c, x)
}

// deadline is that of the next timer.
func (x *crossing) deadline() (at clock.Instant) {
	for _, c := range x.ends {
		at = clock.Earliest(at, c.Deadline())
	}
	return at
}

// expire lets the next timer fire.
func (x *crossing) expire() {
	at := x.deadline()
	require.NotEqual(x.t, clock.Never, at, "nothing will ever happen: %v", x)
	x.now = max(x.now, at)
	for _, c := range x.ends {
		c.Expire(x.now)
	}
}

// String tells what has happened.
func (x *crossing) String() string {
	s := ""
	for _, h := range x.done {
		s += fmt.Sprintf("%v %s %d, ", h.flags, h.what, h.to)
	}
	for i, c := range x.ends {
		s += fmt.Sprintf("; %d: %v una %d nxt %d rcv %d", i, c.state, c.snd.una.Sub(c.snd.iss), c.snd.nxt.Sub(c.snd.iss), c.rcv.nxt.Sub(c.rcv.irs))
	}
	return s
}

// options is how many things can happen next: each segment arrives; each is
// lost; each arrives and will once more; a timer fires.
func (x *crossing) options() int {
	n := len(x.air)
	if x.lives > 0 {
		n += len(x.air)
	}
	if x.twice > 0 {
		n += len(x.air)
	}
	// Nothing is on its way for as long as 2 MSL.
	if at := x.deadline(); len(x.air) == 0 || x.early > 0 && at != clock.Never && at.Sub(x.now) < defaultMSL {
		n++
	}
	return n
}

// note keeps what happens to the k-th segment on its way.
func (x *crossing) note(what string, k int) {
	x.done = append(x.done, happening{what, x.air[k].to, x.air[k].in.Seg.Flags})
}

// happen does the k-th of them.
func (x *crossing) happen(k int) {
	n := len(x.air)
	if k < n {
		x.note("arrives at", k)
		x.arrive(k)
		x.launch()
		return
	}
	k -= n
	if x.lives > 0 {
		if k < n {
			x.note("is lost before", k)
			x.air = append(x.air[:k:k], x.air[k+1:]...)
			x.lives--
			return
		}
		k -= n
	}
	if x.twice > 0 && k < n {
		x.note("arrives, and not for the last time, at", k)
		x.twice--
		x.air = append(x.air, x.air[k])
		x.arrive(k)
		x.launch()
		return
	}
	x.done = append(x.done, happening{what: "timer"})
	if n > 0 {
		x.early--
	}
	x.expire()
	x.launch()
}

// key is all that decides what can happen from here on.
func (x *crossing) key() string {
	b := fmt.Appendf(nil, "%d %d %d %d", x.now, x.lives, x.twice, x.early)
	for _, c := range x.ends {
		b = fmt.Appendf(b, "|%d %d %v %v %v %v %v %d %d", c.state, c.has, c.err, c.timers, c.snd, c.rcv, c.rtt, c.in.Len(), c.out.Len())
		if c.sb != nil {
			for i := range c.sb.n {
				b = fmt.Appendf(b, " %v", *c.sb.at(i))
			}
			b = fmt.Appendf(b, " %v", c.sb.rec)
		}
		if c.re != nil {
			b = fmt.Appendf(b, " %v", c.re.spans[:c.re.n])
		}
	}
	air := make([]string, len(x.air))
	for i, f := range x.air {
		air[i] = fmt.Sprint(f.to, f.in.Seg, len(f.in.Payload))
	}
	slices.Sort(air)
	return fmt.Sprint(string(b), air)
}

// everyOrder runs begin, and then everything that can happen until over, in
// each order in which it can; where two orders lead to the same, it goes on
// once. It judges all ends, and returns how many situations there were.
func everyOrder(begin func() *crossing, over func(*crossing) bool, judge func(*crossing)) int {
	var chosen, of []int // what was chosen at each step, out of how many
	var path []string    // the situations of those steps
	seen := map[string]bool{}
	for {
		x := begin()
		x.launch()
		for step := 0; !over(x); step++ {
			if step == len(chosen) {
				key := x.key()
				require.NotContains(x.t, path, key, "it goes round in circles: %v", x)
				if seen[key] {
					break
				}
				seen[key] = true
				chosen, of, path = append(chosen, 0), append(of, x.options()), append(path, key)
			}
			require.Less(x.t, step, 100, "it does not converge: %v", x)
			require.Equal(x.t, of[step], x.options(), "another run")
			x.happen(chosen[step])
		}
		if over(x) {
			judge(x)
		}
		for _, c := range x.ends {
			c.Release()
			require.Zero(x.t, c.env.Budget.Used(), "%v", x)
			require.Zero(x.t, c.env.Stats.IllegalTransitions, "%v", x)
		}
		for len(chosen) > 0 && chosen[len(chosen)-1]+1 == of[len(of)-1] {
			chosen, of, path = chosen[:len(chosen)-1], of[:len(of)-1], path[:len(path)-1]
		}
		if len(chosen) == 0 {
			return len(seen)
		}
		chosen[len(chosen)-1]++
	}
}

// opened reports whether all ends are in ESTABLISHED and nothing is on its way.
func (x *crossing) opened() bool {
	for _, c := range x.ends {
		if c.State() != StateEstablished || c.snd.una != c.snd.nxt {
			return false
		}
	}
	return len(x.air) == 0
}

// talks holds that bytes written at each end can be read at the other.
func (x *crossing) talks() {
	for i, c := range x.ends {
		require.Equal(x.t, 5, c.Write(x.now, []byte{1, 2, 3, 4, byte(i)}))
	}
	for range 20 {
		x.launch()
		if len(x.air) == 0 && x.opened() {
			break
		}
		if len(x.air) == 0 {
			x.expire()
			continue
		}
		x.arrive(0)
	}
	for i, c := range x.ends {
		b := make([]byte, 10)
		n := c.Read(x.now, b)
		require.Equal(x.t, []byte{1, 2, 3, 4, byte((i + 1) % len(x.ends))}, b[:n], "%v", x)
	}
}

func (x *crossing) open() *crossing {
	for _, c := range x.ends {
		c.Open(x.now)
	}
	return x
}

// crossings are the ways in which a row of the attack is tried.
var crossings = []struct {
	name                string
	cfg                 Config
	lives, twice, early int
}{
	{"without options, one lost", plain, 1, 0, 0},
	{"without options, three lost", plain, 3, 0, 0},
	{"without options, one comes twice", plain, 0, 1, 0},
	{"without options, one lost and a timer early", plain, 1, 0, 1},
	{"with all options, one lost and one comes twice", Config{}, 1, 1, 0},
	{"with all options, a timer early", Config{}, 0, 0, 1},
}

func TestAttack_46_SimultaneousOpen(t *testing.T) {
	for _, row := range crossings {
		t.Run(row.name, func(t *testing.T) {
			n := everyOrder(func() *crossing {
				x := newCrossing(t, 2, row.cfg)
				x.lives, x.twice, x.early = row.lives, row.twice, row.early
				return x.open()
			}, (*crossing).opened, (*crossing).talks)
			require.Greater(t, n, 20)
			t.Logf("%d situations", n)
		})
	}
}

func TestAttack_46_ConnectToOneself(t *testing.T) {
	for _, row := range crossings {
		t.Run(row.name, func(t *testing.T) {
			n := everyOrder(func() *crossing {
				x := newCrossing(t, 1, row.cfg)
				x.lives, x.twice, x.early = row.lives, row.twice, row.early
				return x.open()
			}, (*crossing).opened, (*crossing).talks)
			t.Logf("%d situations", n)
			n = everyOrder(func() *crossing {
				x := newCrossing(t, 1, row.cfg).established()
				x.lives, x.twice, x.early = row.lives, row.twice, row.early
				return x.close(row.lives, false)
			}, (*crossing).over, func(x *crossing) { x.ended([][]byte{text46(0, row.lives)}) })
			require.Greater(t, n, 1)
			t.Logf("%d situations of closing", n)
		})
	}
}

// established has gone through an undisturbed opening.
func (x *crossing) established() *crossing {
	x.open()
	for x.launch(); !x.opened(); x.launch() {
		if len(x.air) == 0 {
			x.expire()
		} else {
			x.arrive(0)
		}
	}
	x.done = nil
	return x
}

// text46 is what end i sends with its FIN.
func text46(i, n int) []byte { return bytes.Repeat([]byte{byte(i + 7)}, n) }

// close lets all ends write n bytes and close, before anything arrives.
func (x *crossing) close(n int, leave bool) *crossing {
	for i, c := range x.ends {
		c.Write(x.now, text46(i, n))
		if leave {
			c.Close(x.now)
		} else {
			c.CloseWrite(x.now)
		}
	}
	return x
}

// over reports whether all ends are closed or wait out their 2 MSL.
func (x *crossing) over() bool {
	for _, c := range x.ends {
		if s := c.State(); s != StateTimeWait && s != StateClosed {
			return false
		}
	}
	return len(x.air) == 0
}

// ended holds that nothing was lost in the closing, and that TIME-WAIT ends.
func (x *crossing) ended(texts [][]byte) {
	waits := 0
	for i, c := range x.ends {
		require.NoError(x.t, c.Err(), "%v", x)
		if texts != nil {
			b := make([]byte, 100)
			n := c.Read(x.now, b)
			require.Equal(x.t, texts[i], b[:n], "%v", x)
			require.True(x.t, c.AtEOF(), "%v", x)
		}
		if c.State() == StateTimeWait {
			waits++
		}
	}
	require.NotZero(x.t, waits, "somebody waits out 2 MSL: %v", x)
	x.now = x.now.Add(2 * defaultMSL)
	for _, c := range x.ends {
		c.Expire(x.now)
		require.Equal(x.t, StateClosed, c.State())
	}
}

func TestAttack_46_SimultaneousClose(t *testing.T) {
	for _, row := range crossings {
		for _, text := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s, %d bytes", row.name, text), func(t *testing.T) {
				n := everyOrder(func() *crossing {
					x := newCrossing(t, 2, row.cfg).established()
					x.lives, x.twice, x.early = row.lives, row.twice, row.early
					return x.close(text, false)
				}, (*crossing).over, func(x *crossing) { x.ended([][]byte{text46(1, text), text46(0, text)}) })
				require.Greater(t, n, 20)
				t.Logf("%d situations", n)
			})
		}
		t.Run(row.name+", by Close", func(t *testing.T) {
			n := everyOrder(func() *crossing {
				x := newCrossing(t, 2, row.cfg).established()
				x.lives, x.twice, x.early = row.lives, row.twice, row.early
				return x.close(0, true)
			}, (*crossing).over, func(x *crossing) { x.ended(nil) })
			require.Greater(t, n, 20)
		})
	}
}
