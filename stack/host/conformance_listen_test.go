package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// RFC 4987 3.3 and 3.6: half-open connections cost a small record each and, when
// there is no room for more, nothing: who is honest connects. Without cookies
// it takes until records have run out.
func TestReqC_SYNFlood(t *testing.T) {
	for mode, at := range map[tcp.CookieMode]time.Duration{
		tcp.CookiesWhenFull: 0, tcp.CookiesAlways: 0, tcp.CookiesOff: 3 * time.Second} {
		const records = 512
		w := newWorld(t, func(c *Config) { c.TCP.SYNBacklog, c.TCP.SYNCookies = records, mode })
		l := w.listen(w.b, 5)
		before := w.b.budget.Used()
		var f forger
		for range 2 * records {
			w.b.Input(w.now, packet(f.syn()))
			w.flush()
		}
		require.LessOrEqual(t, w.b.budget.Used()-before, records*200)
		c := w.dial(w.a, addrB)
		for d := time.Duration(0); d < at; d += 100 * time.Millisecond {
			require.Equal(t, tcp.StateSynSent, w.state(w.a, c), "mode %d", mode)
			w.run(100 * time.Millisecond)
		}
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "mode %d", mode)
		s, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
		w.says(w.a, c, w.b, s, "honest")
		i, err := w.b.Info(w.now, s)
		require.NoError(t, err)
		require.True(t, i.Timestamps && i.SACK && i.WindowScaling, "nothing of what the SYN said is lost")
		w.quiesce()
	}
}
