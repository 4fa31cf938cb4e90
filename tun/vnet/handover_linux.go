package vnet

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// FromFile makes a Device of a descriptor that is attached to a TUN already:
// opened with IFF_TUN and IFF_NO_PI, with or without IFF_VNET_HDR, in the
// network namespace of the calling thread. That IFF_NO_PI was set is the caller's
// word: the kernel does not tell. It takes f over, also when it fails.
func FromFile(f *os.File) (*Device, error) { return FromFileWith(f, FileConfig{}) }

// FromFileWith is FromFile for an interface that cannot be asked for its MTU from
// here. It takes f and cfg.Control over, also when it fails.
func FromFileWith(f *os.File, cfg FileConfig) (*Device, error) {
	defer f.Close()
	if cfg.Control != nil {
		defer cfg.Control.Close()
	}
	if cfg.MTU != 0 && (cfg.MTU < MinMTU || cfg.MTU > MaxMTU) {
		return nil, failed("tun", ErrBadMTU)
	}
	// A copy, because only a descriptor that was non-blocking and attached when
	// it became an *os.File is known to the runtime's poller.
	fd, err := duplicate(f)
	if err != nil {
		return nil, failed("tun: cannot use the descriptor", err)
	}
	if flags, err := getIff(fd); err != nil || !flags.tun() {
		_ = unix.Close(fd)
		return nil, failed("tun", ErrBadFile)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, failed("tun: cannot use the descriptor", err)
	}
	how := adoption{handed: true, mtu: cfg.MTU, ctl: -1, queues: 1}
	if cfg.Control != nil {
		if how.ctl, err = duplicate(cfg.Control); err != nil {
			_ = unix.Close(fd)
			return nil, failed("tun: cannot use the control socket", err)
		}
	}
	d, err := adopt(os.NewFile(uintptr(fd), ClonePath), &how)
	if err != nil {
		return nil, failed("tun", err)
	}
	return d, nil
}

func duplicate(f *os.File) (fd int, err error) {
	fd = -1
	err = control(f, func(old uintptr) (err error) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// An adoption says how a device is taken over.
type adoption struct {
	mtu    int  // to be set, or, where handed, what it is; 0: neither
	ctl    int  // a socket for the interface's ioctls; -1: one is made
	queues int  // that it is to have
	handed bool // somebody else has set it up
}

// denied reports whether err says that we may not. A phone lets nobody set the
// offloads of what it hands over; without a virtio header there are none anyway.
func denied(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }
