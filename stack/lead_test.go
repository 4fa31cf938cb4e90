package stack_test

import (
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// With no call waiting, the background reads the link: what arrives is
// answered, and is there for a call that does not wait.
func TestBackgroundLeadsWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 100, stack.Config{})
		l := listen(t, b, 80)
		c, s := connect(t, a, l, port(addrB, 80))
		begun := time.Now()
		_, err := c.Send([]byte("x"), 0)
		require.NoError(t, err)
		time.Sleep(5 * time.Millisecond) // of virtual time: more than the lead stays free
		n, err := s.Recv(make([]byte, 2), stack.DontWait)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Less(t, time.Since(begun), 10*time.Millisecond)
	})
}

// Of many calls that wait one leads, and each gets what is its own, also when
// the leader's comes first and it goes away.
func TestOneLeadsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		l := listen(t, b, 80)
		const n = 50
		var all sync.WaitGroup
		var clients []*stack.Socket
		for i := range n {
			c, s := connect(t, a, l, port(addrB, 80))
			clients = append(clients, c)
			all.Go(func() {
				buf := make([]byte, 4)
				got, err := s.Recv(buf, 0)
				require.NoError(t, err)
				require.Equal(t, []byte{byte(i)}, buf[:got])
			})
		}
		synctest.Wait()
		for i, c := range clients {
			_, err := c.Send([]byte{byte(i)}, 0)
			require.NoError(t, err)
			time.Sleep(100 * time.Microsecond)
		}
		all.Wait()
	})
}

// A leader's wait ends as any other: by its deadline, moved while it waits, and
// by Close of its socket from another goroutine.
func TestLeaderIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := two(t, 100, stack.Config{})
		s := open(t, a, host.Datagram)
		require.NoError(t, s.Bind(port(addrA, 53)))
		ended := make(chan error, 1)
		recv := func() {
			_, err := s.Recv(make([]byte, 1), 0)
			ended <- err
		}
		go recv()
		synctest.Wait() // it leads
		begun := time.Now()
		require.NoError(t, s.SetReadDeadline(time.Now().Add(time.Hour)))
		require.NoError(t, s.SetReadDeadline(time.Now().Add(time.Second)))
		require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))

		require.NoError(t, s.SetReadDeadline(time.Time{}))
		go recv()
		synctest.Wait()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-ended, stack.ErrClosed)
	})
}

// An application that comes back to its link again and again keeps the lead; when it
// stays away the background takes it, some milliseconds later at the most.
func TestBackgroundIsPatientWithWhoComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 100, stack.Config{})
		l := listen(t, b, 80)
		c, s := connect(t, a, l, port(addrB, 80))
		go func() {
			var p [1]byte
			for {
				if n, err := c.Recv(p[:], 0); n == 0 || err != nil {
					return
				}
				if _, err := c.Send(p[:], 0); err != nil {
					return
				}
			}
		}()
		var p [2]byte
		for range 100 { // far longer than any patience
			time.Sleep(200 * time.Microsecond)
			_, err := s.Send(p[:1], 0)
			require.NoError(t, err)
			n, err := s.Recv(p[:], 0)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		_, err := s.Send(p[:1], 0)
		require.NoError(t, err)
		time.Sleep(6 * time.Millisecond) // nobody waits on this side any more
		n, err := s.Recv(p[:], stack.DontWait)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	})
}
