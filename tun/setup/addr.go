package setup

import (
	"fmt"
	"net/netip"
)

// KernelAddr returns the address of the kernel's side of a TUN whose other
// side, ours, has prefix.Addr(): the first other host address of the prefix.
// 192.0.2.2/24 gives 192.0.2.1, and 192.0.2.1/24 gives 192.0.2.2.
func KernelAddr(prefix netip.Prefix) (netip.Addr, error) {
	if err := checkPrefix(prefix); err != nil {
		return netip.Addr{}, err
	}
	first := prefix.Masked().Addr().Next()
	if first == prefix.Addr() {
		first = first.Next()
	}
	if !usable(first) { // of a very short prefix
		return netip.Addr{}, fmt.Errorf("setup: %v: the kernel's side would be %v: %w", prefix, first, ErrNotUsable)
	}
	return first, nil
}

// checkPrefix says whether prefix is an address that a host may have in a
// network with room for two.
func checkPrefix(prefix netip.Prefix) error {
	if !prefix.IsValid() || !prefix.Addr().Is4() || prefix.Bits() < 1 || prefix.Bits() > 30 {
		return fmt.Errorf("setup: %v: %w", prefix, ErrPrefix)
	}
	if a := prefix.Addr(); a == prefix.Masked().Addr() || a == broadcast(prefix) {
		return fmt.Errorf("setup: %v: %w", prefix, ErrNotHost)
	}
	if !usable(prefix.Addr()) {
		return fmt.Errorf("setup: %v: %w", prefix, ErrNotUsable)
	}
	return nil
}

// usable says whether a host may have the address: neither "this network",
// loopback, multicast nor reserved (RFC 6890 2.2.2).
func usable(a netip.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224
}

func broadcast(prefix netip.Prefix) netip.Addr {
	b := prefix.Masked().Addr().As4()
	for i := prefix.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
