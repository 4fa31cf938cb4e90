package journey

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The page: a terminal of 80 columns.
const (
	columns    = 80
	margin     = "   "
	factColumn = 15
)

// wrap breaks text into lines of at most most columns, between words. A word
// that is longer has a line of its own, and a line that begins with two blanks stays.
func wrap(text string, most int) []string {
	var lines []string
	for _, part := range strings.Split(text, "\n") {
		if strings.HasPrefix(part, "  ") { // a command, to be copied as it is
			lines = append(lines, part)
			continue
		}
		line := ""
		for _, word := range strings.Fields(part) {
			if line != "" && width(line)+1+width(word) > most {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}

// clean makes bytes from the network fit for a terminal: one line, printable, cut.
func clean(s string, width int) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case r == utf8.RuneError:
			b.WriteByte('?')
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0x7e:
			b.WriteByte('?') // width and direction of such a rune are the terminal's affair
		default:
			b.WriteRune(r)
		}
		if b.Len() > width {
			return b.String()[:max(0, width-3)] + "..."
		}
	}
	return b.String()
}

// width is how many columns a text takes: Hangul takes two each.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xD7A3 || r >= 0xFF01 && r <= 0xFF60 {
			n++
		}
	}
	return n
}

// pad fills a text with blanks up to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// left is pad with the blanks before the text.
func left(s string, n int) string { return strings.Repeat(" ", max(0, n-width(s))) + s }

// count0 writes a number that is a name and no quantity.
func count0(n int64) string { return fmt.Sprint(n) }

// millis writes a duration as milliseconds in 9 columns.
func millis(d time.Duration) string {
	return fmt.Sprintf("%9.3f ms", float64(d)/float64(time.Millisecond))
}

// short writes a duration for a sentence.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(time.Millisecond).String()
}

// count writes n with commas.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (j *Journey) bold(s string) string { return j.paint("1", s) }
func (j *Journey) dim(s string) string  { return j.paint("2", s) }
func (j *Journey) call(s string) string { return j.paint("36", s) }

func (j *Journey) paint(code, s string) string {
	if !j.o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
