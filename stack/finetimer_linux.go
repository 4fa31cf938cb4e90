package stack

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The runtime's timers are those of epoll_wait: a process that has nothing else
// to do sleeps for whole milliseconds, one at least. A paced flow of 1 Gbit/s
// sends 64 KiB every half millisecond, and what a late timer may carry is one
// burst (tcp/pacing.go): it would lose half of its rate. So where a flow is
// paced, the near deadlines are a timerfd's, which the kernel keeps to some
// microseconds. It waits in the runtime's poller, and in a goroutine of its own:
// whoever leads waits for the link.

// A fineTimer is a shard's, made when the first paced flow needs it and kept
// until the shard ends. Its zero value may be used. The shard's lock guards it.
type fineTimer struct {
	file *os.File // nil: none yet, or no more
	fd   int
	off  bool // there is none to be had, or wanted
}

// setFine makes expire come at the time at, within microseconds, and reports whether it will.
func (sh *shard) setFine(at clock.Instant) bool {
	f := &sh.fine
	if f.off || f.file == nil && !sh.startFine() {
		return false
	}
	// From now, not from enter on: what was sent meanwhile took its time.
	wait := max(at.Sub(sh.read()), 1) // 0 would stop it
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	return unix.TimerfdSettime(f.fd, 0, &spec, nil) == nil
}

// startFine makes the timer and its goroutine, or notes that there will be none.
func (sh *shard) startFine() bool {
	f := &sh.fine
	f.off = true
	if !timeIsReal() {
		return false
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return false
	}
	f.file, f.fd, f.off = os.NewFile(uintptr(fd), "timerfd"), fd, false
	file := f.file
	sh.runs.Go(func() { sh.runFine(file) })
	return true
}

// runFine walks whenever the timer has gone off, until the shard ends.
func (sh *shard) runFine(file *os.File) {
	times := make([]byte, 8)
	for {
		if _, err := file.Read(times); err != nil {
			break
		}
		sh.expire()
	}
	// The shard has ended, or the runtime cannot wait for such a descriptor.
	sh.enter()
	sh.stopFine()
	sh.armed = clock.Never
	sh.leave()
}

// stopFine gives the descriptor back. The lock is held.
func (sh *shard) stopFine() {
	f := &sh.fine
	f.off = true
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}

// timeIsReal reports whether package time tells the system's time. In a bubble
// of testing/synctest it does not: its time stands still while a goroutine waits
// for a descriptor.
func timeIsReal() bool {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &now) != nil {
		return false
	}
	d := time.Duration(time.Now().UnixNano() - now.Nano())
	return -time.Minute < d && d < time.Minute
}
