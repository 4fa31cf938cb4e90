package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-net/sockeye/stack"
)

// within runs work on a stack made of the flags and closes it in good order, also
// when a signal comes. code is for what goes wrong before and after work.
func (p *program) within(f *linkFlags, code int, work func(*session, *interruption) error) (err error) {
	s, err := p.open(f)
	if err != nil {
		return fail(orCapture(err, code), err)
	}
	stop, unwatch := watch()
	ended := make(chan struct{})
	go func() { // a signal ends what is blocked, by closing the stack under it
		defer close(ended)
		<-stop.Done()
		if stop.came() {
			shut(s.stack, grace)
		}
	}()
	defer func() {
		unwatch()
		<-ended
		if cerr := s.close(grace); err == nil && cerr != nil {
			err = fail(orCapture(cerr, code), cerr)
		}
	}()
	return s.because(work(s, stop))
}

// orCapture is code, but get's own code where the capture could not be written.
func orCapture(err error, code int) int {
	var c *captureError
	if code == curlInterface && errors.As(err, &c) {
		return curlWrite
	}
	return code
}

// because says that the device failed, where that is why work did.
func (s *session) because(err error) error {
	why := s.stack.Err()
	var e *exit
	if err == nil || why == nil || errors.Is(why, stack.ErrClosed) || !errors.As(err, &e) {
		return err
	}
	return fail(e.code, fmt.Errorf("the device %s failed: %w", s.device, plain(why)))
}

// interrupted is err, or the exit that the signal stands for if one came.
func (i *interruption) interrupted(err error) error {
	if i.came() {
		return i.err()
	}
	return err
}

// until is the time that is left to t, at least a millisecond: zero would mean for ever.
func until(t time.Time) time.Duration { return max(time.Until(t), time.Millisecond) }
