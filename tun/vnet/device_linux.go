package vnet

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// A Device is a TUN interface that is open; it is a link.Link. The zero
// value is not usable: see Open and FromFile.
type Device struct {
	q      *queue
	more   []*queue // beside q, where there are several
	wanted int      // queues that were asked for
	view   view

	mu     sync.Mutex
	ctl    int    // a socket in the interface's namespace, for its ioctls; -1: closed
	name   string // as the kernel said last
	longer uint64 // the reader's, when the MTU was last read
	fixed  bool   // the MTU is its maker's word
}

var _ link.Link = (*Device)(nil)

// newDevice takes over file, an attached TUN, also when it fails.
func newDevice(file *os.File, header bool, how *adoption) (_ *Device, err error) {
	d := &Device{ctl: how.ctl}
	defer func() {
		if err != nil {
			_ = file.Close()
			d.closeControl()
		}
	}()
	if d.ctl < 0 {
		if d.ctl, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return nil, failed("no socket for the device's ioctls", err)
		}
	}
	d.view.mtu.Store(MaxMTU)
	if d.q, err = newQueue(file, &d.view, header); err != nil {
		return nil, err
	}
	if how.handed && how.mtu != 0 {
		d.view.mtu.Store(int64(how.mtu))
		d.fixed = true
	}
	if err = d.Refresh(); err != nil {
		d.q.waiter.release()
		return nil, err
	}
	return d, nil
}

// Name returns the interface's name as of Open or the last Refresh.
func (d *Device) Name() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name
}

// Refresh reads the interface's name and MTU again; both may be changed from
// outside at any time. TryRead calls it when it has seen a packet that was
// too long. ErrGone says that the interface was deleted.
func (d *Device) Refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctl < 0 {
		return link.ErrClosed
	}
	d.longer = d.view.longer.Load()
	var flags ifFlags
	if err := d.q.control(func(fd uintptr) (err error) {
		flags, err = getIff(int(fd))
		return err
	}); err != nil {
		return goneError(err)
	}
	d.name = flags.name
	if d.fixed {
		return nil
	}
	mtu, err := getMTU(d.ctl, d.name)
	if err == unix.ENODEV {
		// Between the two calls, or the device lives in another namespace
		// than the one FromFile was called in: keep what was known.
		return nil
	}
	if err != nil {
		return failed("tun: cannot read the MTU of "+d.name, err)
	}
	d.view.mtu.Store(int64(min(max(mtu, MinMTU), MaxMTU)))
	return nil
}

// goneError names what a failed TUNGETIFF means.
func goneError(err error) error {
	if err == unix.EBADFD || err == unix.ENODEV {
		return ErrGone
	}
	return err
}

// TryRead fills ps with at most MaxBatch packets; see link.Link. ErrGone says
// that the interface was deleted.
func (d *Device) TryRead(ps []link.Packet) (int, error) {
	return d.tryRead(d.q, ps)
}

func (d *Device) tryRead(q *queue, ps []link.Packet) (int, error) {
	n, err := q.tryRead(ps)
	if d.view.longer.Load() != 0 {
		d.refreshIfLonger()
	}
	return n, err
}

// refreshIfLonger follows an MTU that has grown. An error is left for
// the read that meets it too.
func (d *Device) refreshIfLonger() {
	d.mu.Lock()
	stale := d.longer != d.view.longer.Load()
	d.mu.Unlock()
	if stale {
		_ = d.Refresh()
	}
}

// Wait blocks until there is something to read, the device takes packets
// again after it was full, Wake or Close; see link.Link.
func (d *Device) Wait(alone bool) error { return d.q.waiter.wait(alone) }

// Wake ends a Wait, the present one or the next one.
func (d *Device) Wake() { d.q.waiter.wake() }

// WriteBatch writes each packet to the interface; see link.Link. What is
// refused is dropped and counted in Stats; the error says why the first one was.
func (d *Device) WriteBatch(ps []link.Packet) error { return d.q.writeBatch(ps) }

// Room returns how many packets WriteBatch takes now.
func (d *Device) Room() int { return d.q.room() }

// Features returns the MTU as of Open or the last Refresh, and what was
// granted: a plain device offloads nothing, and one that refused a
// super-segment takes no more.
func (d *Device) Features() link.Features {
	f := link.Features{MTU: int(d.view.mtu.Load()), ChecksumOffload: d.q.wr.header}
	if d.view.super.Load() {
		f.MaxGSO = MaxMTU
	}
	f.USO = d.view.uso.Load()
	return f
}

// Stats returns the counts since Open, of all queues.
func (d *Device) Stats() Stats {
	s := d.q.counts.snapshot()
	for _, q := range d.more {
		s.add(q.counts.snapshot())
	}
	return s
}

// Close ends a Wait and releases the descriptor; a device that is not
// persistent disappears. It is safe to call twice.
func (d *Device) Close() error {
	err := d.q.close()
	for _, q := range d.more {
		if e := q.close(); err == nil {
			err = e
		}
	}
	d.closeControl()
	return err
}

func (d *Device) closeControl() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctl >= 0 {
		_ = unix.Close(d.ctl)
		d.ctl = -1
	}
}
