package vnet

import (
	"golang.org/x/sys/unix"
)

// ifFlags is what TUNGETIFF grants: the truth about a descriptor.
type ifFlags struct {
	name  string
	flags uint16
}

func (f ifFlags) header() bool { return f.flags&unix.IFF_VNET_HDR != 0 }

// tun reports whether each read and write is an IP packet, as far as the
// kernel tells: in TUNGETIFF's answer the bit of IFF_NO_PI says that there is
// no filter, so that packet information goes unseen.
func (f ifFlags) tun() bool { return f.flags&(unix.IFF_TUN|unix.IFF_TAP) == unix.IFF_TUN }

// several reports whether the device may have several queues.
func (f ifFlags) several() bool { return f.flags&unix.IFF_MULTI_QUEUE != 0 }

func getIff(fd int) (ifFlags, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return ifFlags{}, err
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, req); err != nil {
		return ifFlags{}, err
	}
	return ifFlags{name: req.Name(), flags: req.Uint16()}, nil
}

// setIff attaches fd to the device of that name, making it if it is not there;
// more are IFF_ flags beside the usual ones.
func setIff(fd int, name string, more uint16) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | more)
	return unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
}

func getMTU(ctl int, name string) (int, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(ctl, unix.SIOCGIFMTU, req); err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

// flagsOf returns an interface's IFF_ flags.
func flagsOf(ctl int, name string) (uint16, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(ctl, unix.SIOCGIFFLAGS, req); err != nil {
		return 0, err
	}
	return req.Uint16(), nil
}

func setMTU(ctl int, name string, mtu int) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint32(uint32(mtu))
	return unix.IoctlIfreq(ctl, unix.SIOCSIFMTU, req)
}

// exists reports whether an interface of that name is in this thread's namespace.
func exists(name string) bool {
	ctl, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(ctl)
	_, err = getMTU(ctl, name)
	return err == nil
}
