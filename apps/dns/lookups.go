package dns

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// The calls here have the shapes of package net's of the same names, without its types.

// LookupHost finds a host's addresses as text, IPv4 first.
func (c *Client) LookupHost(ctx context.Context, host string) ([]string, error) {
	_, addrs, err := c.addrs(ctx, host, TypeA, TypeAAAA)
	out := make([]string, len(addrs))
	for i, at := range addrs {
		out[i] = at.String()
	}
	return out, err
}

// LookupNetIP finds a host's addresses. network is "ip", "ip4" or "ip6".
func (c *Client) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	types := []Type{TypeA, TypeAAAA}
	switch network {
	case "ip4":
		types = types[:1]
	case "ip6":
		types = types[1:]
	}
	_, addrs, err := c.addrs(ctx, host, types...)
	return addrs, err
}

// LookupCNAME finds the name that a host's addresses are at.
func (c *Client) LookupCNAME(ctx context.Context, host string) (string, error) {
	a, _, err := c.addrs(ctx, host, TypeA, TypeAAAA)
	if err != nil {
		return "", err
	}
	return a.Canonical, nil
}

// LookupAddr finds the names of an address.
func (c *Client) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	at, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, badName(addr, "it is not an address")
	}
	a, err := c.Lookup(ctx, Reverse(at), TypePTR)
	if err != nil {
		return nil, err
	}
	return a.targets(), nil
}

// LookupNS finds the names of a zone's servers.
func (c *Client) LookupNS(ctx context.Context, name string) ([]string, error) {
	a, err := c.search(ctx, name, TypeNS)
	if err != nil {
		return nil, err
	}
	return a.targets(), nil
}

// LookupTXT finds texts; the parts of each are joined.
func (c *Client) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := c.search(ctx, name, TypeTXT)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range a.Records {
		if d, ok := r.Data.(*dnsmessage.TXTResource); ok {
			out = append(out, strings.Join(d.TXT, ""))
		}
	}
	return out, nil
}

// An MX is a host that takes mail.
type MX struct {
	Host  string
	Pref  uint16       // lower is asked first
	Addrs []netip.Addr // where they came along with the answer, or were known
}

// LookupMX finds who takes a domain's mail, in the order to try them.
func (c *Client) LookupMX(ctx context.Context, name string) ([]MX, error) {
	a, err := c.search(ctx, name, TypeMX)
	if err != nil {
		return nil, err
	}
	var out []MX
	for _, r := range a.Records {
		if d, ok := r.Data.(*dnsmessage.MXResource); ok {
			out = append(out, MX{text(&d.MX), d.Pref, c.along(a, text(&d.MX))})
		}
	}
	slices.SortStableFunc(out, func(x, y MX) int { return cmp.Compare(x.Pref, y.Pref) })
	return out, nil
}

// along are the addresses of a host that came with a, else those in the cache.
func (c *Client) along(a *Answer, host string) []netip.Addr {
	var out []netip.Addr
	for _, r := range a.Along {
		if ascii.EqualFold(r.Name, host) {
			out = append(out, address(&r)...)
		}
	}
	if n, err := ParseName(host); err == nil && len(out) == 0 {
		for _, t := range []Type{TypeA, TypeAAAA} {
			b := &Answer{Name: n, Type: t, Canonical: n}
			if done, err := c.known(b); done && err == nil {
				out = append(out, b.Addrs()...)
			}
		}
	}
	return out
}

// An SRV is where a service is (RFC 2782).
type SRV struct {
	Target                 string
	Port, Priority, Weight uint16
}

// LookupSRV finds a service, in the order of priorities; among equals the heavier first.
func (c *Client) LookupSRV(ctx context.Context, service, proto, name string) ([]SRV, error) {
	if service != "" || proto != "" {
		name = "_" + service + "._" + proto + "." + name
	}
	a, err := c.search(ctx, name, TypeSRV)
	if err != nil {
		return nil, err
	}
	var out []SRV
	for _, r := range a.Records {
		if d, ok := r.Data.(*dnsmessage.SRVResource); ok {
			out = append(out, SRV{text(&d.Target), d.Port, d.Priority, d.Weight})
		}
	}
	slices.SortStableFunc(out, func(x, y SRV) int {
		return cmp.Or(cmp.Compare(x.Priority, y.Priority), cmp.Compare(y.Weight, x.Weight))
	})
	return out, nil
}

// targets are the names that records lead to.
func (a *Answer) targets() []string {
	var out []string
	for _, r := range a.Records {
		if name := target(&r); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// target is the name of the host that a record leads to, "" if it leads to none.
func target(r *Record) string {
	var to *dnsmessage.Name
	switch d := r.Data.(type) {
	case *dnsmessage.NSResource:
		to = &d.NS
	case *dnsmessage.PTRResource:
		to = &d.PTR
	case *dnsmessage.MXResource:
		to = &d.MX
	case *dnsmessage.SRVResource:
		to = &d.Target
	default:
		return ""
	}
	return text(to)
}

func address(r *Record) []netip.Addr {
	switch d := r.Data.(type) {
	case *dnsmessage.AResource:
		return []netip.Addr{netip.AddrFrom4(d.A)}
	case *dnsmessage.AAAAResource:
		return []netip.Addr{netip.AddrFrom16(d.AAAA)}
	}
	return nil
}
