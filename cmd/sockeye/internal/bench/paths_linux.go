package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

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
	there  *setup.NetNS   // where the kernel's end is; nil: here
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

func listenHere() (net.Listener, error) {
	config := net.ListenConfig{Control: useCUBIC}
	return config.Listen(context.Background(), "tcp4", server.String())
}

// useCUBIC gives a socket of the kernel's CUBIC, whatever the machine's default is.
// It is for a socket that has no connection yet: one that began with BBR
// stays paced by a timer, whatever it is given afterwards.
func useCUBIC(_, _ string, raw syscall.RawConn) error {
	var err error
	cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
	})
	return errors.Join(err, cerr)
}

// A contestant is what is measured.
type contestant struct {
	mode   string
	bare   bool   // it has one connection where requests are answered
	bulk   bool   // it moves many bytes, and nothing else
	under  string // its ceiling: one copy
	direct string // its ceiling, no copy
	open   func(*Plan) (*path, error)
}

// Ours, with a device of either kind, and the ceilings of these devices.
const (
	modeOffloads  = "sockeye, offloads"
	modePlain     = "sockeye, plain TUN"
	ceiling       = "ceiling, offloads"
	ceilingDirect = "ceiling, no copy"
	ceilingPlain  = "ceiling, plain TUN"
)

var contestants = []contestant{
	{mode: modeOffloads, under: ceiling, direct: ceilingDirect, open: func(p *Plan) (*path, error) { return ours(p, false) }},
	{mode: modePlain, under: ceilingPlain, open: func(p *Plan) (*path, error) { return ours(p, true) }},
	{mode: "kernel, veth", open: veth},
	{mode: ceiling, bare: true, open: func(p *Plan) (*path, error) { return bare(p, false, false) }},
	{mode: ceilingDirect, bare: true, bulk: true, open: func(p *Plan) (*path, error) { return bare(p, false, true) }},
	{mode: ceilingPlain, bare: true, open: func(p *Plan) (*path, error) { return bare(p, true, false) }},
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

// bare is a TUN with next to nothing on it; direct: that does not copy.
func bare(p *Plan, plain, direct bool) (*path, error) {
	dev, err := device(p, plain)
	if err != nil {
		return nil, err
	}
	g := &bareGroup{dev: dev, direct: direct}
	return &path{
		listen: listenHere,
		dial:   func(context.Context) (net.Conn, error) { return g.dial(us.Addr(), server) },
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
	to.there = ns[1]
	to.listen = func() (l net.Listener, err error) {
		err = ns[1].Do(func() error { l, err = listenHere(); return err })
		return l, err
	}
	to.dial = func(ctx context.Context) (c net.Conn, err error) {
		err = ns[0].Do(func() error {
			dialer := net.Dialer{Control: useCUBIC}
			c, err = dialer.DialContext(ctx, "tcp4", server.String())
			return err
		})
		return c, err
	}
	return to, nil
}
