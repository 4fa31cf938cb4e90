package stack

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
)

// SendVector sends all of several buffers on a stream, as one Send: nothing of another
// call comes between them, and no segment ends because a buffer does. When an
// error comes first it returns how many bytes went before.
func (s *Socket) SendVector(bufs [][]byte, f Flags) (sent int64, err error) {
	i, at := 0, 0
	for i < len(bufs) && len(bufs[i]) == 0 {
		i++
	}
	err = s.until(&s.wr, f, func(now clock.Instant) error {
		if i == len(bufs) {
			_, err := s.sh.host.SendWith(now, s.handle, nil, sendFlags(f)) // it may say what is wrong
			return err
		}
		for {
			next := i + 1
			for next < len(bufs) && len(bufs[next]) == 0 {
				next++
			}
			flags := sendFlags(f)
			if next < len(bufs) {
				flags |= host.More
			}
			n, err := s.sh.host.SendWith(now, s.handle, bufs[i][at:], flags)
			at += n
			sent += int64(n)
			if err != nil {
				return err
			}
			if at == len(bufs[i]) {
				i, at = next, 0
			}
			if i == len(bufs) {
				return nil
			}
		}
	})
	if sent > 0 && err == host.ErrWouldBlock {
		err = nil // a short count says it
	}
	return sent, err
}
