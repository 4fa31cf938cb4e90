package oracle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/script"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A netstack is gVisor's stack in the shape of a host.Host: packets, calls and
// the time go in, packets come out, and nothing happens in between. Its clock is
// virtual, and each step ends by waiting until gVisor's goroutine for TCP has
// nothing left to do, so that the same steps give the same packets every time.
type netstack struct {
	s       *gstack.Stack
	link    *channel.Endpoint
	clock   *virtualClock
	workers gstack.TransportProtocol
	sockets []*socket // a handle is an index and 1 more
}

// A socket is one endpoint and what the adapter has to remember of it.
type socket struct {
	kind   host.Kind
	ep     tcpip.Endpoint
	wq     *waiter.Queue
	opts   host.Options
	closed bool // by Close; its place stays
	told   bool // that it is Gone
}

var _ script.Target = (*netstack)(nil)

// linkDepth is how many packets one step may send.
const linkDepth = 4096

// buildMu serialises the moments in which GOMAXPROCS is 1: gVisor makes one goroutine
// for each processor that it counts when it is built, and with a single one the
// order of its steps does not depend on chance.
var buildMu sync.Mutex

// newNetstack makes gVisor's stack at the settings of a host. It fails with
// script.Lacks where gVisor has no such setting.
func newNetstack(cfg host.Config, f link.Features) (*netstack, error) {
	if lacks := lacking(&cfg); lacks != "" {
		return nil, lacks
	}
	n := &netstack{link: channel.New(linkDepth, uint32(f.MTU), ""), clock: &virtualClock{now: 1}}
	protocol := gtcp.NewProtocolCUBIC
	if cfg.TCP.Congestion == (congestion.NewReno{}) {
		protocol = gtcp.NewProtocol
	}
	buildMu.Lock()
	procs := runtime.GOMAXPROCS(1)
	n.s = gstack.New(gstack.Options{
		Clock:              n.clock,
		NetworkProtocols:   []gstack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []gstack.TransportProtocolFactory{protocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	runtime.GOMAXPROCS(procs)
	buildMu.Unlock()
	n.workers = n.s.TransportProtocolInstance(gtcp.ProtocolNumber)
	return n, n.configure(&cfg)
}

// lacking names the setting that gVisor has not.
func lacking(cfg *host.Config) script.Lacks {
	t := &cfg.TCP
	switch {
	case t.ECN != 0:
		return "ECN"
	case t.NoScale:
		return "a way to turn window scaling off"
	case t.DelayedACK != 0:
		return "delayed ACKs"
	case t.SYNCookies == tcp.CookiesOff:
		return "a way to turn SYN cookies off"
	case cfg.Memory != 0:
		return "a memory budget"
	case t.SYNBacklog != 0:
		return "a bound of its SYN records"
	}
	return ""
}

// configure sets what cfg says, and receive buffers that give windows like ours:
// gVisor offers half of the buffer.
func (n *netstack) configure(cfg *host.Config) error {
	sack := tcpip.TCPSACKEnabled(!cfg.TCP.NoSACK)
	follow := tcpip.TCPModerateReceiveBufferOption(false)
	rcv := tcpip.TCPReceiveBufferSizeRangeOption{Min: 1, Default: 2 << 20, Max: 64 << 20}
	snd := tcpip.TCPSendBufferSizeRangeOption{Min: 1, Default: 1 << 20, Max: 64 << 20}
	nagle := tcpip.TCPDelayEnabled(true) // as every TCP begins (RFC 9293 3.7.4)
	options := []tcpip.SettableTransportProtocolOption{&sack, &follow, &rcv, &snd, &nagle}
	if cfg.TCP.SYNCookies == tcp.CookiesAlways {
		always := tcpip.TCPAlwaysUseSynCookies(true)
		options = append(options, &always)
	}
	if cfg.TCP.MSL != 0 {
		d := tcpip.TCPTimeWaitTimeoutOption(2 * cfg.TCP.MSL)
		options = append(options, &d)
	}
	if cfg.TCP.FinWait2 != 0 {
		d := tcpip.TCPLingerTimeoutOption(cfg.TCP.FinWait2)
		options = append(options, &d)
	}
	for _, o := range options {
		if err := n.s.SetTransportProtocolOption(gtcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("gVisor: %v", err)
		}
	}
	if cfg.TTL != 0 {
		ttl := tcpip.DefaultTTLOption(cfg.TTL)
		n.s.SetNetworkProtocolOption(ipv4.ProtocolNumber, &ttl)
	}
	if err := n.s.CreateNIC(nic, n.link); err != nil {
		return fmt.Errorf("gVisor: %v", err)
	}
	for _, p := range cfg.Prefixes {
		if err := n.s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
			Protocol:          ipv4.ProtocolNumber,
			AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(p.Addr().As4()), PrefixLen: p.Bits()},
		}, gstack.AddressProperties{}); err != nil {
			return fmt.Errorf("gVisor: %v", err)
		}
	}
	n.s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return nil
}

