package vnet

import "sync/atomic"

// counters are Stats while they are counted.
type counters struct {
	read, readBytes, readSuper, written, writtenBytes, writtenSuper  atomic.Uint64
	truncated, unknown, full, down, gone, noMemory, badPacket, other atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Read:         c.read.Load(),
		ReadBytes:    c.readBytes.Load(),
		ReadSuper:    c.readSuper.Load(),
		Written:      c.written.Load(),
		WrittenBytes: c.writtenBytes.Load(),
		WrittenSuper: c.writtenSuper.Load(),
		Unknown:      c.unknown.Load(),
		Truncated:    c.truncated.Load(),
		Full:         c.full.Load(),
		Down:         c.down.Load(),
		Gone:         c.gone.Load(),
		NoMemory:     c.noMemory.Load(),
		BadPacket:    c.badPacket.Load(),
		Other:        c.other.Load(),
	}
}
