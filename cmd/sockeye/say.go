package main

import (
	"fmt"

	"github.com/sockeye-net/sockeye/apps/journey"
)

// What the program itself tells in a journey stands where it is told, in English and Korean, side by side.

// text is one of two, with its values.
func (s *session) text(en, ko string, values ...any) string {
	if s.lang == "ko" {
		en = ko
	}
	if len(values) == 0 {
		return en
	}
	return journey.Particles(s.lang, fmt.Sprintf(en, values...))
}

// chapter begins one.
func (s *session) chapter(en, ko string) { s.tell.Heading(s.text(en, ko)) }

// say tells a paragraph.
func (s *session) say(en, ko string, values ...any) { s.tell.Say("%s", s.text(en, ko, values...)) }
