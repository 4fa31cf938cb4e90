// Package ascii has what package strings has, for names that are ASCII by their
// grammar: schemes, hosts, fields, tokens, and for the names of DNS (RFC 4343).
// strings folds by Unicode, where the Kelvin sign is a k, so that two readers may
// differ about a "chunked"; and its tables are 13 KB of a program, its searches for
// more than a byte another 12.
package ascii

import "strings"

// Lower returns s with A to Z in lower case, s itself where none is in it.
func Lower(s string) string {
	for i := range len(s) {
		if LowerByte(s[i]) != s[i] {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = LowerByte(b[i])
			}
			return string(b)
		}
	}
	return s
}

// EqualFold reports whether s and t are the same but for the case of A to Z.
func EqualFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if LowerByte(s[i]) != LowerByte(t[i]) {
			return false
		}
	}
	return true
}

// Trim takes the blanks and tabs off both ends of s.
func Trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// Cut is what stands before and after the first c in s; all of it, and nothing, where there is none.
func Cut(s string, c byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// IndexAny is where the first of set's characters stands in s, -1 where none does.
func IndexAny(s, set string) int {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) >= 0 {
			return i
		}
	}
	return -1
}

// Hex is the value of a hexadecimal digit.
func Hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// LowerByte is c in lower case, if it is one of A to Z.
func LowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
