package socket_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/wire"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// A crowd makes segments of clients at 192.0.2.2, by hand, for port 80 of whoever has
// 192.0.2.1: the kernel or a stack of ours. A client is its port.
type crowd struct {
	t       *testing.T
	l       link.Link
	in      chan []byte
	clients map[uint16]*client
	echo    uint32
	heard   []string // all of it
}

type client struct {
	next wire.Seq // to send
	ack  wire.Seq
	syn  bool // a SYN ACK has come
}

func newCrowd(t *testing.T, l link.Link) *crowd {
	c := &crowd{t: t, l: l, in: make(chan []byte, 1000), clients: map[uint16]*client{}}
	go func() {
		ps := make([]link.Packet, 8)
		for {
			n, err := l.TryRead(ps)
			if err == nil && n == 0 {
				err = l.Wait(true)
			}
			if err != nil {
				return
			}
			for _, p := range ps[:n] {
				c.in <- append(append(append([]byte{}, p.Head...), p.Body[0]...), p.Body[1]...)
			}
		}
	}()
	return c
}

func (c *crowd) write(protocol uint8, b []byte) {
	c.t.Helper()
	p := append(make([]byte, 20), b...)
	h := wire.IPv4{TTL: 64, Protocol: protocol, Src: tuntest.Ours.Addr(), Dst: tuntest.Theirs.Addr()}
	h.Encode(p, len(b))
	if protocol == wire.ProtoTCP {
		wire.SetTransportChecksum(p, [2][]byte{})
	}
	require.NoError(c.t, c.l.WriteBatch([]link.Packet{{Head: p}}))
}

// send sends a client's next segment.
func (c *crowd) send(port uint16, flags wire.Flags, data string) {
	c.t.Helper()
	k := c.clients[port]
	if k == nil {
		k = &client{next: wire.Seq(port) * 1000}
		c.clients[port] = k
	}
	h := wire.TCP{SrcPort: port, DstPort: 80, Flags: flags, Seq: k.next, Window: 65535, Options: wire.TCPOptions{HasMSS: flags&wire.SYN != 0, MSS: 1460}}
	switch {
	case flags&wire.SYN != 0 && k.syn:
		require.FailNow(c.t, "it has its answer")
	case flags&wire.ACK != 0:
		h.Seq, h.Ack = k.next.Add(1), k.ack
	}
	b := make([]byte, h.HeaderLen(), h.HeaderLen()+len(data))
	h.Encode(b)
	c.write(wire.ProtoTCP, append(b, data...))
}

// answers are what comes by the time that two echoes have come back: everything that
// the other side had to say at once.
func (c *crowd) answers() string {
	c.t.Helper()
	before := len(c.heard)
	for range 2 {
		c.echo++
		m := wire.ICMP{Type: wire.ICMPEcho, Rest: c.echo}
		b := make([]byte, wire.ICMPHeaderLen)
		m.Encode(b, [2][]byte{})
		c.write(wire.ProtoICMP, b)
		for back := false; !back; {
			back = c.hear() == c.echo
		}
	}
	var all []string
	for _, a := range c.heard[before:] {
		if !strings.HasSuffix(a, " again") { // when it is, is a timer's matter
			all = append(all, a)
		}
	}
	return strings.Join(all, ", ")
}

// hear takes one packet; of an echo it returns which.
func (c *crowd) hear() uint32 {
	c.t.Helper()
	select {
	case p := <-c.in:
		h, b, err := wire.DecodeIPv4(p)
		require.NoError(c.t, err)
		if h.Protocol == wire.ProtoICMP {
			m, _, err := wire.DecodeICMP(b)
			require.NoError(c.t, err)
			return m.Rest
		}
		s, _, err := wire.DecodeTCP(b)
		require.NoError(c.t, err)
		k := c.clients[s.DstPort]
		if s.Flags&wire.SYN != 0 {
			if k.syn {
				c.heard = append(c.heard, fmt.Sprintf("%d again", s.DstPort))
				break
			}
			k.syn, k.ack = true, s.Seq.Add(1)
		}
		c.heard = append(c.heard, fmt.Sprintf("%d %v %d", s.DstPort, s.Flags, s.Ack-k.next))
	case <-time.After(20 * time.Second):
		require.FailNow(c.t, "nothing comes", "heard: %q", c.heard)
	}
	return 0
}

// await waits until a client has heard something.
func (c *crowd) await(what string) {
	c.t.Helper()
	for !slices.Contains(c.heard, what) {
		c.hear()
	}
}

