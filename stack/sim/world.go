package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Config describes a World.
type Config struct {
	Seed  uint64       // every random choice of the world, its paths and its hosts comes from it
	Log   func(string) // nil: none; gets a line for each packet and its fate
	Audit bool         // hold every host to its invariants after each step
}

// A World is hosts, the paths between them, and the time. It is not safe for
// concurrent use: everything happens in Run, also the functions of On and At.
type World struct {
	cfg   Config
	now   clock.Instant
	rng   rand.PCG
	hosts []*Host
	paths []*path
	todo  []event // ordered by time, then by entry
	entry uint64
	sum   hash.Hash
	err   error
	spins int // rounds since time moved

	out   [64]link.Packet
	flat  []byte
	check checker
	seen  func(h *Host, packet []byte) // nil: nobody; told of each packet as it is on the wire
}

// event is a function to be called at a time.
type event struct {
	at    clock.Instant
	entry uint64
	f     func()
}

// A Host is a host in a World: its calls are host.Host's, its packets and
// events the World's business.
type Host struct {
	*host.Host
	Name  string
	World *World

	index int
	feat  link.Features
	paths []*path                         // that begin here
	on    map[host.Handle]func(host.Mask) // looked up, never ranged over
	ready []host.Ready
	audit host.Audit
}

// maxSpins is how often the world may go round without time moving on before
// it is an error: something asks for attention and does nothing with it.
const maxSpins = 100_000

// ErrStuck says that the world went round and round at one time.
var ErrStuck = errors.New("sim: time stands still")

// New returns an empty World at a time that is not Never.
func New(cfg Config) *World {
	return &World{
		cfg: cfg,
		now: 1,
		rng: *rand.NewPCG(cfg.Seed, 0x776f726c64),
		sum: sha256.New(),
	}
}

// Now returns the virtual time.
func (w *World) Now() clock.Instant { return w.now }

// Intn returns a random number from 0 up to, and not including, n.
func (w *World) Intn(n int) int { return int(w.rng.Uint64() % uint64(n)) }

// Chance says yes with a probability of percent in a hundred.
func (w *World) Chance(percent int) bool { return w.Intn(100) < percent }

// After calls f when d has passed.
func (w *World) After(d time.Duration, f func()) {
	e := event{w.now.Add(max(d, 0)), w.entry, f}
	w.entry++
	i, _ := slices.BinarySearchFunc(w.todo, e, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.entry, b.entry))
	})
	w.todo = slices.Insert(w.todo, i, e)
}

// AddHost adds a host. A zero cfg.Seed is drawn from the world's; features of
// zero are a link with an MTU of 1500 and no offload.
func (w *World) AddHost(name string, cfg host.Config, feat link.Features) (*Host, error) {
	if cfg.Seed == [32]byte{} {
		for i := 0; i < len(cfg.Seed); i += 8 {
			binary.LittleEndian.PutUint64(cfg.Seed[i:], w.rng.Uint64())
		}
	}
	if feat == (link.Features{}) {
		feat.MTU = 1500
	}
	core, err := host.New(cfg, feat)
	if err != nil {
		return nil, fmt.Errorf("sim: host %s: %w", name, err)
	}
	h := &Host{Host: core, Name: name, World: w, index: len(w.hosts), feat: feat,
		on: map[host.Handle]func(host.Mask){}}
	w.hosts = append(w.hosts, h)
	return h, nil
}

// On registers what is called when there is news of socket s; nil forgets it.
// It is called first at once, with what holds now, so that edges are not lost.
func (h *Host) On(s host.Handle, f func(host.Mask)) {
	if f == nil {
		delete(h.on, s)
		return
	}
	h.on[s] = f
	h.World.After(0, func() {
		if m, err := h.Poll(s); err == nil && h.on[s] != nil {
			h.on[s](m)
		}
	})
}

// Hash returns the SHA-256 of all that has happened so far: every packet sent
// and delivered with its time, host and bytes, and every event of a socket.
func (w *World) Hash() [sha256.Size]byte { return [sha256.Size]byte(w.sum.Sum(nil)) }

// note adds one thing that happened to the hash.
func (w *World) note(what byte, h *Host, n uint64, data []byte) {
	var b [26]byte
	binary.BigEndian.PutUint64(b[0:], uint64(w.now))
	b[8], b[9] = what, byte(h.index)
	binary.BigEndian.PutUint64(b[10:], n)
	binary.BigEndian.PutUint64(b[18:], uint64(len(data)))
	w.sum.Write(b[:])
	w.sum.Write(data)
}

// What note knows.
const (
	noteSent = iota + 1
	noteDelivered
	noteEvent
)

// fail keeps the first error.
func (w *World) fail(h *Host, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v, host %s: %w", time.Duration(w.now), h.Name, err)
	}
}

// Run lets d pass and returns the first breach of the rules, which ends it early.
func (w *World) Run(d time.Duration) error {
	return w.RunUntil(func() bool { return false }, d)
}

// RunUntil is Run that ends, too, when done reports true.
func (w *World) RunUntil(done func() bool, d time.Duration) error {
	until := w.now.Add(d)
	for w.err == nil && !done() {
		next := w.next()
		if next == clock.Never || next > until {
			w.now = until
			break
		}
		if next > w.now {
			w.now, w.spins = next, 0
		} else if w.spins++; w.spins > maxSpins {
			return fmt.Errorf("at %v: %w", time.Duration(w.now), ErrStuck)
		}
		w.step()
	}
	return w.err
}

// Idle reports whether nothing is left to happen: no packet, no timer, no event.
func (w *World) Idle() bool { return w.next() == clock.Never }

// next returns when something is to be done next.
func (w *World) next() clock.Instant {
	next := clock.Never
	if len(w.todo) > 0 {
		next = w.todo[0].at
	}
	for _, p := range w.paths {
		next = clock.Earliest(next, p.impair.Deadline())
	}
	for _, h := range w.hosts {
		next = clock.Earliest(next, h.Deadline())
		if h.Pending() {
			next = w.now
		}
	}
	return next
}

// step does what is due now, in an order that depends on nothing but the
// order in which things were added: packets, functions, timers.
func (w *World) step() {
	for _, p := range w.paths {
		p.deliver()
	}
	for known := w.entry; len(w.todo) > 0 && w.todo[0].at.Due(w.now) && w.todo[0].entry < known; {
		f := w.todo[0].f
		w.todo = slices.Delete(w.todo, 0, 1)
		f()
	}
	for _, h := range w.hosts {
		if h.Deadline().Due(w.now) {
			h.Expire(w.now)
		}
		h.leave()
	}
}

// leave sends what the host has to send and tells its sockets their news,
// until there is neither.
func (h *Host) leave() {
	w := h.World
	for w.err == nil {
		sent := h.Transmit(w.now, w.out[:])
		for i := range w.out[:sent] {
			w.send(h, &w.out[i])
		}
		h.ready = append(h.ready[:0], h.Events()...)
		for _, r := range h.ready {
			w.note(noteEvent, h, uint64(r.Mask), nil)
			if f := h.on[r.Socket]; f != nil {
				f(r.Mask)
			}
		}
		if sent == 0 && len(h.ready) == 0 {
			h.checkInvariants()
			return
		}
		if w.spins++; w.spins > maxSpins {
			w.fail(h, ErrStuck)
		}
	}
}

// checkInvariants ends the world where the host broke one of its own rules.
func (h *Host) checkInvariants() {
	if !h.World.cfg.Audit {
		return
	}
	if err := h.audit.Check(h.Host); err != nil {
		h.World.fail(h, err)
	}
}
