package main

import "time"

// within runs work on a stack made of the flags and closes it in good order, also
// when a signal comes. code is for what goes wrong before and after work.
func (p *program) within(f *linkFlags, code int, work func(*session, *interruption) error) (err error) {
	s, err := p.open(f)
	if err != nil {
		return fail(code, err)
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
			err = fail(code, cerr)
		}
	}()
	return work(s, stop)
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
