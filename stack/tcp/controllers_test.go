package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// algorithmNamed is what TCP_CONGESTION calls so; nil: nothing.
func algorithmNamed(name string) congestion.Algorithm {
	a, _ := congestion.Find(name)
	return a
}

// Each connection has the controller that its options name, else the host's
// (TCP_CONGESTION), and the pool gives each only its own kind.
func TestControllerByName(t *testing.T) {
	for _, row := range []struct{ host, option, want string }{
		{"", "", "cubic"},
		{"reno", "", "reno"},
		{"reno", "cubic", "cubic"},
		{"", "reno", "reno"},
		{"", "bbr", "bbr"},
	} {
		e := newPeer("a", 1, Config{Congestion: algorithmNamed(row.host)}, Options{}, Flow{addrA, addrB}).env
		o := Options{Congestion: algorithmNamed(row.option)}
		for range 3 { // the later ones from the pool
			first := e.controller(e.Algorithm(&o))
			other := e.controller(congestion.NewReno{})
			require.Equal(t, row.want, first.Name(), row)
			require.Equal(t, "reno", other.Name(), row)
			e.putController(first)
			e.putController(other)
		}
		kept := 0
		for _, pool := range e.controllers {
			kept += len(pool)
		}
		require.Equal(t, 2, kept, row)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			cc := e.controller(e.Algorithm(&o))
			e.putController(cc)
		}), row)
	}
}

// A connection may change its controller at any moment: the next one begins with
// the initial window, and in a recovery with what the loss left.
func TestControllerChanges(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	set := func(name string) {
		o := r.c.Options()
		o.Congestion = algorithmNamed(name)
		r.c.SetOptions(r.now, o)
		checkConn(t, r.c, name)
	}
	require.Equal(t, "reno", r.c.Info(r.now).Congestion)
	r.write(30000)
	r.out()
	r.in("A", 1, 5001, 60000, 0)
	r.out()
	grown := r.c.cc.Window()
	set("reno")
	require.Equal(t, grown, r.c.cc.Window(), "the same one goes on")
	set("cubic")
	require.Equal(t, "cubic", r.c.Info(r.now).Congestion)
	require.Equal(t, 10000, r.c.cc.Window())
	for range 3 {
		r.in("A", 1, 5001, 60000, 0)
	}
	require.Equal(t, fastRecovery, r.c.sb.rec.mode)
	set("reno")
	require.LessOrEqual(t, r.c.cc.Ssthresh(), 20000)
	r.out()
	end := r.c.snd.nxt.Sub(r.c.snd.iss)
	r.in("A", 1, end, 60000, 0)
	require.Equal(t, open, modeOf(r.c))
	r.c.Release()
	require.Zero(t, r.env.Budget.Used())
}

func modeOf(c *Conn) recoveryMode {
	if c.sb == nil {
		return open
	}
	return c.sb.rec.mode
}
