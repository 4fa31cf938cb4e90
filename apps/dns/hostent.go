package dns

import (
	"context"
	"net/netip"
)

// A HostEnt is what gethostbyname(3) returns.
type HostEnt struct {
	Name     string       // h_name: the official name
	Aliases  []string     // h_aliases
	AddrType int          // h_addrtype: AF_INET
	Length   int          // h_length: bytes of an address
	AddrList []netip.Addr // h_addr_list
}

const afINET = 2

// An HErrno is what gethostbyname(3) leaves in h_errno.
type HErrno int

// The values of h_errno.
const (
	HostNotFound HErrno = 1 + iota // the name does not exist
	TryAgain                       // no server answered, for now
	NoRecovery                     // a server answered with an error
	NoAddress                      // the name exists and has no address (NO_DATA)
)

// Error says what herror(3) would.
func (e HErrno) Error() string {
	switch e {
	case HostNotFound:
		return "unknown host"
	case TryAgain:
		return "host name lookup failure"
	case NoRecovery:
		return "unknown server error"
	case NoAddress:
		return "no address associated with name"
	}
	return "unknown resolver error"
}

// GetHostByName is gethostbyname(3): a host's IPv4 addresses, its official name and its aliases. It blocks until
// it knows. The error is an HErrno.
func (c *Client) GetHostByName(name string) (*HostEnt, error) {
	h := &HostEnt{AddrType: afINET, Length: 4}
	a, addrs, err := c.addrs(context.Background(), name, TypeA)
	if err != nil {
		return nil, herrno(err)
	}
	if h.Name = a.Canonical; h.Name != name {
		h.Name = trimDot(h.Name)
	}
	for _, r := range a.Chain {
		h.Aliases = append(h.Aliases, trimDot(a.SpeltName(r.Name)))
	}
	for _, at := range addrs {
		if at.Is4() {
			h.AddrList = append(h.AddrList, at)
		}
	}
	if len(h.AddrList) == 0 {
		return nil, NoAddress
	}
	return h, nil
}

func herrno(err error) HErrno {
	e, ok := err.(*Error)
	if !ok {
		return TryAgain
	}
	switch e.Kind {
	case ErrNXDomain, ErrBadName:
		return HostNotFound
	case ErrNoData:
		return NoAddress
	case ErrTimeout, ErrUnreachable, ErrNoServers:
		return TryAgain
	}
	return NoRecovery
}

// trimDot takes the final dot off a name.
func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
