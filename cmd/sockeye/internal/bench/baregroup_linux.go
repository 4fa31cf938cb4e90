package bench

import (
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A bareGroup is the bareConns of one device. Where there are several, one
// goroutine sends or receives for all of them: nothing is handed over.
type bareGroup struct {
	dev    link.Link
	direct bool
	conns  []*bareConn
	ps     [64]link.Packet
	until  time.Time
}

const barePort = 40000

func (g *bareGroup) port() uint16 { return barePort + uint16(len(g.conns)) }

// read waits for a batch and lets each connection take its own.
func (g *bareGroup) read(take func(*bareConn, *wire.TCP, []byte)) error {
	for {
		n, err := g.dev.TryRead(g.ps[:])
		if err != nil {
			return err
		}
		for i := range g.ps[:n] {
			if err := g.arrive(g.ps[i].Head, take); err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		if !time.Now().Before(g.until) {
			return os.ErrDeadlineExceeded
		}
		if err := g.dev.Wait(false); err != nil {
			return err
		}
	}
}

func (g *bareGroup) arrive(b []byte, take func(*bareConn, *wire.TCP, []byte)) error {
	if len(b) < 40 || b[9] != wire.ProtoTCP {
		return nil
	}
	s, text, err := wire.DecodeTCP(b[20:])
	if err != nil {
		return err
	}
	i := int(s.DstPort) - barePort
	if i < 0 || i >= len(g.conns) {
		return nil
	}
	c := g.conns[i]
	switch {
	case !c.offloads && !wire.TransportChecksumOK(c.remote.Addr(), c.local.Addr(), wire.ProtoTCP, b[20:]):
		return errSum
	case s.Flags&wire.RST != 0:
		return errReset
	}
	take(c, &s, text)
	return nil
}

// source sends on all connections until that fails, each from a block of its own, as
// source does.
func (g *bareGroup) source() error {
	blocks, at := g.blocks(), make([]int, len(g.conns))
	for {
		sent := false
		for i, c := range g.conns {
			k := min(bareMost-bareMost%c.mss, blockSize-at[i])
			if c.room() < k {
				continue
			}
			if err := c.put(blocks[i][at[i] : at[i]+k]); err != nil {
				return err
			}
			at[i] = (at[i] + k) % blockSize
			sent = true
		}
		if sent {
			if !time.Now().Before(g.until) {
				return os.ErrDeadlineExceeded
			}
			continue
		}
		if err := g.read((*bareConn).acked); err != nil {
			return err
		}
	}
}

// sink receives on all connections until that fails. An ACK goes for every batch.
func (g *bareGroup) sink(got *atomic.Int64) error {
	blocks, at := g.blocks(), make([]int, len(g.conns))
	for {
		if err := g.read(func(c *bareConn, s *wire.TCP, text []byte) {
			i := int(s.DstPort) - barePort
			if n := c.take(s, text, blocks[i], &at[i]); n > 0 {
				got.Add(int64(n))
				c.owes = true
			}
		}); err != nil {
			return err
		}
		for _, c := range g.conns {
			if !c.owes {
				continue
			}
			c.owes = false
			if err := c.send(wire.ACK, wire.TCPOptions{}, nil); err != nil {
				return err
			}
		}
	}
}

func (g *bareGroup) blocks() (all [][]byte) {
	for range g.conns {
		all = append(all, make([]byte, blockSize))
	}
	return all
}

// sources returns what sends on all of conns: one for each, or, for a group that is
// more than one, one for all.
func sources(conns []net.Conn) (all []func() error) {
	if c, ok := conns[0].(*bareConn); ok && len(conns) > 1 {
		return []func() error{c.group.source}
	}
	for _, c := range conns {
		all = append(all, func() error { return source(c) })
	}
	return all
}

// sinks is sources of what receives.
func sinks(conns []net.Conn, got *atomic.Int64) (all []func() error) {
	if c, ok := conns[0].(*bareConn); ok && len(conns) > 1 {
		return []func() error{func() error { return c.group.sink(got) }}
	}
	for _, c := range conns {
		all = append(all, func() error { return sink(c, got) })
	}
	return all
}
