package socket_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Programs about urgent data, and about when segments go: each has to see on our
// stack what it sees on Linux.

// How long tests wait for what a peer did, and how often they look.
const (
	patience = 30 * time.Second
	tick     = time.Millisecond
)

// sent sends all of p.
func sent(t *testing.T, c calls, fd int, p string, flags int) {
	t.Helper()
	n, err := c.Send(fd, []byte(p), flags)
	require.NoError(t, err)
	require.Equal(t, len(p), n)
}

// ready waits until poll shows bits of a descriptor.
func ready(t *testing.T, c calls, fd, bits int) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := c.Ready(fd, bits)
		return err == nil && got&bits == bits
	}, patience, tick, "poll %#x of %d", bits, fd)
}

// queued waits until so much lies in the receive queue.
func queued(t *testing.T, c calls, fd, n int) {
	t.Helper()
	got := -1
	require.Eventually(t, func() bool {
		got, _ = c.Ioctl(fd, socket.SIOCINQ)
		return got == n
	}, patience, tick, "SIOCINQ of %d", fd)
}

const anything = socket.POLLIN | socket.POLLPRI | socket.POLLRDHUP

// look notes all that can be seen of a receiver.
func (tr *transcript) look(what string, c calls, fd int) {
	ev, err := c.Ready(fd, anything)
	tr.note(what+": poll", err, ev)
	at, err := c.Ioctl(fd, socket.SIOCATMARK)
	tr.note(what+": at mark", err, at)
	in, err := c.Ioctl(fd, socket.SIOCINQ)
	tr.note(what+": queued", err, in)
}

// take notes one Recv that does not wait.
func (tr *transcript) take(what string, c calls, fd, n, flags int) {
	b := make([]byte, n)
	n, err := c.Recv(fd, b, flags|socket.MSG_DONTWAIT)
	tr.note(what, err, n, " ", string(b[:max(n, 0)]))
}

