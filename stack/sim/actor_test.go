package sim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A role says what an actor means to do. It is drawn from a cell's seed.
type role struct {
	send      int           // bytes, then it ends its direction
	most      int           // bytes per call
	calls     int           // per turn; 0: until the socket would block
	tick      time.Duration // it looks at its socket this often instead of waiting for news; 0: it waits
	nap       time.Duration // between two turns, up to, at random
	odd       int           // percent of turns with calls that nobody needs
	spans     bool          // uses the lending calls
	polite    bool          // sends all, reads all, closes
	quitAt    time.Duration // after its start; 0: never
	quitBytes int           // sent and received; 0: never
	quit      quitHow
	keep      time.Duration // keep-alive
	user      time.Duration // user timeout; 0: none
	options   host.Options
}

// quitHow is how an impolite actor ends.
type quitHow int

const (
	quitClose    quitHow = iota
	quitAbort            // a reset
	quitLinger0          // a reset, by the option
	quitLinger           // waits for Gone
	quitHalf             // ends its direction early, reads to the end
	quitDeaf             // ends the receiving direction, sends the rest
	quitBoth             // ends both, stays, closes later
	quitVariants = iota
)

// An actor is an application on one stream that does what its role says, and
// beside that whatever its dice say. It holds what it hears against what its
// peer says, byte by byte, and every answer of its host against what it did.
type actor struct {
	role
	name  string
	h     *Host
	s     host.Handle
	dice  *rand.Rand
	began clock.Instant

	src, want  *Bytes
	said, got  hash.Hash
	sent, read int
	unsent     []byte // of src, not taken by the socket yet
	buf, check []byte

	connected  bool
	shutW      bool
	shutR      bool
	eof        bool
	closed     bool
	asleep     bool
	err        error // the connection's
	afterEnd   bool  // err came as EPIPE, after the peer had said all
	cause      cause
	owesGone   bool
	wrong      error // what no stack may do
	finishedAt clock.Instant
}

// A cause is what a program does that makes a reset legal at the other end.
type cause int

const (
	aborted    cause = 1 << iota // Abort, linger 0, or a shutdown while connecting
	unreadData                   // closed with received data unread (RFC 9293 SHLD-3)
	deafClose                    // closed before the peer's end of stream: what still comes has no reader
)

func newActor(name string, h *Host, s host.Handle, r role, mine, theirs uint64) *actor {
	a := &actor{role: r, name: name, h: h, s: s, dice: rand.New(rand.NewPCG(mine, 0x6163746f72)), began: h.World.now,
		src: NewBytes(mine), want: NewBytes(theirs), said: sha256.New(), got: sha256.New(),
		buf: make([]byte, r.most), check: make([]byte, r.most)}
	if r.tick > 0 {
		a.every(r.tick)
	} else {
		h.On(s, a.news)
	}
	if r.quitAt > 0 {
		h.World.After(r.quitAt, a.leave)
	}
	return a
}

func (a *actor) now() clock.Instant { return a.h.World.now }

// every is the application that polls.
func (a *actor) every(d time.Duration) {
	a.h.World.After(d, func() {
		a.turn()
		if !a.closed {
			a.every(d)
		}
	})
}

func (a *actor) news(m host.Mask) {
	if m&host.Gone != 0 {
		if !a.owesGone {
			a.fault("Gone, and nobody lingers")
		}
		a.owesGone = false
		return
	}
	if !a.asleep {
		a.turn()
	}
}

// fault keeps the first thing that must not happen.
func (a *actor) fault(format string, args ...any) {
	if a.wrong == nil {
		a.wrong = fmt.Errorf("at %v, %s: %w", time.Duration(a.now()), a.name, fmt.Errorf(format, args...))
	}
}

