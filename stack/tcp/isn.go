package tcp

import (
	"encoding/binary"
	"time"

	"github.com/dchest/siphash"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// derive makes an independent key for one purpose out of the seed.
func derive(k0, k1, k2, k3 uint64, purpose string) [2]uint64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], k2)
	binary.LittleEndian.PutUint64(b[8:], k3)
	copy(b[16:23], purpose)
	first := siphash.Hash(k0, k1, b[:])
	b[23] = 1
	return [2]uint64{first, siphash.Hash(k0, k1, b[:])}
}

// hash is the keyed hash of the four-tuple.
func (f *Flow) hash(key [2]uint64) uint64 {
	var b [36]byte
	l, r := f.Local.Addr().As16(), f.Remote.Addr().As16()
	copy(b[0:], l[:])
	copy(b[16:], r[:])
	binary.LittleEndian.PutUint16(b[32:], f.Local.Port())
	binary.LittleEndian.PutUint16(b[34:], f.Remote.Port())
	return siphash.Hash(key[0], key[1], b[:])
}

// isnTick is the clock of RFC 9293 3.4.1 (MUST-8).
const isnTick = 4 * time.Microsecond

// isn is RFC 6528 3: a clock and a keyed hash of the four-tuple.
func (e *Env) isn(now clock.Instant, f Flow) wire.Seq {
	return wire.Seq(uint64(now)/uint64(isnTick)) + wire.Seq(f.hash(e.isnKey))
}

// tsOffset hides the uptime in our timestamps, the same for each incarnation
// of a four-tuple, so that RFC 6191 works (RFC 7323 7.1).
func (e *Env) tsOffset(f Flow) uint32 { return uint32(f.hash(e.tsKey)) }
