package http

import "strings"

// An excuse is why we may take what one of net/http and curl refuses.
type excuse struct {
	who  string          // who refuses
	says string          // in its error
	of   func(made) bool // what may be refused so; nil: anything
	why  string          // the rule by which it is right to take it
}

// excuses are all of them.
var excuses = []excuse{
	{"net/http", "bad trailer key", nil, "a Trailer field may announce anything: we announce nothing and merge nothing (RFC 9110 6.6.2)"},
	{"curl", "Unsupported HTTP version (1.", nil, "a later minor version is read as the highest that is known (RFC 9110 6.2)"},
	{"curl", "curl: 23 ", inMembers, "gzip is a series of members, and net/http undoes all of them (RFC 1952 2.2)"},
}

// excused is the excuse for taking what who refuses with err; nil: there is none.
func excused(who string, m made, err error) *excuse {
	for i, e := range excuses {
		if e.who == who && strings.Contains(err.Error(), e.says) && (e.of == nil || e.of(m)) {
			return &excuses[i]
		}
	}
	return nil
}

// inMembers: the body is gzip of more than one member.
func inMembers(m made) bool { return m.zipped && strings.Count(m.raw, "\x1f\x8b\x08") > 1 }
