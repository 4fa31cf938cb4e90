package tun

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

const clonePath = "/dev/net/tun"

// Open attaches to the plain TUN device of cfg.Name, or makes it. The device
// belongs to the network namespace of the calling thread and works from
// everywhere. It is not set up: see tun/setup.
//
// The error is one line that names the device and wraps one of this package's errors.
func Open(cfg Config) (*Device, error) {
	d, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("tun: cannot open %s: %w", display(cfg.Name), err)
	}
	return d, nil
}

func open(cfg Config) (*Device, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	// The namespace is the thread's: what is tried must be what is opened.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	persistent, err := try(cfg.Name)
	if err != nil {
		return nil, err
	}
	file, err := openWater(cfg.Name, cfg.Persist || persistent)
	if err != nil {
		return nil, err
	}
	d, err := newDevice(file)
	if err != nil {
		return nil, err
	}
	if err := d.adopt(cfg.MTU); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (cfg *Config) check() error {
	if len(cfg.Name) >= unix.IFNAMSIZ {
		return ErrNameTooLong
	}
	if cfg.Name == "." || cfg.Name == ".." || strings.ContainsAny(cfg.Name, "/:% \t\r\n\v\f\x00") {
		return ErrBadName
	}
	if cfg.MTU != 0 && (cfg.MTU < MinMTU || cfg.MTU > MaxMTU) {
		return ErrBadMTU
	}
	return nil
}

// try attaches to the device with a descriptor of our own and lets go again.
// water loses its descriptor when opening fails, and makes a persistent device
// transient unless told that it is persistent; so both are found out before.
func try(name string) (persistent bool, err error) {
	fd, err := unix.Open(clonePath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, cloneError(err)
	}
	defer unix.Close(fd)
	if err := setIff(fd, name); err != nil {
		return false, attachError(name, err)
	}
	flags, err := getIff(fd)
	if err != nil {
		return false, err
	}
	return flags.persistent(), nil
}

// openWater opens through water. It opens without O_CLOEXEC: holding ForkLock
// keeps a child that starts meanwhile from inheriting the descriptor.
func openWater(name string, persist bool) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ifce, err := water.New(water.Config{
		DeviceType:             water.TUN,
		PlatformSpecificParams: water.PlatformSpecificParams{Name: name, Persist: persist},
	})
	if err != nil {
		return nil, attachError(name, err)
	}
	file, ok := ifce.ReadWriteCloser.(*os.File)
	if !ok {
		_ = ifce.Close()
		return nil, errors.New("the water library returned no file")
	}
	if err := control(file, func(fd uintptr) error { unix.CloseOnExec(int(fd)); return nil }); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// FromFile makes a Device of a descriptor that is attached to a plain TUN
// already: opened with IFF_TUN and IFF_NO_PI, in the network namespace of the
// calling thread. That IFF_NO_PI was set is the caller's word: the kernel does
// not tell. It takes f over, also when it fails.
func FromFile(f *os.File) (*Device, error) {
	defer f.Close()
	// A copy, because only a descriptor that was non-blocking and attached when
	// it became an *os.File is known to the runtime's poller.
	fd := -1
	err := control(f, func(old uintptr) (err error) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tun: cannot use the descriptor: %w", err)
	}
	if flags, err := getIff(fd); err != nil || !flags.plain() {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("tun: %w", ErrBadFile)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("tun: cannot use the descriptor: %w", err)
	}
	d, err := newDevice(os.NewFile(uintptr(fd), clonePath))
	if err != nil {
		return nil, err
	}
	if err := d.adopt(0); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// adopt brings the interface into the state that a plain device expects. A
// persistent TUN keeps the offload bits of whoever had it last, and would hand
// over packets without checksums.
func (d *Device) adopt(mtu int) error {
	d.awaitCarrier()
	err := d.q.control(func(fd uintptr) error {
		return unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, 0)
	})
	if err != nil {
		return fmt.Errorf("offloads cannot be turned off: %w", err)
	}
	if mtu == 0 || mtu == d.Features().MTU {
		return nil
	}
	if err := setMTU(d.ctl, d.name, mtu); err != nil {
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("the MTU cannot be set: %w", ErrPermission)
		}
		return fmt.Errorf("the MTU cannot be set: %w", err)
	}
	return d.Refresh()
}

// awaitCarrier waits until an interface that is up has noticed that it is
// attached. A persistent TUN that nobody has open is without carrier, and the
// kernel gives it its queue back some time after the attachment; until then it
// drops whatever is sent to us: the answers to our first packets.
// The queue follows the flag under the same lock that TUNSETOFFLOAD takes, so
// that after the next ioctl it is there.
func (d *Device) awaitCarrier() {
	const patience, pause = 2 * time.Second, time.Millisecond // the kernel itself takes a second at most
	for range patience / pause {
		flags, err := flagsOf(d.ctl, d.name)
		if err != nil || flags&(unix.IFF_UP|unix.IFF_RUNNING) != unix.IFF_UP {
			return
		}
		time.Sleep(pause)
	}
}

// control runs f on the descriptor and returns its error.
func (q *queue) control(f func(fd uintptr) error) error { return control(q.file, f) }

func control(file *os.File, f func(fd uintptr) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(fd) }); err != nil {
		return link.ErrClosed
	}
	return ferr
}

// cloneError says what it means that /dev/net/tun cannot be opened.
func cloneError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return ErrNoTUN
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ErrNoAccess
	}
	return err
}

// attachError says what it means that a descriptor cannot be attached.
func attachError(name string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return ErrPermission
	case errors.Is(err, unix.EBUSY):
		return ErrBusy
	case errors.Is(err, unix.EINVAL) && exists(name):
		return ErrNotTUN
	case errors.Is(err, unix.EINVAL):
		return ErrBadName
	}
	return err
}

func display(name string) string {
	if name == "" {
		return "a new TUN device"
	}
	return name
}
