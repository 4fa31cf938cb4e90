package script

import (
	"strings"
)

// A value is an argument of a call.
type value struct {
	kind   valueKind
	n      int
	name   string           // of a name or of a field's owner
	list   []value          // of an array, of the terms of a|b, of arguments
	fields map[string]value // of a structure
	text   string           // as written
}

type valueKind uint8

const (
	valueAny valueKind = iota // ...
	valueNumber
	valueString
	valueName
	valueFlags // a|b
	valueList  // [a, b]
	valueStruct
	valueCall // name(a)
)

// call takes name(arguments) = result ERRNO (text).
func (s *scanner) call() *call {
	c := &call{name: s.ident()}
	if c.name == "" {
		s.fail("<, >, %%{ or a call expected")
	}
	s.expect("(")
	c.args = s.values(")")
	s.expect("=")
	c.result = s.number()
	if !s.done() && !s.has("(") {
		c.errno = s.ident()
	}
	if s.accept("(") {
		s.until(")")
		s.expect(")")
	}
	if c.errno != "" && !strings.HasPrefix(c.errno, "E") {
		s.fail("%q is no errno", c.errno)
	}
	if (c.result == -1) != (c.errno != "") {
		s.fail("-1 and an errno come together")
	}
	return c
}

// values takes values up to and with the closing bracket.
func (s *scanner) values(closing string) []value {
	var vs []value
	for !s.accept(closing) {
		if len(vs) > 0 {
			s.expect(",")
		}
		vs = append(vs, s.value())
	}
	return vs
}

// value takes a value, or several joined by |.
func (s *scanner) value() value {
	s.space()
	from := s.pos
	v := s.term()
	if s.has("|") {
		v = value{kind: valueFlags, list: []value{v}}
		for s.accept("|") {
			v.list = append(v.list, s.term())
		}
	}
	v.text = s.src[from:s.pos]
	return v
}

func (s *scanner) term() value {
	s.space()
	switch {
	case s.accept("..."):
		return value{kind: valueAny}
	case s.accept("["):
		return value{kind: valueList, list: s.values("]")}
	case s.accept("{"):
		return s.structure()
	case s.accept(`"`):
		text := s.until(`"`)
		s.expect(`"`)
		return value{kind: valueString, name: text}
	case s.pos < len(s.src) && (isDigit(s.src[s.pos]) || s.src[s.pos] == '-'):
		return value{kind: valueNumber, n: s.number()}
	}
	name := s.ident()
	if name == "" {
		s.fail("a value expected")
	}
	if s.accept("(") {
		return value{kind: valueCall, name: name, list: s.values(")")}
	}
	return value{kind: valueName, name: name}
}

func (s *scanner) structure() value {
	v := value{kind: valueStruct, fields: map[string]value{}}
	for !s.accept("}") {
		if len(v.fields) > 0 {
			s.expect(",")
		}
		name := s.ident()
		s.expect("=")
		v.fields[name] = s.value()
	}
	return v
}
