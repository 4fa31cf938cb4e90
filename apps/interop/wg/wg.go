// Package wg joins a stack and wireguard-go, both ways: a stack may stand where
// wireguard-go wants a TUN device, and any of wireguard-go's TUN devices may be a
// stack's link.
//
//	l, dev := wg.Pair(1420)                                   // instead of a TUN
//	s, err := stack.New(stack.Config{Link: l, Prefixes: ...})
//	device.NewDevice(dev, conn.NewDefaultBind(), logger)
package wg

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/outlet"
)

// batch is how many packets go in one call.
const batch = 64

// Pair returns a link for a stack and the tun.Device that is its other end: what
// wireguard-go decrypts the stack receives, and what the stack sends it encrypts.
// Closing either ends both.
func Pair(mtu int) (link.Link, tun.Device) {
	o := outlet.New(mtu, 0)
	d := &device{o: o, events: make(chan tun.Event, 1)}
	d.events <- tun.EventUp
	return o, d
}

// A device is an Outlet seen as a TUN.
type device struct {
	o      *outlet.Outlet
	events chan tun.Event
	once   sync.Once
	views  sync.Pool // of [][]byte, for offsets
}

func (d *device) File() *os.File           { return nil }
func (d *device) Name() (string, error)    { return "sockeye", nil }
func (d *device) MTU() (int, error)        { return d.o.Features().MTU, nil }
func (d *device) Events() <-chan tun.Event { return d.events }
func (d *device) BatchSize() int           { return batch }

// behind returns the buffers from offset on.
func (d *device) behind(bufs [][]byte, offset int) *[][]byte {
	v, _ := d.views.Get().(*[][]byte)
	if v == nil {
		v = new([][]byte)
	}
	*v = (*v)[:0]
	for _, b := range bufs {
		*v = append(*v, b[offset:])
	}
	return v
}

// Read gives packets that the stack sends.
func (d *device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	v := d.behind(bufs, offset)
	defer d.views.Put(v)
	n, err := d.o.Pull(context.Background(), *v, sizes)
	if errors.Is(err, link.ErrClosed) {
		return n, os.ErrClosed
	}
	return n, err
}

// Write gives the stack packets. What it has no room for is lost, as on a TUN: a
// tunnel must not wait for one program.
func (d *device) Write(bufs [][]byte, offset int) (int, error) {
	v := d.behind(bufs, offset)
	defer d.views.Put(v)
	_, err := d.o.TryPush(*v)
	if err != nil {
		return 0, os.ErrClosed
	}
	return len(bufs), nil
}

func (d *device) Close() error {
	d.once.Do(func() { close(d.events) })
	return d.o.Close()
}

// Link makes a stack's link of a tun.Device, which it takes over. Two goroutines carry
// the packets; they end with Close, or when the device fails.
func Link(dev tun.Device) (link.Link, error) {
	mtu, err := dev.MTU()
	if err != nil {
		return nil, err
	}
	l := &linked{Outlet: outlet.New(mtu, 0), dev: dev}
	l.tasks.Go(l.receive)
	l.tasks.Go(l.send)
	l.tasks.Go(l.follow)
	return l, nil
}

// headroom is what tun.Device may use before each packet, for a virtio header.
const headroom = 16

type linked struct {
	*outlet.Outlet
	dev   tun.Device
	tasks sync.WaitGroup
	once  sync.Once
	err   error
}

// Close closes the device too.
func (l *linked) Close() error {
	l.once.Do(func() {
		l.err = l.Outlet.Close()
		if err := l.dev.Close(); l.err == nil {
			l.err = err
		}
		l.tasks.Wait()
	})
	return l.err
}

func (l *linked) buffers() (bufs [][]byte, sizes []int) {
	n := max(l.dev.BatchSize(), 1)
	bufs, sizes = make([][]byte, n), make([]int, n)
	for i := range bufs {
		bufs[i] = make([]byte, headroom+65535)
	}
	return bufs, sizes
}

// receive carries what the device brings.
func (l *linked) receive() {
	bufs, sizes := l.buffers()
	packets := make([][]byte, len(bufs))
	for {
		n, err := l.dev.Read(bufs, sizes, headroom)
		for i := range packets[:n] {
			packets[i] = bufs[i][headroom : headroom+sizes[i]]
		}
		if _, perr := l.TryPush(packets[:n]); perr != nil {
			return
		}
		if errors.Is(err, tun.ErrTooManySegments) {
			continue // some of them were lost
		}
		if err != nil {
			_ = l.Outlet.Close()
			return
		}
	}
}

// send carries what the stack sends.
func (l *linked) send() {
	bufs, sizes := l.buffers()
	views, out := make([][]byte, len(bufs)), make([][]byte, len(bufs))
	for i := range bufs {
		views[i] = bufs[i][headroom:]
	}
	for {
		n, err := l.Pull(context.Background(), views, sizes)
		if err != nil {
			return
		}
		for i := range out[:n] {
			out[i] = bufs[i][:headroom+sizes[i]]
		}
		if _, err := l.dev.Write(out[:n], headroom); errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF) {
			_ = l.Outlet.Close()
			return
		}
	}
}

// follow keeps up with the device's MTU.
func (l *linked) follow() {
	for e := range l.dev.Events() {
		if e&tun.EventMTUUpdate == 0 {
			continue
		}
		if mtu, err := l.dev.MTU(); err == nil {
			l.SetMTU(mtu)
		}
	}
}
