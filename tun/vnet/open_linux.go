package vnet

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// ClonePath is where TUN devices are opened.
const ClonePath = "/dev/net/tun"

// Open attaches to the TUN device of cfg.Name, or makes it, and asks for
// offloads unless cfg.Plain; Granted says what came of it. The device belongs
// to the network namespace of the calling thread and works from everywhere. It
// is not set up: see tun/setup.
//
// The error is one line that names the device and wraps one of this package's errors.
func Open(cfg Config) (*Device, error) {
	d, err := open(cfg)
	if err != nil {
		return nil, failed("tun: cannot open "+cfg.Display(), err)
	}
	return d, nil
}

func open(cfg Config) (*Device, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	// The namespace is the thread's: what is opened must be what is looked at.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := attachQueues(cfg.Name, !cfg.Plain, cfg.Queues > 1)
	if err != nil {
		return nil, err
	}
	if cfg.Persist {
		if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
			_ = unix.Close(fd)
			return nil, AttachError(cfg.Name, err)
		}
	}
	return adopt(os.NewFile(uintptr(fd), ClonePath), &adoption{mtu: cfg.MTU, ctl: -1, queues: cfg.Queues})
}

// Attach opens a descriptor, non-blocking and closed on exec, and attaches it
// to the TUN device of that name, which is made if it is not there: with a
// virtio_net_hdr before each packet where header asks for it and the kernel
// grants it. A device that has several queues gives one of them.
func Attach(name string, header bool) (fd int, err error) {
	return attachQueues(name, header, false)
}

// attach is Attach with more IFF_ flags.
func attach(name string, header bool, flags uint16) (fd int, err error) {
	fd, err = unix.Open(ClonePath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, cloneError(err)
	}
	if header {
		err = setIff(fd, name, flags|unix.IFF_VNET_HDR)
	}
	if err == unix.EINVAL || !header { // or a kernel that has no such flag
		err = setIff(fd, name, flags)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, AttachError(name, err)
	}
	return fd, nil
}

// Check reports what is wrong with cfg, or nil.
func (cfg *Config) Check() error {
	if len(cfg.Name) >= unix.IFNAMSIZ {
		return ErrNameTooLong
	}
	if cfg.Name == "." || cfg.Name == ".." {
		return ErrBadName
	}
	for i := range len(cfg.Name) {
		if strings.IndexByte("/:% \t\r\n\v\f\x00", cfg.Name[i]) >= 0 {
			return ErrBadName
		}
	}
	if cfg.MTU != 0 && (cfg.MTU < MinMTU || cfg.MTU > MaxMTU) {
		return ErrBadMTU
	}
	return nil
}

// Adopt makes a Device of an attached TUN that is non-blocking, and brings the
// interface into the state that the device expects: its MTU, where mtu is not
// 0, and its offloads. A persistent TUN keeps those of whoever had it last, and
// would hand over packets without checksums. It takes file over, also when it fails.
func Adopt(file *os.File, mtu int) (*Device, error) {
	return adopt(file, &adoption{mtu: mtu, ctl: -1, queues: 1})
}

// adopt is Adopt of a device that is to have several queues, as far as the
// kernel grants them.
func adopt(file *os.File, how *adoption) (*Device, error) {
	var flags ifFlags
	if err := control(file, func(fd uintptr) (err error) {
		flags, err = getIff(int(fd))
		return err
	}); err != nil {
		_ = file.Close()
		return nil, goneError(err)
	}
	d, err := newDevice(file, flags.header(), how)
	if err != nil {
		return nil, err
	}
	d.wanted = how.queues
	if flags.several() {
		err = d.addQueues(how.queues)
	}
	if err == nil {
		err = d.adopt(how)
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Device) adopt(how *adoption) error {
	d.awaitCarrier()
	for _, q := range append([]*queue{d.q}, d.more...) {
		if err := q.control(q.negotiate); err != nil && !(how.handed && !q.rd.header && denied(err)) {
			return failed("offloads cannot be set", err)
		}
	}
	mtu := how.mtu
	if how.handed || mtu == 0 || mtu == d.Features().MTU {
		return nil
	}
	if err := setMTU(d.ctl, d.name, mtu); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = ErrPermission
		}
		return failed("the MTU cannot be set", err)
	}
	return d.Refresh()
}

// offloadSteps is what the kernel is asked to hand over without doing it
// itself, from much to nothing; it refuses a step that it does not know.
var offloadSteps = [...]int{
	unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN | unix.TUN_F_USO4 | unix.TUN_F_USO6, // Linux 6.2; one USO not without the other
	unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN,
	unix.TUN_F_CSUM | unix.TUN_F_TSO4,
	unix.TUN_F_CSUM,
	0,
}

// negotiate asks for the offloads, step by step.
func (q *queue) negotiate(fd uintptr) error {
	if !q.rd.header {
		return unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, 0)
	}
	// What the last owner of a persistent device chose is still there.
	if err := unix.IoctlSetPointerInt(int(fd), unix.TUNSETVNETHDRSZ, headerLen); err != nil {
		return err
	}
	var err error
	for _, step := range offloadSteps {
		if err = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, step); err == nil {
			q.rd.whole = step&unix.TUN_F_TSO4 != 0
			q.wr.view.super.Store(true)                    // taking them is not a matter of these bits
			q.wr.view.uso.Store(step&unix.TUN_F_USO4 != 0) // nor here, but the kernel that knows them takes them
			return nil
		}
	}
	return err
}

// Granted says in a few words what the device does for us, for a log line.
func (d *Device) Granted() string { return d.grantedOffloads() + d.grantedQueues() }

func (d *Device) grantedOffloads() string {
	switch {
	case !d.q.rd.header:
		return "plain: one packet per read and write"
	case !d.view.super.Load():
		return "virtio header: checksums offloaded, no super-segments sent"
	case !d.q.rd.whole:
		return "virtio header: checksums offloaded, no super-segments received"
	case !d.view.uso.Load():
		return "virtio header: checksums and TCP segmentation offloaded"
	}
	return "virtio header: checksums, TCP and UDP segmentation offloaded"
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

// AttachError says what it means that a descriptor cannot be attached.
func AttachError(name string, err error) error {
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
