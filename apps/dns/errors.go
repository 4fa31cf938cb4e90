package dns

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// A Kind is what became of a question. It is an error too, so that
// errors.Is(err, dns.ErrNXDomain) asks for it.
type Kind uint8

// The kinds.
const (
	ErrBadName     Kind = 1 + iota // not a name: nothing was asked
	ErrNoServers                   // no server is configured: nothing was asked
	ErrNXDomain                    // the name does not exist
	ErrNoData                      // the name exists and has no record of that type
	ErrRefused                     // every server answered with an error: SERVFAIL, REFUSED, FORMERR ...
	ErrLame                        // the servers neither are an authority for the name nor ask others
	ErrTimeout                     // no believable answer in time
	ErrUnreachable                 // the question could not be sent, or the server's host said no
	ErrBadReply                    // a server's stream brought something that is no answer
	ErrLoop                        // the CNAME chain is longer than 12, or a circle
	ErrBudget                      // the question takes more packets than one may cost
	ErrTooLong                     // a DNAME record makes a name that is longer than 255 bytes
)

var kindTexts = [...]string{
	"", "bad name", "no name server", "no such name", "no data of this type", "the server failed",
	"the server does not know and does not ask", "no answer in time", "server not reachable", "bad answer", "CNAME loop", "too much work", "name too long",
}

// errRemembered is the cause of a failure that is not tried again yet.
var errRemembered = errors.New("it failed a short while ago, and is not tried again yet")

// Error names the kind.
func (k Kind) Error() string {
	if int(k) < len(kindTexts) {
		return kindTexts[k]
	}
	return "unknown"
}

// An Error is why a Lookup has no records. It is one line: what happened, and what to do.
type Error struct {
	Kind    Kind
	Name    string           // the name asked for last: the one asked for, or where its CNAMEs led
	Type    Type             // the type asked for
	Servers []netip.AddrPort // who was asked
	RCode   RCode            // what the last of them answered, for ErrRefused and ErrNXDomain
	Err     error            // the cause, where there is one: a syscall.Errno from the calls

	why    string
	cached bool // the cache says so
}

// Unwrap gives the kind and the cause to errors.Is.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func (e *Error) Error() string {
	name := Escape(strings.TrimSuffix(e.Name, "."))
	if name == "" && e.Kind != ErrBadName {
		name = "."
	}
	what := TypeString(e.Type)
	if e.Err == errRemembered {
		return "asking for " + name + " " + what + " led to nothing a short while ago (" + e.Kind.Error() + ") and is not tried again yet; wait a little"
	}
	switch e.Kind {
	case ErrBadName:
		return `"` + name + `" is not a name: ` + e.why + "; correct it"
	case ErrNoServers:
		return "cannot ask for " + name + ": no name server is configured; name one"
	case ErrNXDomain:
		return "no such name: " + name + " (" + e.who() + " says NXDOMAIN); check the spelling"
	case ErrNoData:
		return name + " exists but has no " + what + " record (says " + e.who() + "); ask for another type"
	case ErrRefused:
		if e.RCode == dnsmessage.RCodeRefused {
			return e.who() + " answered REFUSED for " + name + " " + what + ": this server does not serve that name, or not to us; ask another server"
		}
		return e.who() + " answered " + RCodeString(e.RCode) + " for " + name + " " + what + "; try again later, or ask another server"
	case ErrLame:
		return e.who() + " is no authority for " + name + " and asks no other server; ask a recursive server"
	case ErrTimeout:
		return "no answer for " + name + " from " + e.who() + " in time; check that a name server runs there and a route leads to it, or ask another"
	case ErrUnreachable:
		return "cannot ask " + e.who() + " for " + name + e.cause() + "; check the address and the route, or ask another server"
	case ErrBadReply:
		return e.who() + " sent no proper answer for " + name + e.cause() + "; ask another server"
	case ErrLoop:
		return "the CNAME records of " + name + " lead in a circle or more than 12 steps away; its zone needs mending"
	case ErrBudget:
		return "asking for " + name + " took " + strconv.Itoa(maxPackets) + " packets and led to no answer; the delegations on the way to it need mending"
	case ErrTooLong:
		return "a DNAME record makes " + name + " longer than 255 bytes; ask for a shorter name"
	}
	return e.Kind.Error()
}

// who names the servers asked.
func (e *Error) who() string {
	switch {
	case len(e.Servers) == 0 && e.cached:
		return "the cache"
	case len(e.Servers) == 0:
		return "the server"
	}
	var b strings.Builder
	for i, s := range e.Servers {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.String())
	}
	return b.String()
}

func (e *Error) cause() string {
	if e.Err == nil {
		return ""
	}
	return ": " + e.Err.Error()
}
