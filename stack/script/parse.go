package script

import (
	"fmt"
	"regexp"
	"strings"
)

// parse reads a script. Errors name the line.
func parse(name, text string) (*program, error) {
	p := &program{name: name, settings: defaultSettings()}
	lines := strings.Split(text, "\n")
	if err := checkRule(lines); err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	for i := 0; i < len(lines); i++ {
		first := i
		line := strings.TrimSpace(uncomment(lines[i]))
		for strings.Contains(line, "%{") && !strings.Contains(line, "}%") && i+1 < len(lines) {
			i++
			line += "; " + strings.TrimSpace(uncomment(lines[i]))
		}
		if line == "" {
			continue
		}
		if err := p.parseLine(first+1, line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w\n\t%s", name, first+1, err, line)
		}
	}
	if len(p.events) == 0 {
		return nil, fmt.Errorf("%s: a script without an event", name)
	}
	return p, nil
}

var namesRFC = regexp.MustCompile(`RFC \d+|draft-ietf-`)

// checkRule holds a script to its first sentence: the rule, and its RFC.
func checkRule(lines []string) error {
	var rule string
	for _, l := range lines {
		text, ok := strings.CutPrefix(strings.TrimSpace(l), "//")
		if !ok {
			break
		}
		rule += text + " "
	}
	if !namesRFC.MatchString(rule) || !strings.HasSuffix(strings.TrimSpace(rule), ".") {
		return fmt.Errorf("a script begins with a sentence in // that says the rule and names its RFC")
	}
	return nil
}

func uncomment(line string) string {
	before, _, _ := strings.Cut(line, "//")
	return before
}

func (p *program) parseLine(n int, line string) (err error) {
	defer func() {
		if e, ok := recover().(syntaxError); ok {
			err = fmt.Errorf("%s", e.why)
		}
	}()
	if strings.HasPrefix(line, "--") {
		return p.settings.set(line)
	}
	s := &scanner{src: line}
	e := event{line: n, text: line, at: s.when()}
	switch {
	case s.accept("<"):
		e.do = s.packet(false)
	case s.accept(">"):
		e.do = s.packet(true)
	case s.accept("%{"):
		e.do = s.assertion()
	default:
		e.do = s.call()
	}
	if !s.done() {
		s.fail("%q is too much", s.rest())
	}
	if _, ok := e.do.(*call); !ok && e.at.blocks {
		s.fail("only a call has an end time")
	}
	if k, ok := e.do.(*packet); (!ok || !k.out) && (e.at.any || e.at.lo != e.at.hi) {
		s.fail("only a packet that we send has a range of time")
	}
	p.events = append(p.events, e)
	return nil
}

// when takes the time at the beginning of a line.
func (s *scanner) when() when {
	if s.accept("*") {
		return when{any: true}
	}
	w := when{relative: s.accept("+")}
	w.lo = s.seconds()
	w.hi = w.lo
	switch {
	case s.accept("..."):
		s.accept("+")
		w.blocks, w.end = true, s.seconds()
		if w.end < w.lo {
			s.fail("the end comes before the start")
		}
	case s.accept("~"):
		if s.accept("+") != w.relative {
			s.fail("both ends of a range are relative, or none")
		}
		w.hi = s.seconds()
		if w.hi < w.lo {
			s.fail("an empty range")
		}
	}
	return w
}
