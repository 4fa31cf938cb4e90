package vnet

import "errors"

// What can go wrong, for errors.Is. Each text says what to do; the error that
// wraps it names the device.
var (
	ErrNotSupported = errors.New("TUN devices need Linux: run this on Linux, or use an in-memory link")
	ErrNoTUN        = errors.New("this system has no /dev/net/tun: run `modprobe tun`, or start the container with --device /dev/net/tun")
	ErrNoAccess     = errors.New("/dev/net/tun may not be opened: run as root, or `chmod 0666 /dev/net/tun`, or start the container with --device /dev/net/tun")
	ErrPermission   = errors.New("permission denied: run as root, or make the device yours first with `sudo sockeye up`")
	ErrBusy         = errors.New("another program has the device open: stop it, or choose another name")
	ErrNameTooLong  = errors.New("the name is longer than 15 bytes: choose a shorter one")
	ErrBadName      = errors.New("not a name for an interface: leave out '/', ':', '%' and spaces")
	ErrNotTUN       = errors.New("an interface of this name exists and is no TUN device: choose another name, or delete it")
	ErrBadMTU       = errors.New("the MTU must be from 68 to 65535 bytes")
	ErrBadFile      = errors.New("the descriptor is not a TUN device: open it with IFF_TUN and IFF_NO_PI")
)

// What happens to a device that is open.
var (
	ErrGone      = errors.New("tun: the device was deleted: make it again and reopen it")
	ErrDown      = errors.New("tun: the device is down: `ip link set NAME up`")
	ErrFull      = errors.New("tun: the device takes no more packets now")
	ErrNoMemory  = errors.New("tun: the kernel has no memory for the packet")
	ErrBadPacket = errors.New("tun: the kernel refuses the packet as malformed")
)

// An OpenError says what could not be done, in one line, and wraps one of this
// package's errors or what the system said.
type OpenError struct {
	What string // "tun: cannot open sockeye0"
	Err  error
}

func (e *OpenError) Error() string { return e.What + ": " + e.Err.Error() }
func (e *OpenError) Unwrap() error { return e.Err }

func failed(what string, err error) error { return &OpenError{what, err} }
