package dns

import (
	"net/netip"
	"strconv"
)

// A SourceKind is where an answer came from.
type SourceKind uint8

// The kinds of source.
const (
	FromNobody    SourceKind = iota // there is no answer
	FromDigits                      // the name was an address
	FromHosts                       // the hosts file
	FromCache                       // our own cache
	FromAuthority                   // a server that keeps the zone (AA)
	FromRecursive                   // a server that asked others, or had it in its cache
)

var sourceNames = [...]string{"nobody", "the name itself", "the hosts file", "the cache", "an authority", "a recursive server"}

// String names the kind.
func (k SourceKind) String() string {
	if int(k) < len(sourceNames) {
		return sourceNames[k]
	}
	return "unknown"
}

// A Source is who gave an answer.
type Source struct {
	Kind   SourceKind
	Server netip.AddrPort // FromAuthority, FromRecursive: who
}

// Origin says in a phrase where the answer came from, with the seconds left of what was in the cache.
func (a *Answer) Origin() string {
	switch s := a.Source; s.Kind {
	case FromCache:
		return "the cache, " + strconv.FormatUint(uint64(a.Left), 10) + " s left"
	case FromAuthority:
		return s.Server.String() + ", an authority for the zone"
	case FromRecursive:
		return s.Server.String() + ", a recursive server"
	default:
		return s.Kind.String()
	}
}
