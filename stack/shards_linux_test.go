package stack_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// queued runs a stack on a TUN of n queues, the kernel on the other side. any:
// each packet leaves through any of them, and makes the kernel bring its flow
// there for a while.
func queued(t testing.TB, n int, plain, any bool) (*stack.Stack, *setup.NetNS, *tun.Device) {
	t.Helper()
	ns := tuntest.NewNS(t)
	d := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{Queues: n, Plain: plain}) })
	require.NoError(t, ns.Do(func() error { return setup.SetTxQueueLen(d.Name(), 10000) }))
	links := d.Links()
	if any {
		links = link.Scatter(links, 3)
	}
	s, err := stack.New(stack.Config{Links: stack.Queues(links), Prefixes: []netip.Prefix{tuntest.Ours}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, ns, d
}

// stream sends n bytes from one to the other and compares.
func stream(to io.Writer, from io.Reader, n int64, seed byte) error {
	sent, got := sha256.New(), sha256.New()
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(to, sent), rand.NewChaCha8([32]byte{seed}), n)
		done <- err
	}()
	_, err := io.CopyN(got, from, n)
	err = errors.Join(err, <-done)
	if err == nil && [32]byte(sent.Sum(nil)) != [32]byte(got.Sum(nil)) {
		err = errors.New("the bytes differ")
	}
	return err
}

type writer struct{ s *stack.Socket }

func (w writer) Write(p []byte) (int, error) { return w.s.Send(p, 0) }

// Several queues and the kernel: flows that either side opened, both ways at once.
func TestShardsWithTheKernel(t *testing.T) {
	t.Run("each flow has its queue", func(t *testing.T) { exchange(t, false, false) })
	t.Run("any queue has any packet", func(t *testing.T) { exchange(t, false, true) })
	t.Run("each flow has its queue, plain", func(t *testing.T) { exchange(t, true, false) })
	t.Run("any queue has any packet, plain", func(t *testing.T) { exchange(t, true, true) })
}

func exchange(t *testing.T, plain, any bool) {
	const flows, size = 6, 1 << 20
	s, ns, d := queued(t, 3, plain, any)
	require.Len(t, d.Links(), 3)
	ours := listen(t, s, 7)
	var theirs net.Listener
	require.NoError(t, ns.Do(func() (err error) { theirs, err = net.Listen("tcp4", "192.0.2.1:7"); return err }))
	defer theirs.Close()
	var all sync.WaitGroup
	for i := range flows {
		var c net.Conn
		var k *stack.Socket
		var err error
		if i%2 == 0 {
			k = open(t, s, host.Stream)
			require.NoError(t, k.Connect(port(tuntest.Theirs.Addr(), 7), 0))
			c, err = theirs.Accept()
		} else {
			require.NoError(t, ns.Do(func() (err error) { c, err = net.Dial("tcp4", "192.0.2.2:7"); return err }))
			k, err = ours.Accept(0)
		}
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
		t.Cleanup(func() { _ = c.Close() })
		all.Go(func() { require.NoError(t, stream(writer{k}, c, size, byte(i))) })
		all.Go(func() { require.NoError(t, stream(c, reader{k}, size, byte(i))) })
	}
	all.Wait()
	c := s.Counters()
	require.Zero(t, c.Drop[trace.DropTCPNoConn])
	require.Less(t, c.TCP.RetransSegs, c.TCP.OutSegs/10)
	st := d.Stats()
	require.Equal(t, plain, st.ReadSuper == 0)
	require.Zero(t, st.Dropped())
	t.Logf("%d segments in, %d out, %d again", c.TCP.InSegs, c.TCP.OutSegs, c.TCP.RetransSegs)
}

// Datagrams, whole and in fragments, and echoes across two queues.
func TestShardsDatagramsWithTheKernel(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			s, ns, _ := queued(t, 2, plain, false)
			for i := range uint16(8) {
				u := open(t, s, host.Datagram)
				require.NoError(t, u.Bind(port(tuntest.Ours.Addr(), 3000+i)))
				require.NoError(t, u.SetReadDeadline(time.Now().Add(20*time.Second)))
				var c net.Conn
				require.NoError(t, ns.Do(func() (err error) {
					c, err = net.Dial("udp4", netip.AddrPortFrom(tuntest.Ours.Addr(), 3000+i).String())
					return err
				}))
				defer c.Close()
				buf := make([]byte, 65535)
				for _, size := range []int{1, 1400, 9000, 65507} {
					data := make([]byte, size)
					_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
					_, err := c.Write(data)
					require.NoError(t, err)
					n, _, from, err := u.RecvFrom(buf, 0)
					require.NoError(t, err)
					require.Equal(t, data, buf[:n])
					_, err = u.SendTo(data, from, 0)
					require.NoError(t, err)
					require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
					n, err = c.Read(buf)
					require.NoError(t, err)
					require.Equal(t, data, buf[:n])
				}
				e := open(t, s, host.Echo)
				_, err := e.SendTo([]byte{8, 0, 0, 0, 0, 0, 0, 1, 'x'}, port(tuntest.Theirs.Addr(), 0), 0)
				require.NoError(t, err)
				require.NoError(t, e.SetReadDeadline(time.Now().Add(20*time.Second)))
				_, err = e.Recv(buf, 0)
				require.NoError(t, err)
			}
		})
	}
}

// The kernel's error about our datagram reaches the socket, whichever queue it takes.
func TestShardsErrorsFromTheKernel(t *testing.T) {
	s, _, _ := queued(t, 2, false, false)
	for i := range uint16(6) {
		u := open(t, s, host.Datagram)
		require.NoError(t, u.Connect(port(tuntest.Theirs.Addr(), 9+i), 0))
		_, err := u.Send([]byte("x"), 0)
		require.NoError(t, err)
		require.NoError(t, u.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err = u.Recv(make([]byte, 1), 0)
		require.ErrorContains(t, err, "port")
		c := open(t, s, host.Stream)
		require.ErrorContains(t, c.Connect(port(tuntest.Theirs.Addr(), 9+i), 0), "refused")
	}
}
