// Package ascii has what package strings has, for names that are ASCII by their
// grammar: schemes, hosts, fields, tokens. strings folds by Unicode, where the
// Kelvin sign is a k, so that two readers may differ about a "chunked"; and its
// tables are 13 KB of a program.
package ascii

// Lower returns s with A to Z in lower case.
func Lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// EqualFold reports whether s and t are the same but for the case of A to Z.
func EqualFold(s, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
