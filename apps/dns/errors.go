package dns

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
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

// sentences are what an Error says, by kind. In them stand %n for the name, %t for the type, %w for who was asked,
// %r for the code that they answered, %c for the cause, %y for why it is no name and %k for the kind in short.
var sentences = [...]string{
	ErrBadName:     `"%n" is not a name: %y; correct it`,
	ErrNoServers:   "cannot ask for %n: no name server is configured; name one",
	ErrNXDomain:    "no such name: %n (%w says NXDOMAIN); check the spelling",
	ErrNoData:      "%n exists but has no %t record (says %w); ask for another type",
	ErrRefused:     "%w answered %r for %n %t; try again later, or ask another server",
	ErrLame:        "%w is no authority for %n and asks no other server; ask a recursive server",
	ErrTimeout:     "no answer for %n from %w in time; check that a name server runs there and a route leads to it, or ask another",
	ErrUnreachable: "cannot ask %w for %n%c; check the address and the route, or ask another server",
	ErrBadReply:    "%w sent no proper answer for %n%c; ask another server",
	ErrLoop:        "the CNAME records of %n lead in a circle or more than 12 steps away; its zone needs mending",
	ErrBudget:      "asking for %n took 30 packets and led to no answer; the delegations on the way to it need mending",
	ErrTooLong:     "a DNAME record makes %n longer than 255 bytes; ask for a shorter name",
}

const (
	sayRefused    = "%w answered REFUSED for %n %t: this server does not serve that name, or not to us; ask another server"
	sayRemembered = "asking for %n %t led to nothing a short while ago (%k) and is not tried again yet; wait a little"
)

func (e *Error) Error() string {
	says := e.Kind.Error()
	switch {
	case e.Err == errRemembered:
		says = sayRemembered
	case e.Kind == ErrRefused && e.RCode == dnsmessage.RCodeRefused:
		says = sayRefused
	case int(e.Kind) < len(sentences):
		says = sentences[e.Kind]
	}
	var out []byte
	for says != "" {
		plain, rest, found := ascii.Cut(says, '%')
		out = append(out, plain...)
		if says = rest; found {
			out = append(out, e.word(says[0])...)
			says = says[1:]
		}
	}
	return string(out)
}

// word is what stands in a sentence for a letter.
func (e *Error) word(letter byte) string {
	switch letter {
	case 'n':
		name := Escape(strings.TrimSuffix(e.Name, "."))
		if name == "" && e.Kind != ErrBadName {
			name = "."
		}
		return name
	case 't':
		return TypeString(e.Type)
	case 'w':
		return e.who()
	case 'r':
		return RCodeString(e.RCode)
	case 'c':
		return e.cause()
	case 'y':
		return e.why
	}
	return e.Kind.Error()
}

// who names the servers asked.
func (e *Error) who() string {
	switch {
	case len(e.Servers) > 0:
	case e.cached:
		return "the cache"
	default:
		return "the server"
	}
	who := e.Servers[0].String()
	for _, s := range e.Servers[1:] {
		who += ", " + s.String()
	}
	return who
}

func (e *Error) cause() string {
	if e.Err == nil {
		return ""
	}
	return ": " + e.Err.Error()
}
