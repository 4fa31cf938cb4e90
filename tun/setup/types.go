package setup

import "net/netip"

// DefaultName is the device that `sockeye up` makes when none is named.
const DefaultName = "sockeye0"

// DefaultDir is where Up keeps its states.
const DefaultDir = "/run/sockeye"

// UpConfig says what Up makes.
type UpConfig struct {
	Name       string         // of the TUN; empty: DefaultName
	UID        int            // the user who may open it; 0: root only
	GID        int            // a group whose members alone may open it; 0: no such demand
	Addr       netip.Prefix   // our stack's address; the kernel's side takes KernelAddr
	Routes     []netip.Prefix // what else the kernel is to send to the TUN
	NAT        string         // the interface to masquerade behind; empty: no NAT
	MTU        int            // bytes; 0: the kernel's default, 1500
	MultiQueue bool           // several descriptors may be attached to it at once, each a queue of its own
	Dir        string         // where states are kept; empty: DefaultDir
}

// A State is what Up made, as it lies on disk. Each field from Device on is
// written before the change that it speaks of.
type State struct {
	Name   string       `json:"name"`
	UID    int          `json:"uid"`
	GID    int          `json:"gid,omitempty"`
	Addr   netip.Prefix `json:"addr"`          // our stack's
	Kernel netip.Prefix `json:"kernel"`        // the kernel's on the TUN: our gateway
	NAT    string       `json:"nat,omitempty"` // the interface behind which we are masqueraded
	NetNS  uint64       `json:"netns"`         // inode of the network namespace

	Device  bool   `json:"device"`            // the TUN, with all that ends with it
	Index   int    `json:"index,omitempty"`   // of the TUN; 0: not known to be made
	Forward string `json:"forward,omitempty"` // ip_forward before; empty: not touched
	Table   string `json:"table,omitempty"`   // the nftables table; empty: none

	// Warnings say which routes the device takes packets from, and what stands
	// in the way of NAT and which command mends it, one line each.
	Warnings []string `json:"warnings,omitempty"`
}

// Info is what the kernel says of an interface, and what Up noted about it.
type Info struct {
	Name       string
	Index      int
	MTU        int // bytes
	Up         bool
	TUN        bool           // a TUN, not a TAP or anything else
	Persistent bool           // it stays when nobody has it open
	MultiQueue bool           // a plain device cannot attach to it
	UID        int            // the TUN's owner; 0: root, or none was set
	Addrs      []netip.Prefix // the kernel's own IPv4 addresses: our gateway, our DNS
	State      *State         // nil: not made by Up
}
