package tun

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/tun/vnet"
)

// openPlain attaches to the device through water, which carries one packet per
// read and write and knows no offloads.
func openPlain(cfg *Config) (*Device, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	// The namespace is the thread's: what is tried must be what is opened.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	flags, err := try(cfg.Name)
	if err != nil {
		return nil, err
	}
	file, err := openWater(water.PlatformSpecificParams{Name: cfg.Name,
		Persist: cfg.Persist || flags&unix.IFF_PERSIST != 0, MultiQueue: flags&unix.IFF_MULTI_QUEUE != 0})
	if err != nil {
		return nil, err
	}
	return vnet.Adopt(file, cfg.MTU)
}

// try attaches to the device with a descriptor of our own and lets go again.
// water loses its descriptor when opening fails, and makes a persistent device
// transient unless told that it is persistent, and does not attach to one that
// has several queues unless told so; so all is found out before. flags are IFF_.
func try(name string) (flags uint16, err error) {
	fd, err := vnet.Attach(name, false)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("")
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.TUNGETIFF, req); err != nil {
		return 0, err
	}
	return req.Uint16(), nil
}

// openWater opens through water. It opens without O_CLOEXEC: holding ForkLock
// keeps a child that starts meanwhile from inheriting the descriptor.
func openWater(params water.PlatformSpecificParams) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ifce, err := water.New(water.Config{DeviceType: water.TUN, PlatformSpecificParams: params})
	if err != nil {
		return nil, vnet.AttachError(params.Name, err)
	}
	file, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		_ = ifce.Close()
		return nil, errors.New("the water library returned no file")
	}
	raw, err := file.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) })
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
