package oracle

import (
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	gtcp "gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/script"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

const (
	peerISS    wire.Seq = 0xfffffff0 // the peer's numbers wrap soon
	unknownISS wire.Seq = 5000       // stands for an ISS that nobody knows yet
	partyStart          = clock.Instant(time.Hour)
	ms                  = time.Millisecond
)

var (
	partyAddr  = netip.MustParseAddr("192.0.2.2")
	partyPeer  = netip.MustParseAddr("198.51.100.1")
	everywhere = netip.MustParsePrefix("0.0.0.0/0")
)

// A seat is a stack, ours or gVisor's, at which parties sit one after the other.
type seat struct {
	name  string
	stack script.Target
	now   clock.Instant
	ports uint16 // how many were used
	out   [64]link.Packet
}

// partyConfig is what both stacks are set to.
func partyConfig() (host.Config, link.Features) {
	return host.Config{
		Seed:     [32]byte{9},
		Prefixes: []netip.Prefix{netip.PrefixFrom(partyAddr, 24)},
		Routes:   []host.Route{{Prefix: everywhere}},
		TCP:      tcp.Config{Congestion: congestion.NewReno{}},
	}, link.Features{MTU: 1500}
}

func ourSeat() (*seat, error) {
	h, err := host.New(partyConfig())
	return &seat{name: "ours", stack: h, now: partyStart}, err
}

// gvisorSeat leaves RACK out: gVisor takes for lost what was sent at the same time
// as what was delivered, and where no time passes that is everything.
func gvisorSeat() (*seat, error) {
	n, err := newNetstack(partyConfig())
	if err == nil {
		var none tcpip.TCPRecovery
		err = translate(n.s.SetTransportProtocolOption(gtcp.ProtocolNumber, &none))
	}
	return &seat{name: "gVisor", stack: n, now: partyStart}, err
}

// pass lets time go by, timer by timer.
func (s *seat) pass(d time.Duration) {
	end := s.now.Add(d)
	for at := s.stack.Deadline(); at != clock.Never && at <= end; at = s.stack.Deadline() {
		s.now = max(s.now, at)
		s.stack.Expire(s.now)
	}
	s.now = end
}

// A party is one end of a connection whose peer is the test. Numbers are
// relative to the two SYNs, as in package tcp's tests, so that those of two
// parties may be compared.
type party struct {
	*seat
	conn, lis     host.Handle // 0: none
	local, remote netip.AddrPort
	mode          mode
	tsVal, tsEcr  uint32 // of the peer: its clock ticks with each segment, and what it has to echo
	iss           wire.Seq
	issKnown      bool

	una, nxt, rcvNxt, wnd int // as the wire tells them
	maxWnd                int // the largest window that the peer offered
	taken                 int // bytes of the peer's stream that were read
}

// sit makes a party in state CLOSED.
func (s *seat) sit() *party {
	s.ports++
	return &party{seat: s, iss: unknownISS,
		local: netip.AddrPortFrom(partyAddr, 10000+s.ports), remote: netip.AddrPortFrom(partyPeer, 20000+s.ports)}
}

// leave ends what is left of a party.
func (p *party) leave() {
	for _, h := range []host.Handle{p.conn, p.lis} {
		if o, err := p.stack.Options(h); err == nil {
			o.LingerOn, o.Linger = true, 0
			_ = p.stack.SetOptions(p.now, h, o)
			_ = p.stack.Close(p.now, h)
		}
	}
	p.drain()
}

// A mode is what the two ends of a connection are set to.
type mode struct {
	sack, nagle bool
	stamps      bool // timestamps (RFC 7323)
	full        bool // whole segments, acknowledged as such: the congestion window counts
}

// A segment is one from the peer; seq counts from IRS, ack from ISS.
type segment struct {
	flags               wire.Flags
	seq, ack, wnd, text int
}

func (s segment) String() string {
	return fmt.Sprintf("%v seq %d ack %d wnd %d text %d", s.flags, s.seq, s.ack, s.wnd, s.text)
}

func (s *segment) has(f wire.Flags) bool { return s.flags&f != 0 }

// len is SEG.LEN.
func (s *segment) len() int {
	n := s.text
	if s.has(wire.SYN) {
		n++
	}
	if s.has(wire.FIN) {
		n++
	}
	return n
}

// A reply is a segment to the peer. PSH is a matter of taste and left out.
type reply struct {
	flags     wire.Flags
	seq, text int
	ack       int
	sack      string // the blocks, relative
	echo      int    // of a timestamp; 0: none
}

func (r reply) String() string {
	return fmt.Sprintf("%v %d:%d ack %d%s", r.flags, r.seq, r.seq+r.text, r.ack, r.sack)
}

// hear gives the party a segment.
func (p *party) hear(s segment) {
	h := wire.TCP{SrcPort: p.remote.Port(), DstPort: p.local.Port(), Seq: peerISS.Add(s.seq), Ack: p.iss.Add(s.ack),
		Flags: s.flags, Window: uint16(s.wnd)}
	if s.has(wire.SYN) {
		h.Options.HasMSS, h.Options.MSS, h.Options.SACKPermitted = true, 1000, p.mode.sack
	}
	if p.mode.stamps {
		p.tsVal++
		h.Options.HasTimestamps, h.Options.TSVal, h.Options.TSEcr = true, 1000+p.tsVal, p.tsEcr
	}
	var head [60]byte
	n := h.Encode(head[:])
	ip := wire.IPv4{TTL: 64, Src: p.remote.Addr(), Dst: p.local.Addr(), Protocol: wire.ProtoTCP}
	b := make([]byte, 20+n+s.text)
	ip.Encode(b, n+s.text)
	copy(b[20:], head[:n])
	for i := range b[20+n:] {
		b[20+n+i] = textAt(s.seq + i)
	}
	wire.SetTransportChecksum(b, [2][]byte{})
	p.stack.Input(p.now, &link.Packet{Head: b})
	p.maxWnd = max(p.maxWnd, s.wnd)
}

// textAt is the byte of the peer's stream at a sequence number.
func textAt(seq int) byte { return byte(seq*131 + seq>>8) }

// drain returns what the party sends now. What others of its seat send is lost.
func (p *party) drain() (said []reply) {
	for {
		n := p.stack.Transmit(p.now, p.out[:])
		if n == 0 && !p.stack.Pending() {
			return said
		}
		for i := range p.out[:n] {
			if r, ok := p.read(p.out[i].AppendTo(nil)); ok {
				said = append(said, r)
			}
		}
	}
}

// read makes a reply of a packet.
func (p *party) read(b []byte) (reply, bool) {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil || ip.Protocol != wire.ProtoTCP || !wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, body) {
		return reply{}, false
	}
	h, text, err := wire.DecodeTCP(body)
	if err != nil || h.DstPort != p.remote.Port() || h.SrcPort != p.local.Port() {
		return reply{}, false
	}
	if h.Flags&wire.SYN != 0 && !p.issKnown {
		p.iss, p.issKnown = h.Seq, true
	}
	r := reply{flags: h.Flags &^ wire.PSH, seq: h.Seq.Sub(p.iss), text: len(text)}
	if h.Flags&(wire.RST|wire.ACK) == wire.RST|wire.ACK && h.Seq == 0 {
		r.seq = 0 // that of a closed port, absolute
	}
	if h.Flags&wire.ACK != 0 {
		r.ack = h.Ack.Sub(peerISS)
	}
	if h.Options.HasTimestamps {
		p.tsEcr, r.echo = h.Options.TSVal, int(h.Options.TSEcr)
	}
	for _, k := range withoutDSACK(h.Ack, h.Options.SACK[:h.Options.NumSACK]) {
		r.sack += fmt.Sprintf(" sack %d:%d", k.Left.Sub(peerISS), k.Right.Sub(peerISS))
	}
	if h.Flags&wire.RST == 0 {
		end := r.seq + r.text
		if h.Flags&(wire.SYN|wire.FIN) != 0 {
			end++
		}
		p.nxt, p.rcvNxt, p.wnd = max(p.nxt, end), r.ack, int(h.Window)
	}
	return r, true
}

