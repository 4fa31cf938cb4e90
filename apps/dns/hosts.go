package dns

import (
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// Hosts are the names that a hosts file gives to addresses (hosts(5)). The zero value knows none.
type Hosts struct {
	addrs map[string][]netip.Addr // by name in small letters, with the final dot
	names map[netip.Addr][]string // as they are spelt
}

// ParseHosts reads a hosts file. Lines that are none are passed over, as everybody does.
func ParseHosts(file string) *Hosts {
	h := &Hosts{addrs: map[string][]netip.Addr{}, names: map[netip.Addr][]string{}}
	for line := range strings.Lines(file) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		addr = addr.Unmap().WithZone("")
		for _, w := range words[1:] {
			n, err := ParseName(w)
			if err != nil {
				continue
			}
			low := ascii.Lower(n)
			h.addrs[low] = append(h.addrs[low], addr)
			h.names[addr] = append(h.names[addr], n)
		}
	}
	return h
}

// answer fills a from the hosts file. There, a name that has an address has no other sort of it.
func (h *Hosts) answer(a *Answer) (done bool, err error) {
	low := ascii.Lower(a.Canonical)
	if h == nil {
		h = &Hosts{}
	}
	addrs := h.addrs[low]
	if within(low, "localhost.") && len(addrs) == 0 { // RFC 6761 6.3: never asked for
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	switch a.Type {
	case TypeA, TypeAAAA:
		for _, at := range addrs {
			if at.Is4() == (a.Type == TypeA) {
				a.Records = append(a.Records, addressRecord(a.Canonical, at))
			}
		}
	case TypePTR:
		at, ok := fromReverse(low)
		if !ok || len(h.names[at]) == 0 {
			return false, nil
		}
		a.Records = []Record{{Name: a.Canonical, Type: TypePTR, Class: 1, Data: readData(TypePTR, appendName(nil, h.names[at][0]))}}
	default:
		return false, nil
	}
	if len(a.Records) == 0 && len(addrs) == 0 {
		return false, nil
	}
	a.Source = Source{Kind: FromHosts}
	if len(a.Records) == 0 {
		return true, a.error(ErrNoData, netip.AddrPort{}, nil)
	}
	return true, nil
}

// addressRecord is an A or AAAA record.
func addressRecord(name string, at netip.Addr) Record {
	t := TypeA
	if at.Is6() {
		t = TypeAAAA
	}
	return Record{Name: name, Type: t, Class: 1, Data: readData(t, at.AsSlice())}
}
