package oracle

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm is a timer of microseconds: with those of the runtime, of a
// millisecond, a path would carry packets in lumps, and in the smaller ones the
// finer the timers of its contestants are.
type alarm struct {
	file *os.File
	fd   int
	rang chan struct{}
	gone chan struct{}
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	a := &alarm{os.NewFile(uintptr(fd), "alarm"), fd, make(chan struct{}, 1), make(chan struct{})}
	go func() {
		defer close(a.gone)
		for b := make([]byte, 8); ; {
			if _, err := a.file.Read(b); err != nil {
				return
			}
			select {
			case a.rang <- struct{}{}:
			default:
			}
		}
	}()
	return a, nil
}

// after is time.After, but may come for nothing.
func (a *alarm) after(d time.Duration) <-chan struct{} {
	_ = unix.TimerfdSettime(a.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}, nil)
	return a.rang
}

func (a *alarm) close() {
	_ = a.file.Close()
	<-a.gone
}
