package sim

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// leave is the end that the role has planned.
func (a *actor) leave() {
	if a.closed || a.wrong != nil || a.polite {
		return
	}
	switch a.quit {
	case quitHalf:
		a.polite = true // from now on
		a.send = a.sent + len(a.unsent)
		a.turn()
		return
	case quitDeaf:
		a.shutdown(host.ShutRead)
	case quitBoth:
		a.shutdown(host.ShutRead | host.ShutWrite)
	default:
		a.close(a.quit)
		return
	}
	a.quit = quitClose
	a.h.World.After(time.Duration(a.dice.Int64N(int64(20*time.Second))), a.leave)
}

// close gives the socket up and notes what its peer may see of that.
func (a *actor) close(how quitHow) {
	a.closed, a.finishedAt = true, a.now()
	a.h.On(a.s, nil)
	info, _ := a.h.Info(a.now(), a.s)
	if n, err := a.h.Recv(a.now(), a.s, a.buf[:1], host.Peek); err == nil && n > 0 {
		a.cause |= unreadData
	}
	switch info.State {
	case tcp.StateCloseWait, tcp.StateLastAck, tcp.StateClosing, tcp.StateTimeWait, tcp.StateClosed:
	default:
		a.cause |= deafClose
	}
	var err error
	switch how {
	case quitAbort:
		a.cause |= aborted
		err = a.h.Abort(a.now(), a.s)
	case quitLinger0, quitLinger:
		o, _ := a.h.Options(a.s)
		o.LingerOn, o.Linger = true, 0
		if how == quitLinger {
			o.Linger = 10 * time.Second
			a.owesGone = true
			a.h.On(a.s, a.news)
		} else {
			a.cause |= aborted
		}
		if err := a.h.SetOptions(a.now(), a.s, o); err != nil {
			a.fault("SetOptions: %v", err)
		}
		err = a.h.Close(a.now(), a.s)
	default:
		err = a.h.Close(a.now(), a.s)
	}
	if err != nil {
		a.fault("Close: %v", err)
	}
}
