package stack

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// How a socket finds its shard where there are several. A socket is made on the
// shard whose turn it is, and picks its ports there, so that most never move:
//
//   - A stream that connects picks a port whose four-tuple belongs to its shard.
//   - A stream that is bound has its port on every shard: a sibling on each
//     other one holds it. Bound, it may listen, each sibling for the
//     connections of its shard; or connect, and then it changes places with
//     the sibling on the shard that owns the connection.
//   - A datagram or echo socket that is bound to a port moves to the shard
//     that owns the port.
//
// Stack.mu is held meanwhile: what others look for on all shards does not
// change under their hands. What the methods of many are for, several.go says.

// A spread is what a bound stream and its siblings share.
type spread struct {
	mu      sync.Mutex // a leaf
	primary *Socket
	all     []*Socket // by shard; the primary is one of them
	ready   []int     // shards where a connection may wait to be accepted, each once
}

// A place says where a socket is, to who does not hold its shard's lock.
type place struct {
	at     atomic.Pointer[shard]  // the Socket's sh
	spread atomic.Pointer[spread] // of a stream that is bound
}

// enter locks the shard that the socket lives on, which may change while
// nobody holds its lock.
func (s *Socket) enter() clock.Instant {
	if s.place == nil {
		return s.sh.enter()
	}
	for {
		sh := s.place.at.Load()
		now := sh.enter()
		if s.sh == sh {
			return now
		}
		sh.leave()
	}
}

// several returns what is different where there are several shards, else nil.
func (s *Socket) several() several {
	if s.place == nil {
		return nil
	}
	return s.place.at.Load().peers.several
}

// spread returns what the socket shares with its siblings; nil: it has none.
func (s *Socket) spread() *spread {
	if s.place == nil {
		return nil
	}
	return s.place.spread.Load()
}

func (st many) told(s *Socket, sp *spread, m host.Mask) bool {
	k := s.sh.peers.index
	sp.mu.Lock()
	p := sp.primary
	if m&host.Readable != 0 && !slices.Contains(sp.ready, k) {
		sp.ready = append(sp.ready, k)
	}
	sp.mu.Unlock()
	if p == s {
		return false
	}
	if m&host.Readable != 0 {
		p.place.at.Load().poke(p)
	}
	return true
}

// take returns the sibling on a shard where a connection may wait, or nil.
func (sp *spread) take() *Socket {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if len(sp.ready) == 0 {
		return nil
	}
	k := sp.ready[0]
	sp.ready = append(sp.ready[:0], sp.ready[1:]...)
	return sp.all[k]
}

// again says that there may be more where one was accepted.
func (sp *spread) again(k int) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if !slices.Contains(sp.ready, k) {
		sp.ready = append(sp.ready, k)
	}
}

// siblings returns all but the primary.
func (sp *spread) siblings() []*Socket {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	var others []*Socket
	for _, s := range sp.all {
		if s != sp.primary {
			others = append(others, s)
		}
	}
	return others
}

func (sp *spread) isPrimary(s *Socket) bool {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.primary == s
}

func (st many) bind(s *Socket, local netip.AddrPort) error {
	st.lock()
	defer st.unlock()
	if s.kind == host.Stream {
		return st.bindStream(s, local)
	}
	if local.Port() != 0 && s.spread() == nil {
		if err := st.moveTo(s, st.shards[st.steer.Load().Port(local.Port())]); err != nil {
			return err
		}
	}
	return s.call(func(now clock.Instant) error { return s.sh.host.Bind(now, s.handle, local) })
}

// bindStream binds s and a sibling on each other shard, or none of them.
func (st many) bindStream(s *Socket, local netip.AddrPort) error {
	if local.Port() != 0 {
		bind := func(sh *shard, h host.Handle) error { return sh.host.Bind(sh.now, h, local) }
		err := s.call(func(clock.Instant) error { return bind(s.sh, s.handle) })
		if err != nil {
			return err
		}
		if err = st.spreadOut(s, bind); err != nil {
			_ = s.call(func(clock.Instant) error { s.sh.host.Unclaim(s.handle); return nil })
		}
		return err
	}
	for at, tries := local, 0; ; tries++ {
		err := s.call(func(now clock.Instant) (err error) {
			at, err = s.sh.host.ClaimFree(now, s.handle, at.Addr(), at.Port())
			return err
		})
		if err != nil {
			return err
		}
		err = st.spreadOut(s, func(sh *shard, h host.Handle) error { return sh.host.Claim(sh.now, h, at) })
		if err == nil {
			return nil
		}
		_ = s.call(func(clock.Instant) error { s.sh.host.Unclaim(s.handle); return nil })
		if err != host.ErrAddrInUse || tries == 1<<16 {
			return err
		}
	}
}

