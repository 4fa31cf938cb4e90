package setup

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Lookup says what an interface is, with the state that Up left in dir (empty
// for DefaultDir) if it made it. ErrNoInterface says that there is none of that name.
func Lookup(dir, name string) (*Info, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("setup: %s: %w", name, err)
	}
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("setup: %s: %w", name, meaning(err))
	}
	a := l.Attrs()
	info := &Info{Name: a.Name, Index: a.Index, MTU: a.MTU, Up: a.Flags&net.FlagUp != 0}
	if t, ok := l.(*netlink.Tuntap); ok {
		info.TUN = t.Mode == netlink.TUNTAP_MODE_TUN
		info.Persistent = !t.NonPersist
		info.MultiQueue = t.Flags&netlink.TUNTAP_MULTI_QUEUE != 0
		info.UID = int(t.Owner)
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("setup: cannot list the addresses of %s: %w", name, meaning(err))
	}
	for _, a := range addrs {
		if p, ok := prefixOf(a.IPNet); ok {
			info.Addrs = append(info.Addrs, p)
		}
	}
	return info, info.attach(dir)
}

// prefixOf is an IPv4 network or address with its network; false: n is neither.
func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP.To4())
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip, bits), ok
}

// attach adds the state, unless it speaks of another interface of this name.
func (info *Info) attach(dir string) error {
	st, err := Load(dir, info.Name)
	if errors.Is(err, ErrNotUp) {
		return nil
	}
	if err != nil {
		return err
	}
	ns, err := currentNetNS()
	if err != nil {
		return err
	}
	if st.NetNS == ns && (st.Index == 0 || st.Index == info.Index) {
		info.State = st
	}
	return nil
}
