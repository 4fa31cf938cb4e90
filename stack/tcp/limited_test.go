package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every ACK of a flight that the window bounded lets it grow, also when several
// arrive before anything is sent (RFC 7661 4.1, byte counting of RFC 3465).
func TestWindowGrowsByAllACKsOfABatch(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.write(60000)
	r.out()
	r.now = r.now.Add(20 * time.Millisecond)
	before := r.c.cc.Window()
	for i := 1; i <= 4; i++ {
		r.in("A", 1, 1+2000*i, 60000, 0)
	}
	require.Equal(t, before+8000, r.c.cc.Window())
}

// A flow that its owner bounds does not let the window grow (RFC 7661 4.1).
func TestWindowDoesNotGrowBeyondUse(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	before := r.c.cc.Window()
	for i := range 50 {
		r.write(1000)
		r.out()
		r.now = r.now.Add(20 * time.Millisecond)
		r.in("A", 1, 1+1000*(i+1), 60000, 0)
	}
	require.Equal(t, before, r.c.cc.Window())
}
