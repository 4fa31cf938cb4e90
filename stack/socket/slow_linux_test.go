package socket_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Across a TUN: who does not read bounds who sends, whichever of the two is the
// kernel. What was taken is no more than the two buffers hold, it stays so, and every
// byte comes when it is read.
func TestSlowReaderBoundsSenderWithTheKernel(t *testing.T) {
	for _, weSend := range []bool{true, false} {
		name := "the kernel sends"
		if weSend {
			name = "we send"
		}
		t.Run(name, func(t *testing.T) {
			ours, fd, theirs, kfd := overTUN(t, weSend, nothing)
			a, afd, b, bfd := calls(ours), fd, theirs, kfd
			if !weSend {
				a, afd, b, bfd = theirs, kfd, ours, fd
			}
			require.NoError(t, a.SetSockOptInt(afd, socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000))
			require.NoError(t, b.SetSockOptInt(bfd, socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000))
			pattern := make([]byte, 251)
			for i := range pattern {
				pattern[i] = byte(i)
			}
			p := make([]byte, 0, 251*1000)
			for range 1000 {
				p = append(p, pattern...)
			}
			taken := 0
			fill := func() {
				for {
					n, err := a.Send(afd, p[taken%251:][:100_000], socket.MSG_DONTWAIT)
					if err != nil {
						isErrno(t, syscall.EAGAIN, err)
						return
					}
					taken += n
				}
			}
			// What is on its way makes room as it arrives. No event says that nothing is any
			// more (what the receiver had to drop is sent again and again), so this looks on
			// for a fifth of a second; shorter, and it would see less, but nothing wrong.
			for calm := 0; calm < 10; calm++ {
				before := taken
				fill()
				if taken != before {
					calm = 0
				}
				time.Sleep(20 * time.Millisecond)
			}
			require.LessOrEqual(t, taken, 2*200_000+2*100_000+70_000, "Linux doubles what is set; the first window cannot be taken back")
			require.GreaterOrEqual(t, taken, 100_000)
			buf, got := make([]byte, 1<<16), 0
			for got < taken {
				n, err := b.Recv(bfd, buf, 0)
				require.NoError(t, err)
				require.Equal(t, p[got%251:][:n], buf[:n])
				got += n
			}
			ready(t, a, afd, socket.POLLOUT) // and there is room again
			sent(t, a, afd, string([]byte{byte(taken % 251)}), 0)
			n, err := b.Recv(bfd, buf, 0)
			require.NoError(t, err)
			require.Equal(t, []byte{byte(taken % 251)}, buf[:n])
			require.NoError(t, a.Close(afd))
			require.NoError(t, b.Close(bfd))
		})
	}
}
