package host

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// With loss and reordering, and a reader that comes and goes, the bytes that went
// to him and those from the ring are, one after the other, what was sent.
func TestReaderAndRingTogether(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	w := newWorld(t)
	w.lose = func(_ *Host, p []byte) bool { return len(p) > 100 && rnd.IntN(20) == 0 }
	c, s := w.pair()
	want := pattern(400_000)
	var got []byte
	for sent := 0; len(got) < len(want); {
		if sent < len(want) {
			n, err := w.a.Send(w.now, c, want[sent:min(len(want), sent+1+rnd.IntN(30_000))])
			if err != ErrWouldBlock {
				require.NoError(t, err)
			}
			sent += n
		}
		r := tcp.Reader{Buf: make([]byte, rnd.IntN(20_000))}
		require.NoError(t, w.b.RecvInto(w.now, s, &r))
		w.run(time.Duration(rnd.IntN(50)) * time.Millisecond)
		if r.N > 0 {
			require.NotZero(t, events(w.b)[s]&Readable, "he is told")
		}
		require.NoError(t, w.b.RecvInto(w.now, s, nil))
		got = append(got, r.Buf[:r.N]...)
		var buf [10_000]byte
		n, err := w.b.Recv(w.now, s, buf[:], 0)
		if err != ErrWouldBlock {
			require.NoError(t, err)
		}
		got = append(got, buf[:n]...)
	}
	require.True(t, string(want) == string(got))
	w.quiesce()
}

// What lies in the ring, and what is urgent, is in the way of what comes after.
func TestReaderWaitsForTheRing(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	give := func(text string, f SendFlags) {
		_, err := w.a.SendWith(w.now, c, []byte(text), f)
		require.NoError(t, err)
		w.run(time.Second)
	}
	r := tcp.Reader{Buf: make([]byte, 100)}
	give("ring", 0)
	require.NoError(t, w.b.RecvInto(w.now, s, &r))
	give("also", 0)
	require.Zero(t, r.N)
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, "ringalso", got)
	give("direct", 0)
	require.Equal(t, "direct", string(r.Buf[:r.N]))
	give("urgen!", OOB)
	require.Equal(t, 6, r.N)
	got, err = w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, "urgen", got)
}

// Closing takes a reader's memory back; what he had been given is his.
func TestReaderAndClose(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	r := tcp.Reader{Buf: make([]byte, 100)}
	require.NoError(t, w.b.RecvInto(w.now, s, &r))
	_, err := w.a.Send(w.now, c, []byte("hello"))
	require.NoError(t, err)
	w.run(time.Second)
	require.NoError(t, w.b.Close(w.now, s))
	require.Equal(t, ErrBadHandle, w.b.RecvInto(w.now, s, nil))
	require.Empty(t, w.b.readers)
	_, err = w.a.Send(w.now, c, []byte("more"))
	require.NoError(t, err)
	w.run(time.Second)
	require.Equal(t, "hello", string(r.Buf[:r.N]))
	w.quiesce()
}
