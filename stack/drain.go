package stack

import (
	"context"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A drain ends sockets so that what their owners sent arrives. A stream's FIN
// follows its last byte; until the peer's FIN, what still comes is read and thrown
// away, for a reset in answer to it could destroy what the peer has not read yet.
type drain struct {
	set  *WatchSet
	open map[*Socket]*Watch
}

func newDrain() *drain { return &drain{set: NewWatchSet(), open: map[*Socket]*Watch{}} }

// take ends the owner's part in s: blocked calls end with ErrClosed.
func (d *drain) take(s *Socket) {
	now := s.enter()
	defer s.sh.leave()
	if s.usable() != nil {
		return
	}
	if !s.delivers() {
		_ = s.drop(now, false)
		return
	}
	s.closed = true
	_ = s.sh.host.Shutdown(now, s.handle, host.ShutWrite)
	s.wake()
	d.open[s] = s.watchLocked(d.set, s)
	d.set.Put(d.open[s])
}

// delivers reports whether s is a connection, made or being made. The lock is held.
func (s *Socket) delivers() bool {
	st, err := s.sh.host.State(s.sh.now, s.handle)
	return err == nil && st != tcp.StateClosed && st != tcp.StateListen && st != tcp.StateSynSent
}

// silence is how long a peer that has all of ours may say nothing before it is
// given up: as long as an orphan waits for a FIN (TCP_LINGER2).
const silence = time.Minute

// run goes on until no peer is left that may speak, or ctx or a shard ends.
func (d *drain) run(ctx context.Context, over <-chan struct{}) error {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for len(d.open) > 0 {
		select {
		case <-d.set.C():
			quiet.Reset(silence)
			for _, w := range d.set.Take(nil) {
				d.look(w.Tag.(*Socket), heard)
			}
		case <-quiet.C:
			quiet.Reset(silence)
			for s := range d.open {
				d.look(s, arrived)
			}
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// look throws away what came on s, and closes it once its state is such.
func (d *drain) look(s *Socket, such func(tcp.State) bool) {
	now := s.enter()
	defer s.sh.leave()
	w := d.open[s]
	if w == nil {
		return
	}
	s.throwAway(now)
	if st, err := s.sh.host.State(now, s.handle); err == nil && s.sh.failed == nil && !such(st) {
		return
	}
	delete(d.open, s)
	s.unwatchLocked(w)
	s.sh.forget(s)
	if st, err := s.sh.host.State(now, s.handle); err == nil && st == tcp.StateFinWait2 {
		_ = s.sh.host.Abort(now, s.handle)
		return
	}
	_ = s.sh.host.Close(now, s.handle)
}

// heard reports whether the peer has said all, and has all.
func heard(st tcp.State) bool { return st == tcp.StateTimeWait || st == tcp.StateClosed }

// arrived reports whether the peer has all.
func arrived(st tcp.State) bool { return st == tcp.StateFinWait2 || heard(st) }

// throwAway reads and forgets. The lock is held.
func (s *Socket) throwAway(now clock.Instant) {
	var b [1]byte
	for {
		const much = 1 << 30
		span, err := s.sh.host.RecvSpan(now, s.handle, much)
		if n := len(span[0]) + len(span[1]); err == nil && n > 0 {
			_ = s.sh.host.RecvCommit(now, s.handle, n)
		} else if n, _ := s.sh.host.Recv(now, s.handle, b[:], 0); n == 0 && !s.atMark() { // it goes on beyond an urgent byte
			return
		}
	}
}