// crowded tells what becomes of clients for whom a listener has no room.
func crowded(t *testing.T, c calls, l int, w *crowd, overflows func() (overflows, drops int)) (told []string) {
	firstOver, firstDrops := overflows()
	tell := func(port uint16, flags wire.Flags, data string) {
		t.Helper()
		w.send(port, flags, data)
		answer := w.answers()
		o, d := overflows()
		told = append(told, fmt.Sprintf("%d %v %q -> %s; %d %d", port, flags, data, answer, o-firstOver, d-firstDrops))
	}
	for port := uint16(1); port <= 2; port++ { // two are in the queue
		tell(port, wire.SYN, "")
		tell(port, wire.ACK, "")
	}
	for port := uint16(3); port <= 5; port++ { // three are on the way, for two of whom there is room
		tell(port, wire.SYN, "")
	}
	tell(3, wire.ACK, "")
	tell(4, wire.ACK, "")
	tell(5, wire.ACK, "")
	tell(5, wire.ACK, "early")
	tell(6, wire.SYN, "")
	tell(6, wire.SYN, "")
	tell(7, wire.SYN, "")
	w.send(1, wire.ACK, "first")
	w.await("1 . 6")   // who is in the queue is served; a delayed ACK may take its time
	w.await("5 again") // who found no room is asked again
	fd, from, err := c.Accept(l)
	require.NoError(t, err)
	told = append(told, "accepted "+strconv.Itoa(int(from.Port())))
	p := make([]byte, 100)
	n, err := c.Recv(fd, p, 0)
	require.NoError(t, err)
	require.Equal(t, "first", string(p[:n]))
	tell(5, wire.ACK, "")
	tell(6, wire.SYN, "") // and again there is no room
	for range 4 {
		fd, from, err = c.Accept(l)
		require.NoError(t, err)
		told = append(told, "accepted "+strconv.Itoa(int(from.Port())))
	}
	w.send(5, wire.ACK, "early")
	w.await("5 . 6")
	n, err = c.Recv(fd, p, 0)
	require.NoError(t, err)
	require.Equal(t, "early", string(p[:n]))
	tell(6, wire.SYN, "")
	tell(6, wire.ACK, "")
	tell(7, wire.SYN, "")
	return told
}

// netstat reads two of the calling thread's namespace's counters.
func netstat(t *testing.T) (overflows, drops int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i, name := range names {
		switch name {
		case "ListenOverflows":
			overflows, err = strconv.Atoi(values[i])
		case "ListenDrops":
			drops, err = strconv.Atoi(values[i])
		}
		require.NoError(t, err)
	}
	return overflows, drops
}

// A full accept queue is as Linux's, segment by segment and counter by counter: a backlog
// of 3 holds four; the SYN of a fifth is dropped without an answer; who is already half
// way is not told either, keeps his place and is asked again; who is in the queue is
// served all the while; and when somebody is accepted, the next one finds room.
func TestFullAcceptQueueIsLinuxs(t *testing.T) {
	const backlog = 3
	at := netip.MustParseAddrPort("192.0.2.1:80")
	listen := func(c calls) int {
		l := must(t, c, socket.SOCK_STREAM)
		require.NoError(t, c.Bind(l, at))
		require.NoError(t, c.Listen(l, backlog))
		t.Cleanup(func() { _ = c.Close(l) })
		return l
	}

	ns := tuntest.NewNS(t)
	device := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{Name: "calls0", Plain: true}) })
	var l int
	require.NoError(t, ns.Do(func() error { l = listen(theKernel()); return nil }))
	linux := crowded(t, theKernel(), l, newCrowd(t, device), func() (o, d int) {
		require.NoError(t, ns.Do(func() error { o, d = netstat(t); return nil }))
		return o, d
	})

	ours, theirs := link.NewPipe(link.Features{MTU: 1500}, 64)
	s, err := stack.New(stack.Config{Link: ours, Prefixes: []netip.Prefix{tuntest.Theirs}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, theirs.Close())
	})
	a := socket.New(s)
	l = listen(a)
	sockeye := crowded(t, a, l, newCrowd(t, theirs), func() (int, int) {
		n := s.Counters().TCP
		return int(n.ListenOverflows), int(n.ListenDrops)
	})
	require.Equal(t, linux, sockeye)
	require.Contains(t, linux, `7 S "" -> ; 5 5`, "%q", linux)
}