// turn is what the actor does when there is news, or when it looks.
func (a *actor) turn() {
	if a.closed || a.wrong != nil {
		return
	}
	if a.dice.IntN(100) < a.odd {
		a.oddCall()
	}
	for i := 0; !a.closed && a.wrong == nil; i++ {
		if a.calls > 0 && i == a.calls {
			a.rest()
			break
		}
		w, r := a.write(), a.listen()
		if !w && !r {
			break
		}
	}
	switch {
	case a.closed:
	case a.err != nil, a.polite && a.eof && a.shutW:
		a.close(quitClose)
	case a.quitBytes > 0 && a.sent+a.read >= a.quitBytes:
		a.leave()
	}
}

// rest lets news wait for a while.
func (a *actor) rest() {
	if a.asleep {
		return
	}
	a.asleep = true
	a.h.World.After(time.Duration(a.dice.Int64N(int64(a.nap)+1)), func() {
		a.asleep = false
		a.turn()
	})
}

// write sends a piece and reports whether there may be more to send now.
func (a *actor) write() bool {
	if a.shutW || a.err != nil || a.closed {
		return false
	}
	if len(a.unsent) == 0 {
		if a.sent >= a.send {
			a.endWriting()
			return false
		}
		n := min(1+a.dice.IntN(a.most), a.send-a.sent)
		a.unsent = a.buf[:n:n]
		_, _ = a.src.Read(a.unsent)
		a.unsent = append([]byte(nil), a.unsent...)
	}
	n, err := a.put(a.unsent)
	if n < 0 || n > len(a.unsent) || n > 0 && err != nil {
		a.fault("Send of %d bytes gave %d, %v", len(a.unsent), n, err)
		return false
	}
	a.said.Write(a.unsent[:n])
	a.sent += n
	a.unsent = a.unsent[n:]
	return a.judge("Send", err, host.ErrPipe)
}

// put sends by one of the two ways.
func (a *actor) put(p []byte) (int, error) {
	if !a.spans || a.dice.IntN(3) == 0 {
		return a.h.Send(a.now(), a.s, p)
	}
	lent, err := a.h.SendSpan(a.now(), a.s, len(p))
	if err != nil {
		return 0, err
	}
	n := copy(lent[0], p)
	n += copy(lent[1], p[n:])
	if n > 1 && a.dice.IntN(4) == 0 {
		n /= 2
	}
	if n == 0 {
		a.fault("SendSpan lent nothing without an error")
	}
	return n, a.h.SendCommit(a.now(), a.s, n)
}

// endWriting ends our direction, but not while the handshake goes on: as on
// Linux, that would give the connection up.
func (a *actor) endWriting() {
	if !a.polite && a.dice.IntN(4) != 0 {
		return // the connection stays open both ways until it quits
	}
	if _, err := a.h.Send(a.now(), a.s, nil); !a.judge("Send of nothing", err, host.ErrPipe) {
		return
	}
	a.shutdown(host.ShutWrite)
}

func (a *actor) shutdown(how host.How) {
	info, _ := a.h.Info(a.now(), a.s)
	err := a.h.Shutdown(a.now(), a.s, how)
	if err == host.ErrNotConnected && a.err == nil && info.State == tcp.StateClosed {
		err = a.h.SocketError(a.s) // it is over, and why waits to be told
	}
	if err == nil && info.State == tcp.StateSynSent {
		a.cause |= aborted
	}
	a.shutW = a.shutW || how&host.ShutWrite != 0
	a.shutR = a.shutR || how&host.ShutRead != 0
	a.judge("Shutdown", err, host.ErrNotConnected)
}

// listen takes a piece and reports whether there may be more.
func (a *actor) listen() bool {
	if a.eof || a.err != nil || a.closed || a.shutR {
		return false
	}
	n, err := a.take(a.buf[:1+a.dice.IntN(len(a.buf))])
	if !a.judge("Recv", err, host.ErrNotConnected) {
		return false
	}
	a.eof = n == 0
	return n > 0 && a.hear(a.buf[:n], true)
}

