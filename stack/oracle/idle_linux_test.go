package oracle

import (
	"bytes"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	berkeley "github.com/sockeye-net/sockeye/stack/socket"
)

// The idle benchmark holds this many connections between two stacks in memory,
// over one pair of addresses and as many ports of the listener as it takes.
const (
	idleConns = 100_000
	idlePorts = 5
	idleTime  = 10 * time.Second // for which it looks at the processor
)

// BenchmarkIdleMemory reports the bytes of heap and stack of one established
// connection that has carried a byte either way and is idle now, everything
// counted, both ends of 100,000 of them in one process: ours as Sockets, ours as
// descriptors, and gVisor's endpoints. And the processor time that they take per
// second while nothing happens.
//
//	go test -run '^$' -bench IdleMemory -benchtime 1x ./stack/oracle
func BenchmarkIdleMemory(b *testing.B) {
	contestants := []struct {
		name string
		open func(testing.TB) (join func(port int) (ends any))
	}{
		{"sockets", idleSockets}, {"descriptors", idleDescriptors}, {"gvisor", idleGvisor},
	}
	each := make(map[string]float64)
	for _, c := range contestants {
		r := &run{TB: b}
		join := c.open(r)
		held := make([]any, idleConns)
		before := inUse()
		for i := range held {
			held[i] = join(i % idlePorts)
		}
		time.Sleep(idleTime) // until every controller is at rest
		each[c.name] = float64(inUse()-before) / (2 * idleConns)
		busy := processorTime(b)
		time.Sleep(idleTime)
		busy = processorTime(b) - busy
		b.ReportMetric(each[c.name], c.name+"-B/conn")
		b.ReportMetric(float64(busy.Milliseconds())/idleTime.Seconds(), c.name+"-cpu-ms/s")
		runtime.KeepAlive(held)
		r.end()
	}
	b.ReportMetric(each["gvisor"]/each["sockets"], "gvisor/ours")
	b.ReportMetric(0, "ns/op")
}

// inUse is the memory of the heap and of goroutines' stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// processorTime is what this process has used so far.
func processorTime(t testing.TB) time.Duration {
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func idleAt(port int) netip.AddrPort { return netip.AddrPortFrom(gvisorPrefix.Addr(), uint16(80+port)) }

// ourPair returns two stacks of ours that are joined.
func ourPair(t testing.TB) (near, far *stack.Stack) {
	one, two := link.NewPipe(link.Features{MTU: mtu}, 256)
	open := func(l link.Link, p netip.Prefix) *stack.Stack {
		s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{p}, Memory: 1 << 30})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	return open(one, ourPrefix), open(two, gvisorPrefix)
}

func idleSockets(t testing.TB) func(int) any {
	near, far := ourPair(t)
	var listeners []*stack.Socket
	for port := range idlePorts {
		l, err := far.Socket(host.Stream)
		require.NoError(t, err)
		require.NoError(t, l.Bind(idleAt(port)))
		require.NoError(t, l.Listen(16))
		listeners = append(listeners, l)
	}
	for _, l := range listeners { // in goroutines of their own: who waits reads the link
		go func() {
			for s, err := l.Accept(0); err == nil; s, err = l.Accept(0) {
				go answer(func(p []byte) (int, error) { return s.Recv(p, 0) }, func(p []byte) (int, error) { return s.Send(p, 0) })
			}
		}()
	}
	return func(port int) any {
		c, err := near.Socket(host.Stream)
		must(t, err)
		must(t, c.Connect(idleAt(port), 0))
		greet(t, func(p []byte) (int, error) { return c.Send(p, 0) }, func(p []byte) (int, error) { return c.Recv(p, 0) })
		return c
	}
}

