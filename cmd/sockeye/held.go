package main

import "io"

// heldMost is how many bytes of a page are held back; a longer one streams.
const heldMost = 1 << 20

// A held page waits until the journey has come to it, where both are on one
// terminal: else it would run into the lines of the ladder.
type held struct {
	page, told io.Writer // the page's writer; the journey's
	buf        []byte
	last       byte
	streams    bool
}

func (h *held) Write(p []byte) (int, error) {
	if len(p) > 0 {
		h.last = p[len(p)-1]
	}
	if !h.streams && len(h.buf)+len(p) <= heldMost {
		h.buf = append(h.buf, p...)
		return len(p), nil
	}
	if err := h.flush(); err != nil {
		return 0, err
	}
	h.streams = true
	return h.page.Write(p)
}

func (h *held) flush() error {
	if len(h.buf) == 0 {
		return nil
	}
	_, err := h.page.Write(h.buf)
	h.buf = nil
	return err
}

// end writes what is held, and ends its line for what the journey says next.
// A second end does nothing. h may be nil: nothing is held.
func (h *held) end() error {
	if h == nil {
		return nil
	}
	err := h.flush()
	if err == nil && h.last != 0 && h.last != '\n' {
		_, err = io.WriteString(h.told, "\n\n")
	}
	h.last = 0
	return err
}
