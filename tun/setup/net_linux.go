package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// SetUp sets an interface up.
func SetUp(name string) error {
	return withLink(name, "set up", netlink.LinkSetUp)
}

// SetDown sets an interface down. Its routes go; its addresses stay.
func SetDown(name string) error {
	return withLink(name, "set down", netlink.LinkSetDown)
}

// Delete deletes an interface.
func Delete(name string) error {
	return withLink(name, "delete", netlink.LinkDel)
}

// SetMTU sets an interface's MTU in bytes.
func SetMTU(name string, mtu int) error {
	return withLink(name, "set the MTU of", func(l netlink.Link) error { return netlink.LinkSetMTU(l, mtu) })
}

// SetTxQueueLen sets how many packets an interface's queue holds.
func SetTxQueueLen(name string, packets int) error {
	return withLink(name, "set the queue of", func(l netlink.Link) error { return netlink.LinkSetTxQLen(l, packets) })
}

// AddAddr gives an interface an address; the prefix becomes on-link when it is up.
func AddAddr(name string, prefix netip.Prefix) error {
	return withLink(name, "give an address to", func(l netlink.Link) error {
		return netlink.AddrAdd(l, &netlink.Addr{IPNet: ipNet(prefix)})
	})
}

// NoIPv6 keeps the kernel from soliciting on an interface where nobody speaks
// IPv6; call it before SetUp. A kernel without IPv6 needs nothing.
func NoIPv6(name string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6"), []byte("1"), 0); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Containers have /proc/sys read-only. Without an address of its own the
	// interface is silent, too; where even that is refused it talks, no more.
	const addrGenModeNone = 1 // IN6_ADDR_GEN_MODE_NONE
	return withLink(name, "turn IPv6 off on", func(l netlink.Link) error {
		_ = netlink.LinkSetIP6AddrGenMode(l, addrGenModeNone)
		return nil
	})
}

// AddRoute routes dst to an interface, through the gateway via if that is valid.
func AddRoute(name string, dst netip.Prefix, via netip.Addr) error {
	return withLink(name, "route to", func(l netlink.Link) error {
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst.Masked()), Scope: netlink.SCOPE_LINK}
		if via.IsValid() {
			r.Gw, r.Scope = via.AsSlice(), netlink.SCOPE_UNIVERSE
		}
		return netlink.RouteAdd(r)
	})
}

// AddTUN makes a persistent TUN for a user and a group, with a queue of
// txQueueLen packets; -1 is nobody, who is root. It is not up and has no address.
func AddTUN(name string, uid, gid int) error { return addTUN(name, uid, gid, false) }

func addTUN(name string, uid, gid int, several bool) error {
	if err := makeTUN(name, uid, gid, several); err != nil {
		return fmt.Errorf("setup: cannot make %s: %w", name, err)
	}
	return SetTxQueueLen(name, txQueueLen)
}

// txQueueLen is longer than any window: a TUN that drops because its queue is
// full cuts a download to a tenth.
const txQueueLen = 10000

func makeTUN(name string, uid, gid int, several bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) || err == unix.ENODEV || err == unix.ENXIO {
		return ErrNoTUN
	}
	if err != nil {
		return meaning(err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return ErrName
	}
	flags := uint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL) // never one that exists
	if several {
		flags |= unix.IFF_MULTI_QUEUE
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return meaning(err)
	}
	for _, owner := range []struct {
		request uint
		id      int
	}{{unix.TUNSETOWNER, uid}, {unix.TUNSETGROUP, gid}} {
		if owner.id < 0 {
			continue
		}
		if err := unix.IoctlSetInt(fd, owner.request, owner.id); err == unix.EINVAL {
			return ErrNoUser
		} else if err != nil {
			return meaning(err)
		}
	}
	return meaning(unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1))
}

// AddVeth makes a pair of interfaces, a in namespace na and b in nb, both up.
func AddVeth(na *NetNS, a string, nb *NetNS, b string) error {
	return na.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = a
		pair := &netlink.Veth{LinkAttrs: attrs, PeerName: b, PeerNamespace: netlink.NsFd(int(nb.h))}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("setup: cannot make the pair %s and %s: %w", a, b, meaning(err))
		}
		return errors.Join(SetUp(a), inOther(na, nb, func() error { return SetUp(b) }))
	})
}

// inOther runs f in nb while we are in na.
func inOther(na, nb *NetNS, f func() error) error {
	if na == nb {
		return f()
	}
	return nb.Do(f)
}

// withLink does one thing to an interface; what says what, for the error.
func withLink(name, what string, f func(netlink.Link) error) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = f(l)
	}
	if err != nil {
		return fmt.Errorf("setup: cannot %s %s: %w", what, name, meaning(err))
	}
	return nil
}

// meaning replaces errnos that have a remedy by an error that names it.
func meaning(err error) error {
	var missing netlink.LinkNotFoundError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing), errors.Is(err, unix.ENODEV):
		return ErrNoInterface
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return denied()
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return fmt.Errorf("it exists already: %w", err)
	}
	return err
}

// denied is what EPERM means: run as root, and where we are, with root's capabilities.
func denied() error {
	if isRoot() {
		return ErrNoCaps
	}
	return ErrPermission
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