func idleDescriptors(t testing.TB) func(int) any {
	n, f := ourPair(t)
	near, far := berkeley.New(n), berkeley.New(f)
	near.SetLimit(2 * idleConns)
	far.SetLimit(2 * idleConns)
	var listeners []int
	for port := range idlePorts {
		l, err := far.Socket(berkeley.AF_INET, berkeley.SOCK_STREAM, 0)
		require.NoError(t, err)
		require.NoError(t, far.Bind(l, idleAt(port)))
		require.NoError(t, far.Listen(l, 16))
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		go func() {
			for s, _, err := far.Accept(l); err == nil; s, _, err = far.Accept(l) {
				go answer(func(p []byte) (int, error) { return far.Recv(s, p, 0) }, func(p []byte) (int, error) { return far.Send(s, p, 0) })
			}
		}()
	}
	return func(port int) any {
		c, err := near.Socket(berkeley.AF_INET, berkeley.SOCK_STREAM, 0)
		must(t, err)
		must(t, near.Connect(c, idleAt(port)))
		greet(t, func(p []byte) (int, error) { return near.Send(c, p, 0) }, func(p []byte) (int, error) { return near.Recv(c, p, 0) })
		return nil
	}
}

func idleGvisor(t testing.TB) func(int) any {
	one, two := pipe.New("\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", mtu)
	near, far := newGvisor(t, one, ourPrefix, false), newGvisor(t, two, gvisorPrefix, false)
	var listeners []end
	for port := range idlePorts {
		l := end{wq: new(waiter.Queue)}
		var err tcpip.Error
		l.ep, err = far.NewEndpoint(gtcp.ProtocolNumber, ipv4.ProtocolNumber, l.wq)
		require.Nil(t, err)
		require.Nil(t, l.ep.Bind(gvisorAddr(idleAt(port))))
		require.Nil(t, l.ep.Listen(16))
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		go func() {
			for {
				var s end
				if err := l.do(waiter.ReadableEvents, func() (err tcpip.Error) {
					s.ep, s.wq, err = l.ep.Accept(nil)
					return err
				}); err != nil {
					return
				}
				go answer(s.recv, s.send)
			}
		}()
	}
	return func(port int) any {
		c := end{wq: new(waiter.Queue)}
		var err tcpip.Error
		c.ep, err = near.NewEndpoint(gtcp.ProtocolNumber, ipv4.ProtocolNumber, c.wq)
		must(t, translate(err))
		begun := false
		must(t, c.do(waiter.WritableEvents, func() tcpip.Error {
			if !begun {
				begun = true
				return c.ep.Connect(gvisorAddr(idleAt(port)))
			}
			return c.ep.LastError()
		}))
		greet(t, c.send, c.recv)
		return c
	}
}

// An end is one of gVisor's endpoints.
type end struct {
	ep tcpip.Endpoint
	wq *waiter.Queue
}

// do tries until the endpoint no longer asks to wait for events.
func (e end) do(events waiter.EventMask, try func() tcpip.Error) error {
	w, ready := waiter.NewChannelEntry(events | waiter.EventErr | waiter.EventHUp)
	e.wq.EventRegister(&w)
	defer e.wq.EventUnregister(&w)
	for {
		switch err := try(); err.(type) {
		case *tcpip.ErrWouldBlock, *tcpip.ErrConnectStarted:
		default:
			return translate(err)
		}
		select {
		case <-ready:
		case <-time.After(patience):
			return translate(&tcpip.ErrTimeout{})
		}
	}
}

func (e end) send(p []byte) (n int, err error) {
	return len(p), e.do(waiter.WritableEvents, func() tcpip.Error {
		_, err := e.ep.Write(bytes.NewReader(p), tcpip.WriteOptions{})
		return err
	})
}

func (e end) recv(p []byte) (n int, err error) {
	err = e.do(waiter.ReadableEvents, func() tcpip.Error {
		w := tcpip.SliceWriter(p)
		r, err := e.ep.Read(&w, tcpip.ReadOptions{})
		n = r.Count
		return err
	})
	return n, err
}

// answer sends back the first byte that comes.
func answer(recv, send func([]byte) (int, error)) {
	b := make([]byte, 1)
	if n, err := recv(b); n == 1 && err == nil {
		_, _ = send(b)
	}
}

// greet sends one byte and receives one.
func greet(t testing.TB, send, recv func([]byte) (int, error)) {
	b := []byte{1}
	_, err := send(b)
	must(t, err)
	n, err := recv(b)
	must(t, err)
	require.Equal(t, 1, n)
}

// must is require.NoError for what happens very often.
func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}
