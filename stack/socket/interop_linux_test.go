package socket_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// Our calls on one end of a connection across a TUN, the kernel's on the other.

// overTUN returns a connection between the two, ours first; each side may
// dial. Our socket has the options set before.
func overTUN(t *testing.T, weDial bool, before func(c calls, fd int)) (ours *socket.API, fd int, theirs calls, kfd int) {
	t.Helper()
	ns := tuntest.NewNS(t)
	device := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{Name: "calls0", Plain: true}) })
	s, err := stack.New(stack.Config{Link: device, Prefixes: []netip.Prefix{tuntest.Ours}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ours, theirs = socket.New(s), kernel{}
	inside := func(f func()) {
		require.NoError(t, ns.Do(func() error { f(); return nil }))
	}
	if weDial {
		var l int
		at := netip.AddrPortFrom(tuntest.Theirs.Addr(), 7)
		inside(func() { l = must(t, theirs, socket.SOCK_STREAM) })
		require.NoError(t, theirs.Bind(l, at))
		require.NoError(t, theirs.Listen(l, 1))
		fd = must(t, ours, socket.SOCK_STREAM)
		before(ours, fd)
		require.NoError(t, ours.Connect(fd, at))
		kfd, _, err = theirs.Accept(l)
		require.NoError(t, err)
		require.NoError(t, theirs.Close(l))
		return ours, fd, theirs, kfd
	}
	at := netip.AddrPortFrom(tuntest.Ours.Addr(), 7)
	l := must(t, ours, socket.SOCK_STREAM)
	before(ours, l)
	require.NoError(t, ours.Bind(l, at))
	require.NoError(t, ours.Listen(l, 1))
	inside(func() { kfd = must(t, theirs, socket.SOCK_STREAM) })
	require.NoError(t, theirs.Connect(kfd, at))
	fd, _, err = ours.Accept(l)
	require.NoError(t, err)
	require.NoError(t, ours.Close(l))
	return ours, fd, theirs, kfd
}

func nothing(calls, int) {}

// urgentExchange sends urgent data from one end to the other.
func urgentExchange(t *testing.T, a calls, afd int, b calls, bfd int) {
	t.Helper()
	buf := make([]byte, 1<<18)
	for round := range 3 {
		sent(t, a, afd, "ab", 0)
		sent(t, a, afd, "cd!", socket.MSG_OOB)
		sent(t, a, afd, "ef", 0)
		ready(t, b, bfd, socket.POLLPRI|socket.POLLIN)
		n, err := b.Recv(bfd, buf, socket.MSG_OOB)
		require.NoError(t, err, "round %d", round)
		require.Equal(t, "!", string(buf[:n]))
		queued(t, b, bfd, 4)
		n, err = b.Recv(bfd, buf, 0)
		require.NoError(t, err)
		require.Equal(t, "abcd", string(buf[:n]))
		at, err := b.Ioctl(bfd, socket.SIOCATMARK)
		require.NoError(t, err)
		require.Equal(t, 1, at)
		ready(t, b, bfd, socket.POLLIN)
		n, err = b.Recv(bfd, buf, 0)
		require.NoError(t, err)
		require.Equal(t, "ef", string(buf[:n]))
	}
	// A mark that is further ahead than the pointer reaches. A sender that waits
	// for room marks what it has so far, so the receiver keeps all in line.
	require.NoError(t, b.SetSockOptInt(bfd, socket.SOL_SOCKET, socket.SO_OOBINLINE, 1))
	const large = 150_000
	data := make([]byte, large)
	data[large-1] = '?'
	done := make(chan error, 1)
	go func() {
		_, err := a.Send(afd, data, socket.MSG_OOB)
		done <- err
	}()
	got := 0
	for got < large-1 {
		n, err := b.Recv(bfd, buf[:large-1-got], 0)
		require.NoError(t, err)
		got += n
	}
	require.NoError(t, <-done)
	ready(t, b, bfd, socket.POLLPRI)
	at, err := b.Ioctl(bfd, socket.SIOCATMARK)
	require.NoError(t, err)
	require.Equal(t, 1, at)
	n, err := b.Recv(bfd, buf, 0)
	require.NoError(t, err)
	require.Equal(t, "?", string(buf[:n]))
	require.NoError(t, b.SetSockOptInt(bfd, socket.SOL_SOCKET, socket.SO_OOBINLINE, 0))
}

func TestUrgentWithTheKernel(t *testing.T) {
	ours, fd, theirs, kfd := overTUN(t, true, nothing)
	urgentExchange(t, ours, fd, theirs, kfd)
	urgentExchange(t, theirs, kfd, ours, fd)
	require.NoError(t, ours.Close(fd))
	require.NoError(t, theirs.Close(kfd))
}

// What our TCP_INFO says of a connection is what the kernel's says of the other
// end of it, and where both count their own part the same way, of theirs.
func TestInfoWithTheKernel(t *testing.T) {
	for _, weDial := range []bool{true, false} {
		ours, fd, theirs, kfd := overTUN(t, weDial, func(c calls, fd int) {
			require.NoError(t, c.SetSockOptInt(fd, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000))
		})
		buf := make([]byte, 100_000)
		for range 20 {
			sent(t, ours, fd, string(buf[:3000]), 0)
			n, err := theirs.Recv(kfd, buf[:3000], socket.MSG_WAITALL)
			require.NoError(t, err)
			require.Equal(t, 3000, n)
			sent(t, theirs, kfd, string(buf[:500]), 0)
			n, err = ours.Recv(fd, buf[:500], socket.MSG_WAITALL)
			require.NoError(t, err)
			require.Equal(t, 500, n)
		}
		// Who accepts counts the SYN and not the SYN-ACK: ours as the kernel.
		ourSYN, theirSYN := 1, 0
		if weDial {
			ourSYN, theirSYN = 0, 1
		}
		var us socket.TCPInfo
		var k *unix.TCPInfo
		require.Eventually(t, func() bool { // the last ACKs have crossed, and none was sent between the two readings
			var err error
			us, err = ours.GetSockOptTCPInfo(fd)
			require.NoError(t, err)
			k, err = unix.GetsockoptTCPInfo(kfd, unix.IPPROTO_TCP, unix.TCP_INFO)
			require.NoError(t, err)
			return us.Unacked == 0 && k.Unacked == 0 && us.BytesAcked == int64(k.Bytes_received) &&
				int(k.Segs_in) == int(us.SegsOut)+ourSYN && int(k.Segs_out)+theirSYN == int(us.SegsIn)
		}, patience, tick)

		require.EqualValues(t, k.State, us.State)
		require.EqualValues(t, k.Ca_state, us.CAState)
		require.EqualValues(t, 60000, us.BytesAcked)
		require.EqualValues(t, k.Bytes_received, us.BytesAcked)
		require.EqualValues(t, k.Bytes_sent, us.BytesReceived)
		require.EqualValues(t, k.Data_segs_in, us.DataSegsOut)
		require.EqualValues(t, k.Data_segs_out, us.DataSegsIn)
		require.EqualValues(t, k.Snd_mss, us.AdvMSS-12, "ours is bound to 1000, timestamps off it")
		require.EqualValues(t, 1000, us.AdvMSS)
		require.EqualValues(t, 988, us.SndMSS)
		require.EqualValues(t, k.Pmtu, us.PMTU)
		require.EqualValues(t, k.Snd_wnd, us.RcvWnd)
		require.EqualValues(t, k.Rcv_wnd, us.SndWnd)
		const agreed = 7 // timestamps, SACK, window scale
		require.EqualValues(t, agreed, k.Options&agreed)
		require.True(t, us.Timestamps && us.SACK && us.WindowScaling)
		require.EqualValues(t, us.DataSegsOut-us.TotalRetrans+1, us.Delivered, "the SYN too")
		require.EqualValues(t, int(k.Data_segs_out-k.Total_retrans)+1, k.Delivered, "as the kernel counts its own")
		require.EqualValues(t, 60000, us.BytesSent-us.BytesRetrans, "whoever had to send again, on a busy machine")
		require.Zero(t, us.NotSentBytes)
		require.Positive(t, us.MinRTT)
		require.LessOrEqual(t, us.MinRTT, us.RTT*2)
		require.NoError(t, ours.Close(fd))
		require.NoError(t, theirs.Close(kfd))
	}
}