// settle waits until gVisor has done what it was given: its goroutine answers
// when its queue is empty.
func (n *netstack) settle() {
	n.workers.Pause()
	n.workers.Resume()
}

// step moves the clock and does f.
func (n *netstack) step(now clock.Instant, f func()) {
	n.clock.set(now)
	f()
	n.settle()
}

func (n *netstack) Input(now clock.Instant, p *link.Packet) {
	n.step(now, func() {
		b := p.AppendTo(nil)
		leaveRoomForSACK(b)
		pkt := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
		n.link.InjectInbound(ipv4.ProtocolNumber, pkt)
		pkt.DecRef()
	})
}

// sackRoom is what gVisor keeps free in each segment for the SACK blocks that it
// may have to send, where no timestamps are agreed.
const sackRoom = 36

// leaveRoomForSACK raises the MSS of a SYN that permits SACK, so that gVisor's
// segments become as long as the peer wants them. Where there are timestamps it
// leaves it: that gVisor sends less than it may is for the scripts to show.
func leaveRoomForSACK(b []byte) {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil || ip.Protocol != wire.ProtoTCP || ip.FragOff != 0 || ip.MF || len(body) < 20 || !wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, body) {
		return
	}
	h, text, err := wire.DecodeTCP(body)
	if o := &h.Options; err != nil || h.Flags&wire.SYN == 0 || !o.HasMSS || !o.SACKPermitted || o.HasTimestamps {
		return
	}
	mss := body[20 : len(body)-len(text)]
	for len(mss) > 4 && mss[0] != 2 {
		n := 1
		if mss[0] > 1 {
			n = int(mss[1])
		}
		mss = mss[n:]
	}
	binary.BigEndian.PutUint16(mss[2:], h.Options.MSS+sackRoom)
	wire.SetTransportChecksum(b, [2][]byte{})
}

func (n *netstack) Expire(now clock.Instant) {
	n.step(now, func() {
		for n.clock.fire() {
			n.settle()
		}
	})
}

func (n *netstack) Transmit(_ clock.Instant, out []link.Packet) (sent int) {
	for sent < len(out) {
		pkt := n.link.Read()
		if pkt == nil {
			break
		}
		v := pkt.ToView()
		out[sent] = link.Packet{Head: append([]byte(nil), v.AsSlice()...)}
		v.Release()
		pkt.DecRef()
		sent++
	}
	return sent
}

func (n *netstack) Deadline() clock.Instant { return n.clock.next() }
func (n *netstack) Pending() bool           { return n.link.NumQueued() > 0 }

// Events tells of the closed sockets whose data the peer has.
func (n *netstack) Events() (ready []host.Ready) {
	for i, s := range n.sockets {
		if s.closed && !s.told && over(s.ep) {
			s.told = true
			ready = append(ready, host.Ready{Socket: host.Handle(i + 1), Mask: host.Gone})
		}
	}
	return ready
}

// over reports whether nothing of ours is under way any more.
func over(ep tcpip.Endpoint) bool {
	switch gtcp.EndpointState(ep.State()) {
	case gtcp.StateFinWait2, gtcp.StateTimeWait, gtcp.StateClose, gtcp.StateError:
		return true
	}
	return false
}

// CloseAll ends the stack and waits for its goroutines.
func (n *netstack) CloseAll(clock.Instant) {
	n.s.Close()
	n.s.Wait()
	n.link.Close()
}

// at returns the socket of a handle.
func (n *netstack) at(h host.Handle) (*socket, error) {
	if h == 0 || int(h) > len(n.sockets) || n.sockets[h-1].closed {
		return nil, host.ErrBadHandle
	}
	return n.sockets[h-1], nil
}

