package sim

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// An outcome is how a cell ended, where it ended well.
type outcome int

const (
	allDelivered outcome = iota // both were polite and have everything
	programEnded                // a program ended it early; what arrived is right
	timedOut                    // ETIMEDOUT after R2, and its consequences
	numOutcomes
)

var outcomeNames = [numOutcomes]string{"delivered in full", "ended by a program", "timed out"}

// lifetime is by when a cell has come to its end: R2 is 15 minutes from the last
// progress, and at 50 % loss there is some every few minutes.
const lifetime = 48 * time.Hour

// runCell plays a cell and judges it. An error is a bug of the stack, or of the grid.
func runCell(c *cell, log func(string)) (o outcome, p *play, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if p, err = newPlay(c, log); err != nil {
		return 0, p, err
	}
	if err = p.begin(); err != nil {
		return 0, p, err
	}
	over := func() bool {
		return p.wrong() != nil || p.client.closed && (p.server == nil || p.server.closed) && p.settled()
	}
	if err = p.RunUntil(over, lifetime); err != nil {
		return 0, p, err
	}
	if err = p.wrong(); err != nil {
		return 0, p, err
	}
	if !over() {
		return 0, p, fmt.Errorf("after %v it is not over", lifetime)
	}
	if o, err = p.verdict(); err != nil {
		return 0, p, err
	}
	return o, p, p.reclaimed()
}

// settled reports whether nobody will be accepted any more.
func (p *play) settled() bool {
	return p.server != nil || !p.listening || len(p.pair.server.Sockets(nil)) == 1 && len(p.pair.client.Sockets(nil)) == 0
}

func (p *play) wrong() error {
	for _, a := range []*actor{p.client, p.server} {
		if a != nil && a.wrong != nil {
			return a.wrong
		}
	}
	return nil
}

// verdict holds what both actors have seen against what both have done.
func (p *play) verdict() (outcome, error) {
	c, s := p.client, p.server
	if s == nil {
		s = &actor{name: "nobody"}
		if c.err == nil && c.polite {
			return 0, fmt.Errorf("the client is content, and nobody was there")
		}
	} else {
		for _, x := range [][2]*actor{{c, s}, {s, c}} {
			if err := x[0].heard(x[1]); err != nil {
				return 0, err
			}
		}
	}
	for _, x := range [][2]*actor{{c, s}, {s, c}} {
		if err := p.mayFail(x[0], x[1]); err != nil {
			return 0, err
		}
	}
	switch {
	case c.err == tcp.ErrTimeout || s.err == tcp.ErrTimeout:
		return timedOut, nil
	case c.err == nil && s.err == nil && c.polite && s.polite && p.server != nil:
		if !c.eof || !s.eof || c.sent != c.send || s.sent != s.send {
			return 0, fmt.Errorf("not complete without an error: client %v, server %v", c, s)
		}
		return allDelivered, nil
	}
	return programEnded, nil
}

// heard holds the stream that a has heard against what its peer said: every
// byte was compared already, and so the sums of what is complete are equal.
func (a *actor) heard(peer *actor) error {
	if a.read > peer.sent {
		return fmt.Errorf("%s has heard %d bytes, the peer said %d", a.name, a.read, peer.sent)
	}
	if a.Sum() != SumOf(peer.seed(), a.read) {
		return fmt.Errorf("%s: the SHA-256 of %d bytes is wrong", a.name, a.read)
	}
	if a.eof && !a.shutR && a.err == nil && a.read != peer.sent {
		return fmt.Errorf("%s heard the end after %d of %d bytes", a.name, a.read, peer.sent)
	}
	if a.eof && !a.shutR && a.err == nil && !peer.shutW && !peer.closed {
		return fmt.Errorf("%s heard an end that nobody said", a.name)
	}
	if a.eof && !a.shutR && a.err == nil && !peer.shutW && peer.cause&(aborted|unreadData) != 0 {
		return fmt.Errorf("%s heard a reset as an end", a.name)
	}
	return nil
}

func (a *actor) seed() uint64 {
	if a.name == "client" {
		return clientSeed
	}
	return serverSeed
}

// Sum returns the SHA-256 of what was heard.
func (a *actor) Sum() [32]byte { return [32]byte(a.got.Sum(nil)) }

func (a *actor) String() string {
	return fmt.Sprintf("{sent %d of %d, read %d, eof %v, shut %v %v, closed %v at %v, err %v, cause %b}",
		a.sent, a.send, a.read, a.eof, a.shutW, a.shutR, a.closed, time.Duration(a.finishedAt), a.err, a.cause)
}

// mayFail says whether a's connection may have failed as it did. The only
// failure that a path may cause is ETIMEDOUT after R2; everything else somebody
// did:
//
//	timed out   the path loses packets, and R2, or the tries of a SYN, or the
//	            keep-alive probes, or the user's own timeout are over
//	reset       the peer aborted, or closed with data unread, or closed before
//	            our end and data came for nobody; or it gave up, as an orphan
//	            too, which waits 100 s for an answer or for a window that we who
//	            do not read keep closed; or its handshake did, and nobody was accepted;
//	            or it made the handshake by a cookie, and data came before the ACK
//	            that redeems it (as on Linux: nothing else of the SYN is known)
//	            or one of the two had ended both directions and got data, or was
//	            shut down while it connected
//	refused     the listener had gone, or a simultaneous opener
//	aborted     the program itself, by a shutdown while connecting
func (p *play) mayFail(a, peer *actor) error {
	legal := false
	switch a.err {
	case nil:
		return nil
	case tcp.ErrTimeout:
		least := 100 * time.Second
		if a.user > 0 {
			least = a.user
		}
		legal = p.cell.lossy() && a.finishedAt.Sub(a.began) >= least
		if !p.cell.lossy() && a.user > 0 { // a peer that does not read is silent enough
			legal = a.finishedAt.Sub(a.began) >= least
		}
	case tcp.ErrReset:
		const orphan = 100 * time.Second
		legal = peer.cause != 0 || peer.err == tcp.ErrTimeout || peer.closed && p.cell.lossy() ||
			peer.closed && a.finishedAt.Sub(peer.finishedAt) >= orphan ||
			p.server == nil && (p.cell.lossy() || !p.listening) ||
			p.cell.tcp[1].SYNCookies == tcp.CookiesAlways && p.cell.there.Reorder > 0 ||
			a.shutW && a.shutR || peer.shutW && peer.shutR || a.cause&aborted != 0
		legal = legal && (!a.afterEnd || peer.shutW || peer.closed)
	case tcp.ErrRefused:
		legal = a.name == "client" && !p.listening || p.cell.simultaneous && peer.closed
	case tcp.ErrAborted:
		legal = a.cause&aborted != 0
	}
	if legal {
		return nil
	}
	return fmt.Errorf("%s: %v without a cause; it %v, its peer %v", a.name, a.err, a, peer)
}

// reclaimed lets all timers end and fails where something is left.
func (p *play) reclaimed() error {
	p.deafen()
	if err := p.Run(24 * time.Hour); err != nil {
		return err
	}
	if !p.Idle() {
		return fmt.Errorf("a day after the end there is still something to do")
	}
	for _, a := range []*actor{p.client, p.server} {
		if a != nil && a.owesGone {
			return fmt.Errorf("%s lingers, and was not told that all is over", a.name)
		}
	}
	for _, h := range p.hosts {
		if err := h.audit.Idle(h.Host); err != nil {
			return fmt.Errorf("%s at the end: %w; %+v", h.Name, err, h.Sockets(nil))
		}
	}
	return nil
}
