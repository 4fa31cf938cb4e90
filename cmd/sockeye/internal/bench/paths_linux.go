package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// The two sides, and the port on which the kernel's side listens.
var (
	us     = netip.MustParsePrefix("192.0.2.2/24")
	kernel = netip.MustParsePrefix("192.0.2.1/24")
	server = netip.AddrPortFrom(kernel.Addr(), 5001)
)

// deviceName is of the TUN, in a namespace of our own.
const deviceName = "bench0"

// A path is a contestant, set up: whoever dials is under test, whoever listens
// is the kernel.
type path struct {
	listen func() (net.Listener, error)
	dial   func(context.Context) (net.Conn, error)
	undo   []func() error // the last first
}

func (p *path) close() (err error) {
	for len(p.undo) > 0 {
		last := len(p.undo) - 1
		err = errors.Join(err, p.undo[last]())
		p.undo = p.undo[:last]
	}
	return err
}

func listenHere() (net.Listener, error) { return net.Listen("tcp4", server.String()) }

// A contestant is what is measured.
type contestant struct {
	mode string
	bare bool // it can move bytes and nothing else
	open func(*Plan) (*path, error)
}

// Ours, with a device of either kind.
const (
	modeOffloads = "sockeye, offloads"
	modePlain    = "sockeye, plain TUN"
)

var contestants = []contestant{
	{modeOffloads, false, func(p *Plan) (*path, error) { return ours(p, false) }},
	{modePlain, false, func(p *Plan) (*path, error) { return ours(p, true) }},
	{"kernel, veth", false, veth},
	{"no stack, offloads", true, bare},
}

// device makes the TUN and brings the kernel's end of it up.
func device(p *Plan, plain bool) (*tun.Device, error) {
	dev, err := tun.Open(tun.Config{Name: deviceName, MTU: p.MTU, Plain: plain})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(setup.SetTxQueueLen(deviceName, 10000), setup.AddAddr(deviceName, kernel), setup.SetUp(deviceName)); err != nil {
		_ = dev.Close()
		return nil, err
	}
	return dev, nil
}

// ours is this stack over a TUN.
func ours(p *Plan, plain bool) (*path, error) {
	dev, err := device(p, plain)
	if err != nil {
		return nil, err
	}
	p.tellGranted(dev, plain)
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{us}})
	if err != nil {
		_ = dev.Close()
		return nil, err
	}
	n := stdnet.New(s)
	return &path{
		listen: listenHere,
		dial:   func(ctx context.Context) (net.Conn, error) { return n.DialContext(ctx, "tcp4", server.String()) },
		undo:   []func() error{s.Close},
	}, nil
}

func (p *Plan) tellGranted(dev *tun.Device, plain bool) {
	told, mode := &p.told[0], modeOffloads
	if plain {
		told, mode = &p.told[1], modePlain
	}
	if p.Granted != nil && !*told {
		p.Granted(mode, dev.Granted())
	}
	*told = true
}

// bare is a TUN with next to nothing on it.
func bare(p *Plan) (*path, error) {
	dev, err := device(p, false)
	if err != nil {
		return nil, err
	}
	return &path{
		listen: listenHere,
		dial:   func(context.Context) (net.Conn, error) { return dialBare(dev, us.Addr(), server) },
		undo:   []func() error{dev.Close},
	}, nil
}

// veth is the kernel on both sides, in namespaces joined by a pair of devices.
func veth(p *Plan) (_ *path, err error) {
	to := &path{}
	defer func() {
		if err != nil {
			_ = to.close()
		}
	}()
	var ns [2]*setup.NetNS
	for i := range ns {
		if ns[i], err = setup.NewNetNS(); err != nil {
			return nil, err
		}
		to.undo = append(to.undo, ns[i].Close)
	}
	if err := setup.AddVeth(ns[0], "near0", ns[1], "far0"); err != nil {
		return nil, err
	}
	near := func() error { return errors.Join(setup.SetMTU("near0", p.MTU), setup.AddAddr("near0", us)) }
	far := func() error { return errors.Join(setup.SetMTU("far0", p.MTU), setup.AddAddr("far0", kernel)) }
	if err := errors.Join(ns[0].Do(near), ns[1].Do(far)); err != nil {
		return nil, err
	}
	to.listen = func() (l net.Listener, err error) {
		err = ns[1].Do(func() error { l, err = listenHere(); return err })
		return l, err
	}
	to.dial = func(ctx context.Context) (c net.Conn, err error) {
		err = ns[0].Do(func() error {
			c, err = new(net.Dialer).DialContext(ctx, "tcp4", server.String())
			return err
		})
		return c, err
	}
	return to, nil
}