// call does f with the socket of a handle.
func (n *netstack) call(now clock.Instant, h host.Handle, f func(*socket) tcpip.Error) error {
	s, err := n.at(h)
	if err != nil {
		return err
	}
	var e tcpip.Error
	n.step(now, func() { e = f(s) })
	return translate(e)
}

func (n *netstack) add(s *socket) host.Handle {
	n.sockets = append(n.sockets, s)
	return host.Handle(len(n.sockets))
}

func (n *netstack) Open(now clock.Instant, k host.Kind) (h host.Handle, err error) {
	proto := map[host.Kind]tcpip.TransportProtocolNumber{
		host.Stream: gtcp.ProtocolNumber, host.Datagram: udp.ProtocolNumber, host.Echo: icmp.ProtocolNumber4,
	}[k]
	n.step(now, func() {
		wq := new(waiter.Queue)
		ep, e := n.s.NewEndpoint(proto, ipv4.ProtocolNumber, wq)
		if err = translate(e); err == nil {
			h = n.add(&socket{kind: k, ep: ep, wq: wq})
		}
	})
	return h, err
}

func (n *netstack) Bind(now clock.Instant, h host.Handle, local netip.AddrPort) error {
	return n.call(now, h, func(s *socket) tcpip.Error { return s.ep.Bind(fullAddress(local)) })
}

// Listen gives gVisor one more than the backlog, as its own callers do: it uses
// SYN cookies from the last but one on.
func (n *netstack) Listen(now clock.Instant, h host.Handle, backlog int) error {
	return n.call(now, h, func(s *socket) tcpip.Error { return s.ep.Listen(backlog + 1) })
}

func (n *netstack) Accept(now clock.Instant, h host.Handle) (got host.Handle, err error) {
	err = n.call(now, h, func(s *socket) tcpip.Error {
		ep, wq, e := s.ep.Accept(nil)
		if e == nil {
			got = n.add(&socket{kind: host.Stream, ep: ep, wq: wq, opts: host.Options{TCP: tcp.Options{RecvBuffer: s.opts.TCP.RecvBuffer}}})
		}
		return e
	})
	if err != nil {
		return 0, err
	}
	// An accepted socket inherits the listener's options; gVisor leaves that to
	// its caller, but for the buffers.
	return got, n.SetOptions(now, got, n.sockets[h-1].opts)
}

func (n *netstack) Connect(now clock.Instant, h host.Handle, remote netip.AddrPort) error {
	return n.call(now, h, func(s *socket) tcpip.Error { return s.ep.Connect(fullAddress(remote)) })
}

func (n *netstack) Shutdown(now clock.Instant, h host.Handle, how host.How) error {
	var flags tcpip.ShutdownFlags
	if how&host.ShutRead != 0 {
		flags |= tcpip.ShutdownRead
	}
	if how&host.ShutWrite != 0 {
		flags |= tcpip.ShutdownWrite
	}
	return n.call(now, h, func(s *socket) tcpip.Error { return s.ep.Shutdown(flags) })
}

func (n *netstack) Close(now clock.Instant, h host.Handle) error {
	return n.call(now, h, func(s *socket) tcpip.Error {
		s.closed = true
		s.ep.Close()
		return nil
	})
}

func (n *netstack) SendTo(now clock.Instant, h host.Handle, p []byte, to netip.AddrPort) (got int, err error) {
	err = n.call(now, h, func(s *socket) tcpip.Error {
		var o tcpip.WriteOptions
		if to.IsValid() {
			a := fullAddress(to)
			o.To = &a
		}
		m, e := s.ep.Write(bytes.NewReader(p), o)
		got = int(m)
		return e
	})
	return got, err
}

func (n *netstack) RecvFrom(now clock.Instant, h host.Handle, p []byte, f host.RecvFlags) (got, size int, from netip.AddrPort, err error) {
	err = n.call(now, h, func(s *socket) tcpip.Error {
		w := tcpip.SliceWriter(p)
		r, e := s.ep.Read(io.Writer(&w), tcpip.ReadOptions{Peek: f&host.Peek != 0})
		if _, end := e.(*tcpip.ErrClosedForReceive); end {
			return nil
		}
		got, size = r.Count, r.Total
		return e
	})
	return got, size, from, err
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	f := tcpip.FullAddress{Port: a.Port()}
	if !a.Addr().IsUnspecified() {
		f.Addr = tcpip.AddrFrom4(a.Addr().As4())
	}
	return f
}