// spreadOut makes the siblings of s and binds them with bind: all, or none.
func (st many) spreadOut(s *Socket, bind func(*shard, host.Handle) error) error {
	o, err := s.Options()
	if err != nil {
		return err
	}
	sp := &spread{primary: s, all: make([]*Socket, len(st.shards))}
	for k, sh := range st.shards {
		if sh == s.sh {
			sp.all[k] = s
			continue
		}
		if sp.all[k], err = sh.sibling(sp, s.kind, &o, bind); err != nil {
			st.giveUp(sp.all[:k], s)
			return err
		}
	}
	err = s.call(func(clock.Instant) error { s.place.spread.Store(sp); return nil })
	if err != nil { // closed meanwhile
		st.giveUp(sp.all, s)
	}
	return err
}

// sibling makes a socket of sp on sh.
func (sh *shard) sibling(sp *spread, kind host.Kind, o *host.Options, bind func(*shard, host.Handle) error) (*Socket, error) {
	now := sh.enter()
	defer sh.leave()
	if sh.failed != nil {
		return nil, sh.failed
	}
	h, err := sh.host.Open(now, kind)
	if err != nil {
		return nil, err
	}
	if err = sh.host.SetOptions(now, h, *o); err == nil {
		err = bind(sh, h)
	}
	if err != nil {
		_ = sh.host.Close(now, h)
		return nil, err
	}
	s := sh.add(h, kind)
	s.place.spread.Store(sp)
	return s, nil
}

// giveUp closes the sockets of all but s.
func (st many) giveUp(all []*Socket, s *Socket) {
	for _, o := range all {
		if o != s {
			_ = o.endOne(false)
		}
	}
}

func (st many) listen(s *Socket, backlog int) error {
	st.lock()
	defer st.unlock()
	bound := false
	if err := s.call(func(clock.Instant) error { bound = s.sh.host.Bound(s.handle); return nil }); err != nil {
		return err
	}
	if !bound && s.kind == host.Stream {
		if err := st.bindStream(s, netip.AddrPort{}); err != nil {
			return err
		}
	}
	listen := func(s *Socket) error {
		return s.call(func(now clock.Instant) error { return s.sh.host.Listen(now, s.handle, backlog) })
	}
	sp := s.spread()
	if err := listen(s); err != nil || sp == nil {
		return err
	}
	for _, o := range sp.siblings() {
		if err := listen(o); err != nil {
			st.deafen(sp)
			_ = s.call(func(now clock.Instant) error { return s.sh.host.Shutdown(now, s.handle, host.ShutRead) })
			return err
		}
	}
	return nil
}

// deafen ends listening on the siblings.
func (st many) deafen(sp *spread) {
	for _, o := range sp.siblings() {
		_ = o.call(func(now clock.Instant) error { return o.sh.host.Shutdown(now, o.handle, host.ShutRead) })
	}
}

func (st many) hush(s *Socket, sp *spread, how host.How) error {
	st.lock()
	defer st.unlock()
	defer st.deafen(sp)
	return s.shutdown(how)
}

func (st many) gather(s *Socket, sp *spread) {
	st.lock()
	defer st.unlock()
	st.deafen(sp)
	bound := true
	_ = s.call(func(clock.Instant) error { bound = s.sh.host.Bound(s.handle); return nil })
	if bound {
		return
	}
	for _, o := range sp.siblings() {
		_ = o.endOne(false)
	}
	_ = s.call(func(clock.Instant) error { s.place.spread.Store(nil); return nil })
}

func (st many) setOptions(s *Socket, sp *spread, set func(*host.Options)) error {
	st.lock()
	defer st.unlock()
	if err := s.setOptions(set); err != nil {
		return err
	}
	for _, o := range sp.siblings() {
		_ = o.setOptions(set)
	}
	return nil
}

func (st many) settleFor(s *Socket, remote netip.AddrPort) error {
	st.lock()
	defer st.unlock()
	owner := 0
	err := s.call(func(now clock.Instant) error {
		owner = s.sh.host.ConnectOwner(now, s.handle, remote)
		return nil
	})
	sp := s.spread()
	if err != nil || st.shards[owner] == s.place.at.Load() || sp == nil {
		return err
	}
	o := sp.all[owner]
	to, h := o.sh, o.handle
	to.enter()
	to.forget(o)
	to.leave()
	err = st.relocate(s, to, h, func(from *shard, old host.Handle) {
		sp.mu.Lock()
		sp.all[owner], sp.all[from.peers.index] = s, o
		sp.mu.Unlock()
		o.handle = old
		o.settle(from)
		from.register(o)
	})
	if o.sh == to { // nothing came of it
		to.enter()
		to.register(o)
		to.leave()
	}
	return err
}

