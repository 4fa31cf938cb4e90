package socket

// What a descriptor remembers of its calls, a bit each.
const (
	closed     uint32 = 1 << iota // by Close
	nonblock                      // O_NONBLOCK
	listening                     // Listen succeeded
	connecting                    // a non-blocking Connect has not been asked how it went
	unfit                         // shut down after a Connect that had failed, unasked: neither Connect nor Listen do any more
)

func (d *descriptor) is(flag uint32) bool { return d.marks.Load()&flag != 0 }

// mark sets or clears a flag and returns whether it was set.
func (d *descriptor) mark(flag uint32, on bool) (was bool) {
	if on {
		return d.marks.Or(flag)&flag != 0
	}
	return d.marks.And(^flag)&flag != 0
}
