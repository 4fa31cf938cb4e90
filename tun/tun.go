package tun

import (
	"fmt"
	"os"

	"github.com/sockeye-net/sockeye/tun/vnet"
)

// What is the same with and without offloads lies in package vnet.
type (
	// A Device is a TUN interface that is open; it is a link.Link.
	Device = vnet.Device
	// Config says which device Open opens. The zero value makes a new one that
	// the kernel names, with offloads, and that is gone when it is closed.
	Config = vnet.Config
	// A FileConfig says of a descriptor that was handed over what the kernel does not.
	FileConfig = vnet.FileConfig
	// Stats counts packets since the device was opened.
	Stats = vnet.Stats
)

// MinMTU and MaxMTU bound an MTU in bytes; MaxBatch is how many packets one
// TryRead returns at most.
const (
	MinMTU   = vnet.MinMTU
	MaxMTU   = vnet.MaxMTU
	MaxBatch = vnet.MaxBatch
)

// What can go wrong, for errors.Is; the texts are vnet's.
var (
	ErrNotSupported = vnet.ErrNotSupported
	ErrNoTUN        = vnet.ErrNoTUN
	ErrNoAccess     = vnet.ErrNoAccess
	ErrPermission   = vnet.ErrPermission
	ErrBusy         = vnet.ErrBusy
	ErrNameTooLong  = vnet.ErrNameTooLong
	ErrBadName      = vnet.ErrBadName
	ErrNotTUN       = vnet.ErrNotTUN
	ErrBadMTU       = vnet.ErrBadMTU
	ErrBadFile      = vnet.ErrBadFile
	ErrGone         = vnet.ErrGone
	ErrDown         = vnet.ErrDown
	ErrFull         = vnet.ErrFull
	ErrNoMemory     = vnet.ErrNoMemory
	ErrBadPacket    = vnet.ErrBadPacket
)

// Open attaches to the TUN device of cfg.Name, or makes it: with the kernel's
// offloads where it grants them (Device.Granted says which), otherwise, and
// with cfg.Plain, a plain one through the water library; that knows one queue
// only, so several are package vnet's in either case. The device belongs to
// the network namespace of the calling thread and works from everywhere. It is
// not set up: see tun/setup.
//
// The error is one line that names the device and wraps one of this package's errors.
func Open(cfg Config) (*Device, error) {
	if !cfg.Plain || cfg.Queues > 1 {
		d, err := vnet.Open(cfg)
		if err != nil || d.Features().ChecksumOffload || cfg.Queues > 1 {
			return d, err
		}
		_ = d.Close() // a kernel without virtio headers
	}
	d, err := openPlain(&cfg)
	if err != nil {
		return nil, fmt.Errorf("tun: cannot open %s: %w", cfg.Display(), err)
	}
	return d, nil
}

// FromFile makes a Device of a descriptor that is attached to a TUN already:
// opened with IFF_TUN and IFF_NO_PI, with or without IFF_VNET_HDR, in the
// network namespace of the calling thread. It takes f over, also when it fails.
//
// It is how a phone's VPN service, or another process that may make devices, hands
// one over. What the device does for us is asked of it: see Device.Granted.
func FromFile(f *os.File) (*Device, error) { return vnet.FromFile(f) }

// FromFileWith is FromFile for a descriptor of an interface that cannot be asked
// for its MTU here: it lives in another network namespace, or the system does not
// let us. It takes f and cfg.Control over, also when it fails.
func FromFileWith(f *os.File, cfg FileConfig) (*Device, error) { return vnet.FromFileWith(f, cfg) }