var urgentPrograms = []struct {
	name string
	run  func(t *testing.T, c calls, tr *transcript)
}{
	{"urgent: none", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		tr.look("fresh", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		sent(t, c, a, "plain", 0)
		ready(t, c, b, socket.POLLIN)
		tr.look("plain", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		tr.take("peek oob", c, b, 1, socket.MSG_OOB|socket.MSG_PEEK)
		fresh := must(t, c, socket.SOCK_STREAM)
		tr.take("oob, not connected", c, fresh, 1, socket.MSG_OOB)
		_, err := c.Send(fresh, []byte("x"), socket.MSG_OOB)
		tr.note("send oob, not connected", err)
		v, err := c.Ioctl(fresh, socket.SIOCATMARK)
		tr.note("mark, not connected", err, v)
		v, err = c.Ioctl(fresh, socket.SIOCINQ)
		tr.note("inq, not connected", err, v)
		l, _ := listening(t, c)
		tr.take("oob, listening", c, l, 1, socket.MSG_OOB)
		for _, q := range []int{socket.SIOCATMARK, socket.SIOCINQ, socket.SIOCOUTQ, socket.SIOCOUTQNSD, 0x12345} {
			_, err = c.Ioctl(l, q)
			tr.note(fmt.Sprintf("ioctl %#x, listening", q), err)
		}
		u := must(t, c, socket.SOCK_DGRAM)
		require.NoError(t, c.Bind(u, local(0)))
		at, err := c.GetSockName(u)
		require.NoError(t, err)
		_, err = c.SendTo(u, []byte("x"), socket.MSG_OOB, at)
		tr.note("datagram oob", err)
		_, err = c.Ioctl(u, socket.SIOCATMARK)
		tr.note("datagram mark", err)
		_, err = c.SendTo(u, []byte("four"), 0, at)
		tr.note("datagram", err)
		queued(t, c, u, 4)
		tr.take("datagram, oob", c, u, 9, socket.MSG_OOB)
		for _, fd := range []int{a, b, l, u, fresh} {
			require.NoError(t, c.Close(fd))
		}
	}},
	{"urgent: taken apart", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "abc", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI|socket.POLLIN)
		tr.look("abC", c, b)
		tr.take("peek", c, b, 9, socket.MSG_PEEK)
		tr.take("peek oob", c, b, 9, socket.MSG_OOB|socket.MSG_PEEK)
		tr.take("oob, no room", c, b, 0, socket.MSG_OOB|socket.MSG_PEEK)
		tr.take("oob", c, b, 9, socket.MSG_OOB)
		tr.look("oob read", c, b)
		tr.take("oob again", c, b, 9, socket.MSG_OOB)
		tr.take("read", c, b, 9, 0)
		tr.look("at the mark", c, b)
		tr.take("oob at the mark", c, b, 9, socket.MSG_OOB)
		sent(t, c, a, "def", 0)
		ready(t, c, b, socket.POLLIN)
		tr.look("more", c, b)
		tr.take("peek at the mark", c, b, 9, socket.MSG_PEEK)
		tr.take("read at the mark", c, b, 9, 0)
		tr.look("beyond", c, b)
		tr.take("oob beyond", c, b, 9, socket.MSG_OOB)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: never taken", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "ab", 0)
		sent(t, c, a, "x", socket.MSG_OOB)
		sent(t, c, a, "cd", 0)
		ready(t, c, b, socket.POLLPRI|socket.POLLIN)
		require.Eventually(t, func() bool { // all five are there
			n, err := c.Recv(b, make([]byte, 9), socket.MSG_PEEK|socket.MSG_DONTWAIT)
			q, _ := c.Ioctl(a, socket.SIOCOUTQ)
			return err == nil && n == 2 && q == 0
		}, patience, tick)
		tr.look("abXcd", c, b)
		tr.take("one", c, b, 1, 0)
		tr.take("up to the mark", c, b, 9, 0)
		tr.look("at the mark", c, b)
		tr.take("beyond", c, b, 9, 0)
		tr.look("beyond", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: only the byte", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "x", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		tr.look("X", c, b)
		tr.take("read", c, b, 9, 0)
		tr.look("read over it", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		sent(t, c, a, "y", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		require.NoError(t, c.Shutdown(a, socket.SHUT_WR))
		ready(t, c, b, socket.POLLRDHUP)
		tr.look("Y and the end", c, b)
		tr.take("read", c, b, 9, 0)
		tr.take("read", c, b, 9, 0)
		tr.take("oob at the end", c, b, 1, socket.MSG_OOB)
		tr.look("end", c, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: two in a row", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "abx", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		sent(t, c, a, "cdy", socket.MSG_OOB)
		queued(t, c, b, 5)
		ready(t, c, b, socket.POLLPRI)
		tr.look("abxcdY", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		tr.take("read: the first stays in the stream", c, b, 9, 0)
		tr.look("at the second", c, b)
		sent(t, c, a, "z", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		tr.look("a third behind it", c, b)
		tr.take("read", c, b, 9, 0)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: in line", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		v, err := c.GetSockOptInt(b, socket.SOL_SOCKET, socket.SO_OOBINLINE)
		tr.note("SO_OOBINLINE", err, v)
		require.NoError(t, c.SetSockOptInt(b, socket.SOL_SOCKET, socket.SO_OOBINLINE, 1))
		v, err = c.GetSockOptInt(b, socket.SOL_SOCKET, socket.SO_OOBINLINE)
		tr.note("SO_OOBINLINE", err, v)
		sent(t, c, a, "ab", 0)
		sent(t, c, a, "x", socket.MSG_OOB)
		sent(t, c, a, "cd", 0)
		queued(t, c, b, 5)
		tr.look("abXcd", c, b)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		tr.take("read", c, b, 9, 0)
		tr.look("at the mark", c, b)
		tr.take("read", c, b, 9, 0)
		tr.look("beyond", c, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: the option changes", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "abx", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		tr.take("oob", c, b, 1, socket.MSG_OOB)
		require.NoError(t, c.SetSockOptInt(b, socket.SOL_SOCKET, socket.SO_OOBINLINE, 1))
		tr.look("in line now", c, b)
		tr.take("read", c, b, 9, 0)
		tr.take("read it again", c, b, 9, 0)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"urgent: nobody reads it", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "x", socket.MSG_OOB)
		ready(t, c, b, socket.POLLPRI)
		require.NoError(t, c.Close(b))
		ready(t, c, a, socket.POLLIN)
		tr.take("the sender's end", c, a, 1, 0)
		require.NoError(t, c.Close(a))
	}},
	{"options: of a connection", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		for _, o := range []struct{ opt, v int }{
			{socket.TCP_NODELAY, 1}, {socket.TCP_CORK, 1}, {socket.TCP_WINDOW_CLAMP, 1},
			{socket.TCP_WINDOW_CLAMP, 5000}, {socket.TCP_QUICKACK, 0}, {socket.TCP_QUICKACK, 1}, {socket.TCP_LINGER2, 7},
			{socket.TCP_NOTSENT_LOWAT, 1000}, {socket.TCP_NOTSENT_LOWAT, -1}, {socket.TCP_NOTSENT_LOWAT, 0},
		} {
			tr.note(fmt.Sprint("set ", o), c.SetSockOptInt(a, socket.IPPROTO_TCP, o.opt, o.v))
			v, err := c.GetSockOptInt(a, socket.IPPROTO_TCP, o.opt)
			tr.note(fmt.Sprint("get ", o), err, v)
		}
		tr.note("set no clamp", c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, 0))
		mss, err := c.GetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
		tr.note("TCP_MAXSEG", err, mss > 536)
		tr.note("set TCP_MAXSEG", c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 500))
		now, err := c.GetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
		tr.note("the same", err, now == mss)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"options: TCP_MAXSEG before the connection", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		a := must(t, c, socket.SOCK_STREAM)
		require.NoError(t, c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000))
		v, err := c.GetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
		tr.note("before", err, v)
		require.NoError(t, c.Connect(a, at))
		b, _, err := c.Accept(l)
		require.NoError(t, err)
		v, err = c.GetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
		tr.note("own, timestamps off it", err, v)
		v, err = c.GetSockOptInt(b, socket.IPPROTO_TCP, socket.TCP_MAXSEG)
		tr.note("the peer's", err, v)
		for _, fd := range []int{a, b, l} {
			require.NoError(t, c.Close(fd))
		}
	}},
	{"more: MSG_MORE and TCP_CORK hold back", func(t *testing.T, c calls, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "one", socket.MSG_MORE)
		tr.look("held", c, b)
		n, err := c.Ioctl(a, socket.SIOCOUTQNSD)
		tr.note("unsent", err, n)
		n, err = c.Ioctl(a, socket.SIOCOUTQ)
		tr.note("unacknowledged", err, n)
		sent(t, c, a, "two", 0)
		queued(t, c, b, 6)
		tr.take("both", c, b, 9, 0)
		require.NoError(t, c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_CORK, 1))
		require.Eventually(t, func() bool { q, _ := c.Ioctl(a, socket.SIOCOUTQ); return q == 0 }, patience, tick)
		sent(t, c, a, "three", 0)
		n, err = c.Ioctl(a, socket.SIOCOUTQNSD)
		tr.note("corked", err, n)
		require.NoError(t, c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
		queued(t, c, b, 5)
		tr.take("TCP_NODELAY pushes", c, b, 9, 0)
		require.Eventually(t, func() bool { q, _ := c.Ioctl(a, socket.SIOCOUTQ); return q == 0 }, patience, tick)
		sent(t, c, a, "four", 0)
		n, err = c.Ioctl(a, socket.SIOCOUTQNSD)
		tr.note("corked again", err, n)
		require.NoError(t, c.SetSockOptInt(a, socket.IPPROTO_TCP, socket.TCP_CORK, 0))
		queued(t, c, b, 4)
		tr.take("uncorked", c, b, 9, 0)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
}

func TestUrgentAsOnLinux(t *testing.T) {
	for _, p := range urgentPrograms {
		t.Run(p.name, func(t *testing.T) { asOnLinux(t, p.run) })
	}
}
