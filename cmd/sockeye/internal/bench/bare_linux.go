package bench

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A bareConn is TCP with nothing in it: one connection, no loss, no timer, no
// options but those of the handshake. It sends or receives as fast as the
// device lets it, from and to the caller's memory: no stack can be faster.
// Whoever calls Write or Read reads the device. It is for one goroutine.
type bareConn struct {
	net.Conn // nothing; for the methods that are not needed
	dev      link.Link
	head     [40]byte
	ps       [64]link.Packet
	seg      wire.TCP
	local    netip.AddrPort
	remote   netip.AddrPort

	una, nxt wire.Seq // what we send
	wnd      int
	shift    uint8
	mss      int
	rcv      wire.Seq // what we have received, all in order
	until    time.Time
}

const (
	bareWindow = 0xFFFF // offered all the time, scaled
	bareShift  = 6      // 4 MiB
	bareMost   = 65535 - 40
)

var errReset = errors.New("the kernel reset the connection")

// dialBare shakes hands.
func dialBare(dev link.Link, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	c := &bareConn{dev: dev, local: netip.AddrPortFrom(from, 40000), remote: to,
		una: 1000, nxt: 1000, mss: dev.Features().MTU - 40}
	c.until = time.Now().Add(patience)
	stop := time.AfterFunc(patience, dev.Wake)
	defer stop.Stop()
	syn := wire.TCPOptions{HasMSS: true, MSS: uint16(c.mss), HasWindowScale: true, WindowScale: bareShift}
	if err := c.send(wire.SYN, syn, nil); err != nil {
		return nil, err
	}
	for answered := false; !answered; {
		if err := c.read(func(s *wire.TCP, _ []byte) {
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

// read waits for a batch and takes it.
func (c *bareConn) read(take func(*wire.TCP, []byte)) error {
	for {
		n, err := c.dev.TryRead(c.ps[:])
		if err != nil {
			return err
		}
		for i := range c.ps[:n] {
			b := c.ps[i].Head
			if len(b) < 40 || b[9] != wire.ProtoTCP {
				continue
			}
			s, text, err := wire.DecodeTCP(b[20:])
			if err != nil {
				return err
			}
			if s.Flags&wire.RST != 0 {
				return errReset
			}
			take(&s, text)
		}
		if n > 0 {
			return nil
		}
		if !time.Now().Before(c.until) {
			return os.ErrDeadlineExceeded
		}
		if err := c.dev.Wait(false); err != nil {
			return err
		}
	}
}

// Write sends b, super-segment by super-segment, as the window allows.
func (c *bareConn) Write(b []byte) (n int, err error) {
	most := bareMost - bareMost%c.mss
	for n < len(b) {
		room := c.una.Add(c.wnd).Sub(c.nxt)
		if k := min(len(b)-n, most); room >= k {
			if err := c.send(wire.ACK, wire.TCPOptions{}, b[n:n+k]); err != nil {
				return n, err
			}
			n += k
			continue
		}
		if err := c.read(func(s *wire.TCP, _ []byte) {
			c.una, c.wnd = s.Ack, int(s.Window)<<c.shift
		}); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Read takes what has come, and gives b nothing but its length: the bytes stay
// in the device's buffer. An ACK goes for every batch, unless the caller answers.
func (c *bareConn) Read(b []byte) (n int, err error) {
	if err := c.read(func(s *wire.TCP, text []byte) {
		c.una, c.wnd = s.Ack, int(s.Window)<<c.shift
		if s.Seq == c.rcv {
			c.rcv = c.rcv.Add(len(text))
			n += len(text)
		}
	}); err != nil || n == 0 || n < c.mss {
		return n, err
	}
	return n, c.send(wire.ACK, wire.TCPOptions{}, nil)
}

func (c *bareConn) deadline(t time.Time) error {
	c.until = t
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
