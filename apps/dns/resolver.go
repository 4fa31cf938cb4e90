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

	// Rand gives IDs, ports and letter case. nil: the system's randomness.
	Rand io.Reader

	// TCPOnly never asks over UDP.
	TCPOnly bool

	// NoEDNS sends no OPT record: answers are then at most 512 bytes, or come over TCP.
	NoEDNS bool

	// NoMixedCase sends names as they were given, in place of random letter case.
	NoMixedCase bool

	// KeepTruncated takes an answer that was cut short over UDP as it is, with the records that fitted.
	KeepTruncated bool

	// Flags go into every question. The zero value asks for recursion and nothing else.
	Flags Flags

	// Observe hears of every exchange as it ends, in the goroutine that made it. nil: nobody.
	Observe func(*Exchange)

	// Carry takes one message to a server and brings what answers, in place of API's sockets: for
	// simulations, and for transports that are none of ours. An error ends the exchange. nil: API.
	Carry func(over Transport, server netip.AddrPort, query []byte, deadline time.Time) ([]byte, error)

	// Now is the time, of which only differences count. nil: time.Now.
	Now func() time.Time
}

// Flags are what a question may ask for beside its records.
type Flags struct {
	NoRecursion      bool   // RD clear: the server is to say only what it knows itself
	CheckingDisabled bool   // CD (RFC 4035 3.2.2)
	AuthenticData    bool   // AD (RFC 6840 5.7)
	DNSSEC           bool   // DO: signatures too (RFC 3225)
	UDPSize          uint16 // most bytes in one datagram, at most 1232; 0: 1232
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
	a := &Answer{Name: n, Type: t, Canonical: n}
	return a, r.resolve(newJob(deadline), a)
}

// Ask puts one question to the servers as dig(1) does: where the answer is an alias, nothing more is asked.
// The error and the Answer are as Lookup's.
func (r *Resolver) Ask(name string, t Type, deadline time.Time) (*Answer, error) {
	n, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	j, a := newJob(deadline), &Answer{Name: n, Type: t, Canonical: n}
	x, err := r.ask(j, n, t)
	a.Exchanges = j.exchanges
	if err != nil {
		return a, err
	}
	a.from(x)
	if err := a.follow(x); err != nil || len(a.Records) > 0 {
		return a, err
	}
	return a, a.nothing(x)
}

// resolve goes on from where a's chain has come to.
func (r *Resolver) resolve(j *job, a *Answer) error {
	defer func() { a.Exchanges = j.exchanges }()
	for {
		hops := len(a.Chain)
		x, err := r.ask(j, a.Canonical, a.Type)
		if err != nil {
			return err
		}
		a.from(x)
		if err := a.follow(x); err != nil {
			return err
		}
		if len(a.Records) > 0 {
			return nil
		}
		if len(a.Chain) == hops || x.Message.RCode == dnsmessage.RCodeNameError || hasSOA(x.Message) {
			a.keepSOA(x.Message, ".")
			return a.nothing(x)
		}
		// The chain leaves what this server knows: ask for its end.
	}
}

// ask goes through the servers until one gives an answer to go by.
func (r *Resolver) ask(j *job, name string, t Type) (*Exchange, error) {
	if len(r.Servers) == 0 {
		return nil, &Error{Kind: ErrNoServers, Name: name, Type: t}
	}
	failed := &Error{Kind: ErrTimeout, Name: name, Type: t}
	for round := range r.attempts() {
		for _, server := range r.Servers {
			if server.Port() == 0 {
				server = netip.AddrPortFrom(server.Addr(), Port)
			}
			if round == 0 {
				failed.Servers = append(failed.Servers, server)
			}
			x, err := r.try(j, server, name, t, j.until(r.now().Add(r.timeout())))
			if err != nil {
				return nil, err
			}
			if usable(x) {
				return x, nil
			}
			blame(failed, x)
			if j.over(r.now()) {
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
// an answer says more than a failure, and a failure more than silence. (No method: an error's type is
// known to reflection, and all that it leads to with all its methods.)
func blame(e *Error, x *Exchange) {
	kind, err := ErrUnreachable, x.Err
	switch {
	case x.Message != nil:
		kind, err, e.RCode = ErrRefused, nil, x.Message.RCode
	case e.Kind == ErrRefused || timedOut(x.Err):
		return
	case x.Transport == TCP && (x.Ignored > 0 || x.Err == errShort):
		kind = ErrBadReply
	}
	e.Kind, e.Err, e.Servers = kind, err, []netip.AddrPort{x.Server}
}

// try asks one server: over UDP first, then as its answers call for. It has an error only where nothing was sent.
func (r *Resolver) try(j *job, server netip.AddrPort, name string, t Type, deadline time.Time) (*Exchange, error) {
	edns, over := !r.NoEDNS, UDP
	if r.TCPOnly {
		over = TCP
	}
	for {
		q, err := r.newQuery(name, t, edns)
		if err == nil {
			err = j.spend()
		}
		if err != nil {
			return nil, &Error{Kind: kindOf(err), Name: name, Type: t, Servers: []netip.AddrPort{server}, Err: err}
		}
		x := r.exchange(over, server, q, deadline)
		j.exchanges = append(j.exchanges, x)
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

func (r *Resolver) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
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
