package tun

import "sync/atomic"

// counters are Stats while they are counted.
type counters struct {
	read, readBytes, written, writtenBytes                  atomic.Uint64
	truncated, full, down, gone, noMemory, badPacket, other atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Read:         c.read.Load(),
		ReadBytes:    c.readBytes.Load(),
		Written:      c.written.Load(),
		WrittenBytes: c.writtenBytes.Load(),
		Truncated:    c.truncated.Load(),
		Full:         c.full.Load(),
		Down:         c.down.Load(),
		Gone:         c.gone.Load(),
		NoMemory:     c.noMemory.Load(),
		BadPacket:    c.badPacket.Load(),
		Other:        c.other.Load(),
	}
}