// take receives by one of the three ways.
func (a *actor) take(p []byte) (int, error) {
	switch {
	case a.spans && a.dice.IntN(2) == 0:
		lent, err := a.h.RecvSpan(a.now(), a.s, len(p))
		if err != nil {
			return 0, err
		}
		n := copy(p, lent[0])
		n += copy(p[n:], lent[1])
		if n == 0 {
			return 0, nil
		}
		if a.dice.IntN(4) == 0 {
			n = 1 + a.dice.IntN(n)
		}
		return n, a.h.RecvCommit(a.now(), a.s, n)
	case a.dice.IntN(100) < a.odd:
		n, err := a.h.Recv(a.now(), a.s, p, host.Peek)
		if err != nil || n == 0 || !a.hear(p[:n], false) {
			return n, err
		}
	}
	return a.h.Recv(a.now(), a.s, p, 0)
}

// hear holds what was received against what the peer says next; for good, or
// only to look.
func (a *actor) hear(p []byte, forGood bool) bool {
	next := *a.want
	_, _ = next.Read(a.check[:len(p)])
	for i := range p {
		if p[i] != a.check[i] {
			a.fault("byte %d is %#x, the peer sent %#x", a.read+i, p[i], a.check[i])
			return false
		}
	}
	if forGood {
		*a.want = next
		a.read += len(p)
		a.got.Write(p)
	}
	return true
}

// judge takes the error of a call: it reports whether there was none, and
// whether the stack may say what it says is looked at here and in verdict.
func (a *actor) judge(call string, err error, may error) bool {
	var why tcp.Error
	switch {
	case err == nil:
		a.connected = true
		return true
	case err == host.ErrWouldBlock:
	case errors.As(err, &why):
		if a.err == nil {
			a.err = err
		}
	case err == may && (a.err != nil || a.shutW || a.cause != 0):
		if a.err == nil && a.cause&aborted != 0 {
			a.err = tcp.ErrAborted
		}
	case err == host.ErrPipe: // as on Linux: a reset after the peer's end
		a.err, a.afterEnd = tcp.ErrReset, true
	default:
		a.fault("%s gives %v", call, err)
	}
	return false
}

// oddCall is a call that nobody needs.
func (a *actor) oddCall() {
	now := a.now()
	switch a.dice.IntN(8) {
	case 0:
		o, err := a.h.Options(a.s)
		if err != nil {
			a.fault("Options: %v", err)
		}
		t := &o.TCP
		t.NoDelay, t.Cork, t.QuickACK = a.dice.IntN(2) == 0, a.dice.IntN(4) == 0, a.dice.IntN(4) == 0
		o.TOS, o.TTL = uint8(a.dice.IntN(64)<<2), uint8(64+a.dice.IntN(100))
		a.set(o)
	case 1:
		o, _ := a.h.Options(a.s)
		o.TCP.SendBuffer, o.TCP.RecvBuffer = 2<<10<<a.dice.IntN(8), 2<<10<<a.dice.IntN(8)
		a.set(o)
	case 2:
		if _, err := a.h.Info(now, a.s); err != nil {
			a.fault("Info: %v", err)
		}
	case 3:
		if m, err := a.h.Poll(a.s); err != nil || m&host.Gone != 0 {
			a.fault("Poll: %v, %v", m, err)
		}
		_, _ = a.h.SoftError(a.s)
	case 4:
		if err := a.h.SocketError(a.s); err != nil {
			a.judge("SO_ERROR", err, nil)
		}
	case 5:
		if err := a.h.SetAlarm(a.s, host.AlarmRead, now.Add(time.Duration(a.dice.IntN(3000))*ms)); err != nil {
			a.fault("SetAlarm: %v", err)
		}
	case 6:
		if a.cause&aborted != 0 {
			break // it is as new
		}
		if err := a.h.Listen(now, a.s, 1); err == nil {
			a.fault("a connected socket listens")
		}
	case 7:
		if _, err := a.h.Send(now, a.s, nil); err != nil {
			a.judge("Send of nothing", err, host.ErrPipe)
		}
	}
}

func (a *actor) set(o host.Options) {
	if err := a.h.SetOptions(a.now(), a.s, o); err != nil {
		a.fault("SetOptions: %v", err)
	}
}
