package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A scanner reads one line from left to right. Its methods give up by a panic
// of syntaxError, which parse catches: a line is wrong as a whole.
type scanner struct {
	src string
	pos int
}

type syntaxError struct{ why string }

func (s *scanner) fail(format string, args ...any) {
	panic(syntaxError{fmt.Sprintf("column %d: %s", s.pos+1, fmt.Sprintf(format, args...))})
}

func (s *scanner) rest() string { return s.src[s.pos:] }

func (s *scanner) space() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t') {
		s.pos++
	}
}

func (s *scanner) done() bool {
	s.space()
	return s.pos == len(s.src)
}

// has reports whether text comes next, after spaces.
func (s *scanner) has(text string) bool {
	s.space()
	return strings.HasPrefix(s.rest(), text)
}

// accept takes text where it comes next.
func (s *scanner) accept(text string) bool {
	if !s.has(text) {
		return false
	}
	s.pos += len(text)
	return true
}

func (s *scanner) expect(text string) {
	if !s.accept(text) {
		s.fail("%q expected", text)
	}
}

// keyword takes a whole word where it comes next.
func (s *scanner) keyword(word string) bool {
	at := s.pos
	if s.ident() == word {
		return true
	}
	s.pos = at
	return false
}

func isLetter(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// ident takes a name, or returns "".
func (s *scanner) ident() string {
	s.space()
	i := s.pos
	for i < len(s.src) && (isLetter(s.src[i]) || i > s.pos && isDigit(s.src[i])) {
		i++
	}
	word := s.src[s.pos:i]
	s.pos = i
	return word
}

// until takes what comes before any of the bytes in stops.
func (s *scanner) until(stops string) string {
	s.space()
	i := strings.IndexAny(s.rest(), stops)
	if i < 0 {
		i = len(s.rest())
	}
	word := s.src[s.pos : s.pos+i]
	s.pos += i
	return word
}

// number takes an integer, decimal or hexadecimal, perhaps negative.
func (s *scanner) number() int {
	s.space()
	i := s.pos
	if i < len(s.src) && s.src[i] == '-' {
		i++
	}
	for i < len(s.src) && (isDigit(s.src[i]) || isLetter(s.src[i])) {
		i++
	}
	n, err := strconv.ParseInt(s.src[s.pos:i], 0, 64)
	if err != nil {
		s.fail("a number expected")
	}
	s.pos = i
	return int(n)
}

// uint32 takes a sequence number or a timestamp.
func (s *scanner) uint32() uint32 {
	s.space()
	i := s.pos
	for i < len(s.src) && isDigit(s.src[i]) {
		i++
	}
	n, err := strconv.ParseUint(s.src[s.pos:i], 10, 32)
	if err != nil {
		s.fail("a number below 2^32 expected")
	}
	s.pos = i
	return uint32(n)
}

// seconds takes a time.
func (s *scanner) seconds() time.Duration {
	s.space()
	i, dots := s.pos, 0
	for i < len(s.src) && (isDigit(s.src[i]) || s.src[i] == '.' && dots == 0 && !strings.HasPrefix(s.src[i:], "...")) {
		if s.src[i] == '.' {
			dots++
		}
		i++
	}
	f, err := strconv.ParseFloat(s.src[s.pos:i], 64)
	if err != nil {
		s.fail("a time expected")
	}
	s.pos = i
	return time.Duration(f*1e9+500) / 1000 * 1000 // microseconds, as packetdrill has them
}
