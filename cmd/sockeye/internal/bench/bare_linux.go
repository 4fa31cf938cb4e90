package bench

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A bareConn is TCP with nothing in it: one connection, no loss, no timer, no
// options but those of the handshake. It sends or receives as fast as the
// device lets it. What a socket call costs at the least it has too: one copy
// between the caller's memory and what the device is written from and read into,
// unless direct; no stack that copies can be faster. The other way that copy is
// cheaper than a stack's, whose ring is larger than this one buffer: it keeps
// what was not acknowledged. On a device without offloads it makes and
// checks the sums. Whoever calls Write or Read reads the device. It is for one
// goroutine; several connections on one device have one together (baregroup.go).
type bareConn struct {
	net.Conn // nothing; for the methods that are not needed
	dev      link.Link
	group    *bareGroup
	direct   bool // the device is written from the caller's memory, and what is read stays where the device put it
	offloads bool
	buf      []byte // not direct: what is written, 64 KiB at a time
	head     [40]byte
	cut      bareCut
	seg      wire.TCP
	local    netip.AddrPort
	remote   netip.AddrPort

	una, nxt wire.Seq // what we send
	wnd      int
	shift    uint8
	mss      int
	rcv      wire.Seq // what we have received, all in order
	owes     bool     // an ACK
}

const (
	bareWindow = 0xFFFF // offered all the time, scaled
	bareShift  = 6      // 4 MiB
	bareMost   = 65535 - 40
)

var (
	errReset = errors.New("the kernel reset the connection")
	errSum   = errors.New("a checksum of the kernel's is wrong")
)

// dial shakes hands. No connection of the group carries bytes yet.
func (g *bareGroup) dial(from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	dev := g.dev
	c := &bareConn{dev: dev, group: g, direct: g.direct, local: netip.AddrPortFrom(from, g.port()), remote: to,
		una: 1000, nxt: 1000, mss: dev.Features().MTU - 40, offloads: dev.Features().ChecksumOffload}
	g.conns = append(g.conns, c)
	if !g.direct {
		c.buf = make([]byte, bareMost)
	}
	g.until = time.Now().Add(patience)
	stop := time.AfterFunc(patience, dev.Wake)
	defer stop.Stop()
	syn := wire.TCPOptions{HasMSS: true, MSS: uint16(c.mss), HasWindowScale: true, WindowScale: bareShift}
	if err := c.send(wire.SYN, syn, nil); err != nil {
		return nil, err
	}
	for answered := false; !answered; {
		if err := g.read(func(to *bareConn, s *wire.TCP, _ []byte) {
			if to != c {
				return
			}
			answered = answered || s.Flags&wire.SYN != 0
			c.rcv = s.Seq.Add(1)
			c.nxt, c.una = s.Ack, s.Ack
			c.shift, c.wnd = s.Options.WindowScale, int(s.Window)
		}); err != nil {
			return nil, err
		}
	}
	return c, c.send(wire.ACK, wire.TCPOptions{}, nil)
}

// send sends one segment, or one super-segment.
func (c *bareConn) send(flags wire.Flags, o wire.TCPOptions, text []byte) error {
	c.seg = wire.TCP{SrcPort: c.local.Port(), DstPort: c.remote.Port(), Seq: c.nxt, Ack: c.rcv, Flags: flags, Window: bareWindow, Options: o}
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: c.local.Addr(), Dst: c.remote.Addr(), DF: true}
	var long [60]byte
	head := c.head[:]
	if flags&wire.SYN != 0 {
		head = long[:]
	}
	at := ip.Encode(head, c.seg.HeaderLen()+len(text))
	n := at + c.seg.Encode(head[at:])
	p := link.Packet{Head: head[:n], Body: [2][]byte{text}}
	if len(text) > c.mss {
		p.GSOSize = uint16(c.mss)
	}
	wire.SetTransportChecksum(p.Head, [2][]byte{})
	if len(text) > 0 { // what virtio wants: the pseudo-header's sum, the device does the rest
		p.CsumDone = true
		sum := ^wire.Fold(wire.SumPseudo(ip.Src, ip.Dst, wire.ProtoTCP, c.seg.HeaderLen()+len(text)))
		p.Head[36], p.Head[37] = byte(sum>>8), byte(sum)
	}
	c.nxt = c.nxt.Add(len(text))
	return c.dev.WriteBatch([]link.Packet{p})
}

// Write sends b, super-segment by super-segment, as the window allows.
func (c *bareConn) Write(b []byte) (n int, err error) {
	most := bareMost - bareMost%c.mss
	for n < len(b) {
		if k := min(len(b)-n, most); c.room() >= k {
			if err := c.put(b[n : n+k]); err != nil {
				return n, err
			}
			n += k
			continue
		}
		if err := c.group.read((*bareConn).acked); err != nil {
			return n, err
		}
	}
	return n, nil
}

// room is how many bytes the kernel's window has room for.
func (c *bareConn) room() int { return c.una.Add(c.wnd).Sub(c.nxt) }

// acked takes an ACK.
func (c *bareConn) acked(s *wire.TCP, _ []byte) { c.una, c.wnd = s.Ack, int(s.Window)<<c.shift }

// put sends text, of at most bareMost bytes.
func (c *bareConn) put(text []byte) error {
	if !c.direct {
		text = c.buf[:copy(c.buf, text)]
	}
	if c.offloads {
		return c.send(wire.ACK, wire.TCPOptions{}, text)
	}
	return c.sendCut(text)
}

// Read takes what has come, and where it is direct gives b nothing but its length:
// the bytes stay in the device's buffer. An ACK goes for every batch, unless the
// caller answers.
func (c *bareConn) Read(b []byte) (n int, err error) {
	at := 0
	if err := c.group.read(func(_ *bareConn, s *wire.TCP, text []byte) {
		n += c.take(s, text, b, &at)
	}); err != nil || n == 0 || n < c.mss {
		return n, err
	}
	return n, c.send(wire.ACK, wire.TCPOptions{}, nil)
}

// take takes a segment, whose text goes to b from *at on, and returns how many bytes
// it brought. What is more than b holds goes to its beginning again.
func (c *bareConn) take(s *wire.TCP, text, b []byte, at *int) int {
	c.acked(s, nil)
	if s.Seq != c.rcv {
		return 0
	}
	n := len(text)
	c.rcv = c.rcv.Add(n)
	for !c.direct && len(text) > 0 {
		k := copy(b[*at:], text)
		text, *at = text[k:], (*at+k)%len(b)
	}
	return n
}

func (c *bareConn) deadline(t time.Time) error {
	c.group.until = t
	time.AfterFunc(time.Until(t), c.dev.Wake)
	return nil
}

// SetReadDeadline ends a Read.
func (c *bareConn) SetReadDeadline(t time.Time) error { return c.deadline(t) }

// SetDeadline ends both.
func (c *bareConn) SetDeadline(t time.Time) error { return c.deadline(t) }

// SetWriteDeadline ends a Write.
func (c *bareConn) SetWriteDeadline(t time.Time) error { return c.deadline(t) }

// Close resets the connection, so that the kernel keeps nothing of it.
func (c *bareConn) Close() error { return c.send(wire.RST|wire.ACK, wire.TCPOptions{}, nil) }
