package script

import (
	"strings"
)

// A node is a part of an expression: it has a value where the names are known.
type node func(names func(string) (int64, bool)) (int64, string)

// assertion takes assert expr, expr; assert ... up to }%.
func (s *scanner) assertion() *assertion {
	body, ok := strings.CutSuffix(strings.TrimSpace(s.rest()), "}%")
	if !ok {
		s.fail("}%% expected")
	}
	a := &assertion{}
	for _, part := range strings.Split(body, ";") {
		e := &scanner{src: strings.TrimSpace(part)}
		if e.done() {
			continue
		}
		if !e.keyword("assert") {
			s.fail("assert expected")
		}
		from := e.pos
		t := test{expr: e.or()}
		t.text = strings.TrimSpace(e.src[from:e.pos])
		if e.accept(",") { // what to show when it fails: all names of the test are shown
			e.or()
		}
		if !e.done() {
			s.fail("%q is too much", e.rest())
		}
		a.tests = append(a.tests, t)
	}
	if len(a.tests) == 0 {
		s.fail("nothing is asserted")
	}
	s.pos = len(s.src)
	return a
}

// An operator joins two values.
type operator struct {
	sign string
	do   func(a, b int64) int64
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

var (
	orOps      = []operator{{"||", func(a, b int64) int64 { return truth(a != 0 || b != 0) }}}
	andOps     = []operator{{"&&", func(a, b int64) int64 { return truth(a != 0 && b != 0) }}}
	compareOps = []operator{
		{"==", func(a, b int64) int64 { return truth(a == b) }},
		{"!=", func(a, b int64) int64 { return truth(a != b) }},
		{"<=", func(a, b int64) int64 { return truth(a <= b) }},
		{">=", func(a, b int64) int64 { return truth(a >= b) }},
		{"<", func(a, b int64) int64 { return truth(a < b) }},
		{">", func(a, b int64) int64 { return truth(a > b) }},
	}
	sumOps = []operator{
		{"+", func(a, b int64) int64 { return a + b }},
		{"-", func(a, b int64) int64 { return a - b }},
	}
	productOps = []operator{
		{"*", func(a, b int64) int64 { return a * b }},
		{"/", func(a, b int64) int64 {
			if b == 0 {
				return 0
			}
			return a / b
		}},
		{"&", func(a, b int64) int64 { return a & b }},
	}
)

// Weaker operators first.
func (s *scanner) or() node      { return s.binary(orOps, s.and) }
func (s *scanner) and() node     { return s.binary(andOps, s.compare) }
func (s *scanner) compare() node { return s.binary(compareOps, s.sum) }
func (s *scanner) sum() node     { return s.binary(sumOps, s.product) }
func (s *scanner) product() node { return s.binary(productOps, s.atom) }

func (s *scanner) binary(ops []operator, operand func() node) node {
	left := operand()
	for {
		op := s.operator(ops)
		if op == nil {
			return left
		}
		l, r := left, operand()
		left = func(names func(string) (int64, bool)) (int64, string) {
			a, why := l(names)
			if why != "" {
				return 0, why
			}
			b, why := r(names)
			return op.do(a, b), why
		}
	}
}

func (s *scanner) operator(ops []operator) *operator {
	for i := range ops {
		if ops[i].sign == "&" && s.has("&&") {
			continue
		}
		if s.accept(ops[i].sign) {
			return &ops[i]
		}
	}
	return nil
}

func (s *scanner) atom() node {
	if s.accept("(") {
		n := s.or()
		s.expect(")")
		return n
	}
	if name := s.ident(); name != "" {
		return func(names func(string) (int64, bool)) (int64, string) {
			v, ok := names(name)
			if !ok {
				return 0, "no field " + name
			}
			return v, ""
		}
	}
	n := int64(s.number())
	return func(func(string) (int64, bool)) (int64, string) { return n, "" }
}
