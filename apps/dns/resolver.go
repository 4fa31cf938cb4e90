package dns

import (
	"io"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Port is where name servers listen.
const Port = 53

// maxChain is how many CNAME records one Lookup follows (RFC 1034 3.6.2 asks for a limit).
const maxChain = 12

// A Resolver asks name servers. API and Servers are required; every other zero value is a default.
// Its fields are not changed while it is in use; it is safe for concurrent use where API and Rand are.
type Resolver struct {
	API Sockets

	// Servers are asked in this order. Port 0 means 53. IPv4 only, as the stack.
	Servers []netip.AddrPort

	// Timeout is how long one server is waited for, each time. 0: 3 s.
	Timeout time.Duration

	// Attempts is how often the list of servers is gone through. 0: 2.
	Attempts int

	// Rand gives IDs, ports and letter case. nil: crypto/rand.
	Rand io.Reader

	// TCPOnly never asks over UDP.
	TCPOnly bool

	// NoEDNS sends no OPT record: answers are then at most 512 bytes, or come over TCP.
	NoEDNS bool

	// NoMixedCase sends names as they were given, in place of random letter case.
	NoMixedCase bool

	// Observe hears of every exchange as it ends, in the goroutine that made it. nil: nobody.
	Observe func(*Exchange)
}

// LookupA gives the IPv4 addresses of host. An address in digits stands for itself.
func (r *Resolver) LookupA(host string, deadline time.Time) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	a, err := r.Lookup(host, TypeA, deadline)
	if err != nil {
		return nil, err
	}
	return a.Addrs(), nil
}

// Lookup asks for the records of type t at name and follows CNAME records to where they are.
// It ends at deadline at the latest; zero: only Timeout and Attempts bound it.
//
// The error, if any, is an *Error. The Answer is there even then, with what was exchanged,
// unless the name was bad.
func (r *Resolver) Lookup(name string, t Type, deadline time.Time) (*Answer, error) {
	n, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	a := &Answer{Name: n, Type: t, Canonical: text(n)}
	for {
		hops := len(a.Chain)
		x, err := r.ask(a, n, deadline)
		if err != nil {
			return a, err
		}
		if err := a.follow(x); err != nil {
			return a, err
		}
		if len(a.Records) > 0 {
			return a, nil
		}
		if len(a.Chain) == hops || x.Message.RCode == dnsmessage.RCodeNameError || hasSOA(x.Message) {
			return a, a.nothing(x)
		}
		// The chain leaves what this server knows: ask for its end.
		if n, err = dnsmessage.NewName(a.Canonical); err != nil {
			return a, a.error(ErrBadReply, x.Server, err)
		}
	}
}

// ask goes through the servers until one gives an answer to go by.
func (r *Resolver) ask(a *Answer, n dnsmessage.Name, deadline time.Time) (*Exchange, error) {
	if len(r.Servers) == 0 {
		return nil, &Error{Kind: ErrNoServers, Name: a.Canonical, Type: a.Type}
	}
	failed := &Error{Kind: ErrTimeout, Name: a.Canonical, Type: a.Type}
	for round := range r.attempts() {
		for _, server := range r.Servers {
			if server.Port() == 0 {
				server = netip.AddrPortFrom(server.Addr(), Port)
			}
			if round == 0 {
				failed.Servers = append(failed.Servers, server)
			}
			until := time.Now().Add(r.timeout())
			if !deadline.IsZero() && deadline.Before(until) {
				until = deadline
			}
			x, err := r.try(a, server, n, until)
			if err != nil {
				return nil, err
			}
			if usable(x) {
				return x, nil
			}
			failed.blame(x)
			if !deadline.IsZero() && !time.Now().Before(deadline) {
				return nil, failed
			}
		}
	}
	return nil, failed
}

// usable: the server knows that there is something or nothing. Any other code may be its fault alone.
func usable(x *Exchange) bool {
	return x.Message != nil && x.Err == nil &&
		(x.Message.RCode == dnsmessage.RCodeSuccess || x.Message.RCode == dnsmessage.RCodeNameError)
}

// blame makes e tell of x, unless it already tells of something that says more:
// an answer says more than a failure, and a failure more than silence.
func (e *Error) blame(x *Exchange) {
	switch {
	case x.Message != nil:
		e.Kind, e.RCode, e.Err, e.Servers = ErrRefused, x.Message.RCode, nil, []netip.AddrPort{x.Server}
	case e.Kind == ErrRefused || timedOut(x.Err):
	default:
		e.Kind, e.Err, e.Servers = ErrUnreachable, x.Err, []netip.AddrPort{x.Server}
		if x.Transport == TCP && (x.Ignored > 0 || x.Err == errShort) {
			e.Kind = ErrBadReply
		}
	}
}

// try asks one server: over UDP first, then as its answers call for.
func (r *Resolver) try(a *Answer, server netip.AddrPort, n dnsmessage.Name, deadline time.Time) (*Exchange, error) {
	edns, over := !r.NoEDNS, UDP
	if r.TCPOnly {
		over = TCP
	}
	for {
		q, err := r.newQuery(n, a.Type, edns)
		if err != nil {
			return nil, a.error(ErrUnreachable, server, err)
		}
		var x *Exchange
		if over == TCP {
			x = r.askTCP(server, q, deadline)
		} else {
			x = r.askUDP(server, q, deadline)
		}
		a.Exchanges = append(a.Exchanges, x)
		if r.Observe != nil {
			r.Observe(x)
		}
		switch {
		case x.Err != nil:
			return x, nil
		case x.verdict == noEDNS:
			edns = false // it is not said again without EDNS
		case x.Truncated:
			over = TCP // nothing is truncated over TCP
		default:
			return x, nil
		}
	}
}

func (r *Resolver) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return 3 * time.Second
}

func (r *Resolver) attempts() int {
	if r.Attempts > 0 {
		return r.Attempts
	}
	return 2
}
