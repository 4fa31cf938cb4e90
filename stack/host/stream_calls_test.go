package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Poll does not say that a stream can be written to where the Budget would
// refuse it, and an event tells when that is over.
func TestPollAsksTheBudget(t *testing.T) {
	w := newWorld(t)
	c, _ := w.pair()
	m, err := w.a.Poll(c)
	require.NoError(t, err)
	require.NotZero(t, m&Writable)
	free := w.a.budget.Free()
	require.True(t, w.a.budget.Take(free))
	m, err = w.a.Poll(c)
	require.NoError(t, err)
	require.Zero(t, m&Writable, "there is no memory for a byte")
	_, err = w.a.Send(w.now, c, []byte("x"))
	require.Equal(t, ErrWouldBlock, err)
	w.run(time.Second)
	require.Zero(t, events(w.a)[c]&Writable)
	w.a.budget.Give(free)
	w.run(time.Second)
	require.NotZero(t, events(w.a)[c]&Writable)
	n, err := w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestStreamCallsOnOthers(t *testing.T) {
	w := newWorld(t)
	d := w.open(w.a, Datagram)
	_, err := w.a.SendWith(w.now, d, []byte("x"), OOB)
	require.Equal(t, ErrNotSupported, err)
	_, err = w.a.Recv(w.now, d, make([]byte, 1), RecvOOB)
	require.Equal(t, ErrNotSupported, err)
	_, err = w.a.AtMark(d)
	require.Equal(t, ErrNotSupported, err)
	_, err = w.a.UrgentLeft(d)
	require.Equal(t, ErrNotSupported, err)
	require.Equal(t, ErrNotSupported, w.a.Push(w.now, d))
	require.Equal(t, ErrNotSupported, w.a.SetQuickACK(w.now, d, true))

	s := w.open(w.a, Stream) // not connected
	at, err := w.a.AtMark(s)
	require.NoError(t, err)
	require.False(t, at)
	n, err := w.a.UrgentLeft(s)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, w.a.Push(w.now, s))
	require.NoError(t, w.a.SetQuickACK(w.now, s, false))
	on, err := w.a.QuickACK(s)
	require.NoError(t, err)
	require.True(t, on)
	q, err := w.a.Queued(s)
	require.NoError(t, err)
	require.Equal(t, Queued{}, q)

	for _, stale := range []Handle{0, s + 1<<32} {
		_, err = w.a.SendWith(w.now, stale, []byte("x"), OOB)
		require.Equal(t, ErrBadHandle, err)
		_, err = w.a.AtMark(stale)
		require.Equal(t, ErrBadHandle, err)
		_, err = w.a.UrgentLeft(stale)
		require.Equal(t, ErrBadHandle, err)
		_, err = w.a.Queued(stale)
		require.Equal(t, ErrBadHandle, err)
		_, err = w.a.QuickACK(stale)
		require.Equal(t, ErrBadHandle, err)
	}
}