// moveTo makes an unbound datagram or echo socket one of another shard.
func (st many) moveTo(s *Socket, to *shard) error {
	if s.place.at.Load() == to {
		return nil
	}
	bound := false
	var o host.Options
	if err := s.call(func(clock.Instant) (err error) {
		bound = s.sh.host.Bound(s.handle)
		o, err = s.sh.host.Options(s.handle)
		return err
	}); err != nil || bound {
		return err // Bind says what it thinks of a second time
	}
	now := to.enter()
	h, err := to.host.Open(now, s.kind)
	if err == nil {
		err = to.host.SetOptions(now, h, o)
	}
	to.leave()
	if err != nil {
		return err
	}
	err = st.relocate(s, to, h, func(from *shard, old host.Handle) { _ = from.host.Close(from.now, old) })
	if err != nil {
		now = to.enter()
		_ = to.host.Close(now, h)
		to.leave()
	}
	return err
}

// relocate makes h on to the socket of s, and leaves the old one to left, under
// its shard's lock. host.ErrInvalid: a call is waiting on s, which it would
// have to follow.
func (st many) relocate(s *Socket, to *shard, h host.Handle, left func(from *shard, old host.Handle)) error {
	s.enter()
	from, old := s.sh, s.handle
	if err := s.usable(); err != nil || s.waitedOn() {
		from.leave()
		if err == nil {
			err = host.ErrInvalid
		}
		return err
	}
	read, write := from.host.Alarms(old)
	from.forget(s)
	s.handle = h
	s.settle(to)
	left(from, old)
	from.leave()

	to.enter()
	defer to.leave()
	if s.closed {
		return ErrClosed
	}
	to.register(s)
	_ = to.host.SetAlarm(h, host.AlarmRead, read)
	_ = to.host.SetAlarm(h, host.AlarmWrite, write)
	s.wake()
	return nil
}

// waitedOn reports whether a call is at work on s or stands in line. The lock is held.
func (s *Socket) waitedOn() bool {
	return s.rd.busy || s.wr.busy || s.rd.bed != nil || s.wr.bed != nil
}

// settle makes sh the shard that s lives on. The lock of the one before is
// held, and nobody waits on s.
func (s *Socket) settle(sh *shard) {
	s.sh = sh
	if s.place != nil {
		s.place.at.Store(sh)
	}
}

func (st many) poll(s *Socket, sp *spread) (host.Mask, error) {
	m, err := s.poll()
	if err != nil {
		return m, err
	}
	for _, o := range sp.siblings() {
		if om, err := o.poll(); err == nil {
			_ = o.call(func(clock.Instant) error {
				if o.kind != host.Stream || o.sh.host.Listening(o.handle) {
					m |= om & host.Readable
				}
				return nil
			})
		}
	}
	return m, nil
}

func (st many) info(s *Socket, sp *spread) (tcp.Info, error) {
	i, err := s.info()
	if err != nil || i.State != tcp.StateListen {
		return i, err
	}
	for _, o := range sp.siblings() {
		if oi, err := o.info(); err == nil && oi.State == tcp.StateListen {
			i.Unacked += oi.Unacked
		}
	}
	return i, nil
}

// describe describes the sockets of all shards, siblings together with their primary.
func (st *Stack) describe() []host.Description {
	var all []host.Description
	primary := map[*spread]int{} // index in all
	waiting := map[*spread]int{} // connections at siblings
	for _, sh := range st.shards {
		sh.enter()
		for _, d := range sh.host.Sockets(nil) {
			var sp *spread
			s := sh.lookup(d.Socket)
			if s != nil {
				sp = s.spread()
			}
			switch {
			case sp == nil:
				all = append(all, d)
			case sp.isPrimary(s):
				primary[sp] = len(all)
				all = append(all, d)
			case d.State == tcp.StateListen:
				waiting[sp] += d.RecvQ
			}
		}
		sh.leave()
	}
	for sp, n := range waiting {
		if i, ok := primary[sp]; ok {
			all[i].RecvQ += n
		}
	}
	return all
}

// lookup returns the Socket of a handle, or nil.
func (sh *shard) lookup(h host.Handle) *Socket {
	if i := h.Index(); h != 0 && i < len(sh.sockets) {
		if s := sh.sockets[i]; s != nil && s.handle == h {
			return s
		}
	}
	return nil
}

func (st many) endSiblings(s *Socket, abort bool) {
	sp := s.spread()
	if sp == nil || !sp.isPrimary(s) {
		return
	}
	st.lock()
	defer st.unlock()
	for _, o := range sp.siblings() {
		_ = o.endOne(abort)
	}
}
