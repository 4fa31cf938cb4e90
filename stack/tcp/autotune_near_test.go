package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// wide is a controller whose window is 1 MiB.
type wide struct{ congestion.Controller }

func (wide) Window() int { return 1 << 20 }

// On a near path the send buffer follows what fills the path, up and down, and not
// the queue that slow start makes of it; elsewhere it holds two windows and stays.
func TestSendBufferOfANearPath(t *testing.T) {
	const us = time.Microsecond
	for _, row := range []struct {
		name       string
		min, srtt  time.Duration
		flight     int
		was, wants int // sizes, bytes
	}{
		{"20 ms without a queue: two windows", 20 * ms, 21 * ms, 1 << 20, firstSend, 2 << 20},
		{"20 ms with a queue of four times that: two windows too", 20 * ms, 100 * ms, 1 << 20, firstSend, 2 << 20},
		{"20 ms: it never shrinks", 20 * ms, 21 * ms, 1 << 20, 3 << 20, 3 << 20},
		{"10 us without a queue: two windows", 10 * us, 20 * us, 1 << 20, firstSend, 2 << 20},
		{"10 us, and nine tenths are the queue: what it was in the beginning", 10 * us, 100 * us, 1 << 20, firstSend, firstSend},
		{"... and back to that", 10 * us, 100 * us, 1 << 20, 3 << 20, firstSend},
		{"1 ms, and two thirds are the queue: four paths of a third each", ms, 3 * ms, 1 << 20, firstSend, 1376 << 10},
		{"nothing is known of the path: two windows", 0, 0, 1 << 20, firstSend, 2 << 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, Config{}, Options{})
			c := r.c
			c.Open(r.now)
			r.out()
			r.answer(1000)
			c.cc = wide{c.cc}
			c.rtt.min, c.rtt.srtt = row.min, row.srtt
			c.snd.buf = inUnits(row.was)
			c.sizeSend(row.flight)
			require.Equal(t, row.wants, c.sendBuffer())
		})
	}
}
