package tcp

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// transfer runs both applications to their ends and compares the streams.
func (w *world) transfer(aBytes, bBytes int) {
	w.a.toSend, w.b.toSend = aBytes, bBytes
	for _, p := range []*peer{w.a, w.b} {
		p.sum, p.got = sha256.New(), sha256.New()
	}
	w.b.listen()
	w.connect(w.a)
	deadline := w.now.Add(2 * time.Hour)
	for w.now < deadline && w.step() {
		if w.a.sawEOF && w.b.sawEOF && w.finished() {
			break
		}
	}
	require.True(w.t, w.a.sawEOF && w.b.sawEOF, "no end: read %d of %d and %d of %d: %v", w.b.read, aBytes, w.a.read, bBytes, w)
	require.Equal(w.t, aBytes, w.b.read)
	require.Equal(w.t, bBytes, w.a.read)
	require.Equal(w.t, w.a.sum.Sum(nil), w.b.got.Sum(nil), "the stream from a differs")
	require.Equal(w.t, w.b.sum.Sum(nil), w.a.got.Sum(nil), "the stream from b differs")
	require.NoError(w.t, w.a.conn.Err())
	require.NoError(w.t, w.b.conn.Err())
	w.release()
}

func (w *world) finished() bool {
	for _, p := range []*peer{w.a, w.b} {
		if s := p.conn.State(); s != StateClosed && s != StateTimeWait {
			return false
		}
	}
	return true
}

// release gives everything back and holds the budgets to it.
func (w *world) release() {
	for _, p := range []*peer{w.a, w.b} {
		if p.conn != nil {
			p.conn.Release()
			require.Equal(w.t, clock.Never, p.conn.Deadline())
		}
		if p.listener != nil {
			p.listener.Close()
		}
		require.Zero(w.t, p.env.Budget.Used(), "%s did not give all back", p.name)
		require.Zero(w.t, p.env.Stats.IllegalTransitions)
	}
}

func TestTransferWithoutFaults(t *testing.T) {
	for _, gso := range []int{0, 65535} {
		w := newWorld(t, 1, Config{}, Options{})
		w.a.env.MaxGSO, w.b.env.MaxGSO = gso, gso
		w.transfer(3<<20, 1<<20)
		require.Zero(t, w.a.env.Stats.Retransmitted, "nothing was lost")
		require.Zero(t, w.b.env.Stats.Retransmitted, "nothing was lost")
	}
}

// TestTransferSeeds moves data both ways over pipes with every mixture of
// faults, sizes and options.
func TestTransferSeeds(t *testing.T) {
	for seed := range uint64(400) {
		cfg := Config{NoSACK: seed%3 == 1, NoTimestamps: seed%5 == 2, NoScale: seed%7 == 3}
		o := Options{NoDelay: seed%2 == 0}
		if seed%4 == 1 {
			o.RecvBuffer, o.SendBuffer = 4<<10<<(seed%5), 3000<<(seed%4)
		}
		w := newWorld(t, seed, cfg, o)
		w.loss = []float64{0, 0.01, 0.05, 0.2}[seed%4]
		w.dup = []float64{0, 0.1, 0.02}[seed%3]
		w.jitter = []time.Duration{0, 3 * ms, 30 * ms}[seed/2%3]
		if seed%6 == 5 {
			w.a.env.MaxGSO, w.b.env.MaxGSO = 65535, 65535
		}
		if seed%13 == 6 {
			w.slow = 3 * time.Second
		}
		if seed%11 == 4 {
			w.a.env.MTU = 576
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w.t = t
			w.transfer(int(seed*911%90000), int(seed*577%70000))
		})
	}
}