// withoutDSACK leaves out the block that tells of what came twice (RFC 2883 4), for
// gVisor sends none, and a fourth block, for which that leaves no room.
func withoutDSACK(ack wire.Seq, blocks []wire.SACKBlock) []wire.SACKBlock {
	if len(blocks) > 0 && blocks[0].Left.Less(ack) ||
		len(blocks) > 1 && blocks[1].Left.LessEq(blocks[0].Left) && blocks[0].Right.LessEq(blocks[1].Right) {
		blocks = blocks[1:]
	}
	return blocks[:min(len(blocks), 3)]
}

// open begins an active open, listen a passive one.
func (p *party) open(buffer int) error {
	h, err := p.socket(buffer)
	if err == nil {
		p.conn = h
		if err = p.stack.Connect(p.now, h, p.remote); err == host.ErrInProgress {
			err = nil
		}
	}
	p.drain()
	return err
}

func (p *party) listen(buffer int) error {
	h, err := p.socket(buffer)
	if err == nil {
		p.lis = h
		err = p.stack.Listen(p.now, h, 8)
	}
	return err
}

// socket makes a stream that acknowledges at once.
func (p *party) socket(buffer int) (host.Handle, error) {
	h, err := p.stack.Open(p.now, host.Stream)
	if err != nil {
		return 0, err
	}
	o, err := p.stack.Options(h)
	if err != nil {
		return 0, err
	}
	o.TCP.RecvBuffer, o.TCP.QuickACK, o.TCP.NoDelay = buffer, true, !p.mode.nagle
	if err := p.stack.SetOptions(p.now, h, o); err != nil {
		return 0, err
	}
	return h, p.stack.Bind(p.now, h, p.local)
}

// accept takes the connection, if there is one.
func (p *party) accept() {
	if p.lis == 0 || p.conn != 0 {
		return
	}
	if h, err := p.stack.Accept(p.now, p.lis); err == nil {
		p.conn = h
	}
}

// state is the connection's; LISTEN where only the listener is there.
func (p *party) state() tcp.State {
	switch {
	case p.conn == 0 && p.lis == 0:
		return tcp.StateClosed
	case p.conn == 0:
		return tcp.StateListen
	}
	info, err := p.stack.Info(p.now, p.conn)
	if err != nil {
		return tcp.StateClosed
	}
	return info.State
}

// take reads all that there is. wrong says that it is not what the peer sent.
func (p *party) take(from int) (n int, end bool, why error, wrong bool) {
	b := make([]byte, 4096)
	for n < 1<<20 {
		m, _, _, err := p.stack.RecvFrom(p.now, p.conn, b, 0)
		for i, x := range b[:max(m, 0)] {
			wrong = wrong || x != textAt(from+n+i)
		}
		n += m
		switch {
		case err == host.ErrWouldBlock:
			return n, false, nil, wrong
		case err != nil:
			return n, false, err, wrong
		case m == 0:
			return n, true, nil, wrong
		}
	}
	return n, false, nil, wrong
}
