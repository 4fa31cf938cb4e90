package link

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, otherA := NewPipe(ethernet, 4)
		b, otherB := NewPipe(Features{MTU: 900}, 4)
		s := NewSwitch(a)
		ended := waits(s)
		done, _ := ended()
		require.False(t, done)
		require.Equal(t, Link(a), s.Replace(b))
		done, err := ended()
		require.True(t, done, "who waits looks again")
		require.NoError(t, err)
		require.NoError(t, a.Close())
		require.NoError(t, otherA.Close())

		require.Equal(t, 900, s.Features().MTU)
		require.NoError(t, s.Wait(false), "the new one was woken")
		ended = waits(s)
		require.NoError(t, otherB.WriteBatch([]Packet{packet(10, 1)}))
		done, err = ended()
		require.True(t, done)
		require.NoError(t, err)
		ps := make([]Packet, 2)
		n, err := s.TryRead(ps)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NoError(t, s.WriteBatch([]Packet{packet(10, 2)}))
		require.Equal(t, 3, s.Room())
		s.Wake()
		require.NoError(t, s.Wait(false))
		require.NoError(t, s.Close())
		require.ErrorIs(t, s.Wait(false), ErrClosed)
		_, err = s.TryRead(ps)
		require.ErrorIs(t, err, ErrClosed)
		c, otherC := NewPipe(ethernet, 1)
		require.Equal(t, Link(c), s.Replace(c), "it is over")
		require.NoError(t, c.Close())
		require.NoError(t, otherC.Close())
		require.NoError(t, otherB.Close())
	})
}
