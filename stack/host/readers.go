package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A reading is a stream whose owner waits to receive, and his memory. The table
// of them is beside the sockets, for those that are idle to stay small; a socket
// knows its place in it.
type reading struct {
	sock *socket
	into *tcp.Reader
}

// maxReaders bounds the table to what a socket's place can say. What arrives for
// those beyond is queued.
const maxReaders = 1<<16 - 1

// RecvInto lends a reader's memory to a stream until the next RecvInto: what
// arrives in order, and finds nothing before it, is not queued but put there, and
// Readable is told of it. nil takes it back. One that is closed meanwhile has no
// use for it any more; what it was given counts.
func (h *Host) RecvInto(now clock.Instant, s Handle, r *tcp.Reader) error {
	e, err := h.stream(now, s)
	if err != nil {
		return err
	}
	switch {
	case r == nil:
		h.unread(e)
	case e.reading != 0:
		h.readers[e.reading-1].into = r
	case len(h.readers) < maxReaders:
		h.readers = append(h.readers, reading{e, r})
		e.reading = uint16(len(h.readers))
	}
	return nil
}

// reader returns who waits to receive on s, or nil.
func (h *Host) reader(s *socket) *tcp.Reader {
	if s.reading == 0 {
		return nil
	}
	return h.readers[s.reading-1].into
}

// reads reports whether who waits to receive on s has bytes to look at: his own
// count, and not SO_RCVLOWAT alone, says whether they are enough.
func (h *Host) reads(s *socket) bool {
	r := h.reader(s)
	return r != nil && (r.N > 0 || s.conn != nil && s.conn.Readable() > 0)
}

// unread takes s out of the table, where it is in it.
func (h *Host) unread(s *socket) {
	if s.reading == 0 {
		return
	}
	last := len(h.readers) - 1
	moved := h.readers[last]
	h.readers[s.reading-1] = moved
	moved.sock.reading = s.reading
	h.readers[last] = reading{}
	h.readers = h.readers[:last]
	s.reading = 0
}
