package vnet

import (
	"errors"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// Several queues (IFF_MULTI_QUEUE): each is a descriptor of its own with a
// queue of packets of its own, so that several readers do not meet. The kernel
// puts a flow's packets where it was last written to, and others where a hash
// says: any queue may bring any flow.

// A Queue is one of several queues of a Device; it is a link.Link. Name, MTU and
// offloads are the Device's.
type Queue struct {
	d *Device
	q *queue
}

var _ link.Link = (*Queue)(nil)

// Links returns the device's queues, at least one: the Device itself, which is
// also the first queue, and a *Queue for each other. Closing the Device closes
// all of them.
func (d *Device) Links() []link.Link {
	all := []link.Link{d}
	for _, q := range d.more {
		all = append(all, &Queue{d, q})
	}
	return all
}

// TryRead fills ps with at most MaxBatch packets; see link.Link.
func (l *Queue) TryRead(ps []link.Packet) (int, error) { return l.d.tryRead(l.q, ps) }

// Wait blocks until there is something to read here, or room again, or Wake or Close.
func (l *Queue) Wait(alone bool) error { return l.q.waiter.wait(alone) }

// Wake ends a Wait, the present one or the next one.
func (l *Queue) Wake() { l.q.waiter.wake() }

// WriteBatch writes each packet to the interface; see Device.WriteBatch.
func (l *Queue) WriteBatch(ps []link.Packet) error { return l.q.writeBatch(ps) }

// Room returns how many packets WriteBatch takes now.
func (l *Queue) Room() int { return l.q.room() }

// Features returns the Device's.
func (l *Queue) Features() link.Features { return l.d.Features() }

// Close ends a Wait and gives this queue up; what waits in it is lost, and the
// kernel uses the others. It is safe to call twice.
func (l *Queue) Close() error { return l.q.close() }

// addQueues attaches more descriptors to the device until it has n queues, or
// until the kernel grants no more.
func (d *Device) addQueues(n int) error {
	for len(d.more)+1 < n {
		fd, err := attach(d.name, d.q.rd.header, unix.IFF_MULTI_QUEUE)
		if err != nil {
			return nil // the device was opened, so that is all there is to be had
		}
		q, err := newQueue(os.NewFile(uintptr(fd), ClonePath), &d.view, d.q.rd.header)
		if err != nil {
			_ = unix.Close(fd)
			return err
		}
		d.more = append(d.more, q)
	}
	return nil
}

// attachQueues opens the first descriptor of a device that is to have several
// queues, or one. A device that is there already may have been made for the
// other: then that is what we get. A device with several queues tells nobody
// that another program has some of them, and would share its packets out
// between the two; so that is looked at before.
func attachQueues(name string, header, several bool) (fd int, err error) {
	flags := uint16(0)
	if several {
		flags = unix.IFF_MULTI_QUEUE
		if attached(name) {
			return -1, ErrBusy
		}
	}
	fd, err = attach(name, header, flags)
	if !errors.Is(err, ErrNotTUN) {
		return fd, err
	}
	if !several && attached(name) {
		return -1, ErrBusy
	}
	return attach(name, header, flags^unix.IFF_MULTI_QUEUE)
}

// attached reports whether some program has the TUN device of that name open,
// as far as its carrier tells: that of an interface that is down does not.
func attached(name string) bool {
	if name == "" {
		return false
	}
	ctl, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(ctl)
	info, err := unix.IoctlGetEthtoolDrvinfo(ctl, name)
	if err != nil || unix.ByteSliceToString(info.Driver[:]) != "tun" {
		return false
	}
	up, err := getLink(ctl, name)
	return err == nil && up
}

// getLink asks for the carrier at this moment; IFF_RUNNING follows it late.
func getLink(ctl int, name string) (bool, error) {
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_GLINK}
	var req struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	req.data = unsafe.Pointer(&value)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(ctl), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return false, errno
	}
	return value.data != 0, nil
}

// grantedQueues says how many there are, where somebody asked for several.
func (d *Device) grantedQueues() string {
	n := len(d.more) + 1
	switch {
	case d.wanted < 2:
		return ""
	case n < d.wanted:
		return "; " + strconv.Itoa(n) + " of " + strconv.Itoa(d.wanted) + " queues"
	}
	return "; " + strconv.Itoa(n) + " queues"
}
