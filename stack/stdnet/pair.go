package stdnet

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Pair starts two stacks joined by a link.Pipe with an MTU of 1500, for tests and
// examples: no device, no kernel. What a and b leave out has a default; their
// Links are Pair's. Without Prefixes the first is 192.0.2.1/24 and the second
// 192.0.2.2/24. Close both; closing one ends the link of the other.
func Pair(a, b stack.Config) (first, second *stack.Stack, err error) {
	const depth = 1024 // packets each way
	la, lb := link.NewPipe(link.Features{MTU: 1500}, depth)
	a.Link, b.Link = la, lb
	if a.Prefixes == nil {
		a.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
	}
	if b.Prefixes == nil {
		b.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}
	}
	if first, err = stack.New(a); err != nil {
		_ = lb.Close()
		return nil, nil, err
	}
	if second, err = stack.New(b); err != nil {
		_ = first.Close()
		return nil, nil, err
	}
	return first, second, nil
}
