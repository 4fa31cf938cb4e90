package main

import (
	"fmt"
	"io"
)

// A sink is standard output. It remembers that something could not be written,
// so that what is lost is not taken for success.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

// lost is the error of a command whose output was not written, or nil.
func (s *sink) lost(code int) error {
	if s.err == nil {
		return nil
	}
	return fail(code, fmt.Errorf("cannot write to standard output: %w", s.err))
}
