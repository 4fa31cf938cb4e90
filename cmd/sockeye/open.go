package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// txQueueLen is the queue of a TUN that we make: a window must fit in it.
const txQueueLen = 10000

// linkFlags are what the commands that run a stack have in common.
type linkFlags struct {
	tun, addr, dns, pcap string
	lang                 string // of the journey
	html                 string // file for the journey's page
	verbose              bool
	out                  bool   // it needs nobody to reach us, so it does without a device
	all                  bool   // told is every packet, not the first and last of many
	queues               int    // of the device; a server's
	state                string // where `up` keeps its states; for tests
}

func (f *linkFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.tun, "tun", "", "TUN device `NAME` (default: what sockeye up made)")
	fl.StringVar(&f.addr, "addr", "", "our address with its network, a `CIDR` such as 192.0.2.2/24")
	fl.StringVar(&f.dns, "dns", "", "name server `ADDR` (default: the kernel; after up --nat the system's)")
	fl.StringVar(&f.pcap, "pcap", "", "write every packet to `FILE`, as pcapng for Wireshark")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "tell the journey on standard error")
	fl.StringVar(&f.html, "html", "", "write the journey to `FILE`, a page for a browser")
	langFlag(cmd, &f.lang)
	stateFlag(cmd, &f.state)
}

// registerServer registers the flags of a command that runs until it is told to end.
func (f *linkFlags) registerServer(cmd *cobra.Command) {
	f.all = true
	cmd.Flags().IntVar(&f.queues, "queues", 1, "`N` queues of the device, a shard of the stack each")
	f.register(cmd)
}

// stateFlag is hidden: it serves tests that must not touch the machine's own states.
func stateFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "state", setup.DefaultDir, "where the states of up are kept")
	_ = cmd.Flags().MarkHidden("state") // it exists
}

// A session is a stack that runs, with what the commands need beside it.
type session struct {
	stack   *stack.Stack
	api     *socket.API
	rec     *recorder
	tell    *journey.Journey // nil: not asked for
	us      netip.Prefix
	gateway netip.Addr
	device  string // "": two hosts joined in memory
	granted string // what the device does for us, a line; "": it is told already
	lang    string // of the journey
	servers []netip.AddrPort
	noDNS   error                // why servers is empty
	beyond  func() error         // ends what carries our packets on where there is no device; nil: nothing
	system  bool                 // servers are the system's
	clock   func() clock.Instant // nil: the stack's own

	keys    *keyLog   // nil: nobody wants TLS's secrets
	html    *pageFile // nil: nobody wants a page
	secrets bool      // the capture has TLS's secrets, wherever else they go
	begin   sync.Once
	from    time.Time // when the first fetch began; set by begin

	naming sync.Once
	names  *dns.Client // see client
}

// A plan is which device to use, and how.
type plan struct {
	name    string
	us      netip.Prefix
	gateway netip.Addr
	make    bool // the device is not there yet
	state   *setup.State
}

// errNoDevice says what to do first.
var errNoDevice = errors.New("no TUN device: make one with `sudo sockeye up --nat IFACE`, or try `sockeye demo`, which needs none")

// open makes a running stack of the flags.
func (p *program) open(f *linkFlags) (*session, error) {
	pl, err := f.plan()
	if err != nil && f.mayGoOut(err) {
		return p.openOutside(f)
	}
	if err != nil {
		return nil, err
	}
	dev, err := pl.device(f.queues)
	if err != nil {
		return nil, err
	}
	s := &session{lang: f.lang, us: pl.us, gateway: pl.gateway, device: dev.Name(), granted: granted(dev), system: f.dns == "" && pl.state != nil && pl.state.NAT != ""}
	if f.verbose {
		s.tellDevice(p.err)
	}
	if s.servers, s.noDNS = f.servers(pl); f.dns != "" && s.noDNS != nil {
		_ = dev.Close()
		return nil, s.noDNS
	}
	return s, p.startAs(f, s, dev.Links())
}

// startAs runs the stack over links, which it owns from now on, and has it recorded and told as the flags say.
func (p *program) startAs(f *linkFlags, s *session, links []link.Link) error {
	if f.html != "" {
		s.html = &pageFile{path: f.html}
	}
	o := journey.Options{Out: p.err, Us: "sockeye", Peer: "the peer", Color: isTerminal(p.err), All: f.all, Lang: f.lang}
	if !f.verbose {
		o.Out = io.Discard
	}
	return s.start(links, f.pcap, f.verbose || f.html != "", o)
}

// granted is a line that says what a device does for us.
func granted(dev *tun.Device) string { return dev.Name() + ": " + dev.Granted() + "\n" }

// tellDevice says so, once: with -v as the device is opened, a server when it serves.
func (s *session) tellDevice(to io.Writer) {
	_, _ = io.WriteString(to, s.granted)
	s.granted = ""
}

// start runs the stack over links, which it owns from now on.
func (s *session) start(links []link.Link, pcap string, told bool, o journey.Options) error {
	rec, err := newRecorder(pcap, told)
	if err != nil {
		for _, l := range links {
			_ = l.Close()
		}
		return err
	}
	cfg := stack.Config{Links: stack.Queues(links), Prefixes: []netip.Prefix{s.us}, Gateway: s.gateway, Clock: s.clock}
	rec.configure(&cfg, told)
	if s.stack, err = stack.New(cfg); err != nil {
		return errors.Join(fmt.Errorf("cannot run the stack: %w", err), rec.close())
	}
	if s.keys, err = openKeyLog(rec, s.secrets); err != nil {
		shut(s.stack, 0)
		return errors.Join(err, rec.close())
	}
	s.api = socket.New(s.stack)
	s.rec = rec
	if err = s.html.open(); err != nil {
		shut(s.stack, 0)
		return errors.Join(err, rec.close(), s.keys.close())
	}
	if told {
		o.Settle, o.Page = rec.settle, s.html != nil
		s.tell = journey.New(o)
		s.api.Observe(rec.call)
	}
	return rec.attach(s.stack, s.device, s.tell)
}

// close ends the stack within d and then the recording.
func (s *session) close(d time.Duration) error {
	shut(s.stack, d)
	err := s.rec.close()
	if s.beyond != nil {
		err = errors.Join(err, s.beyond())
	}
	return errors.Join(err, s.keys.close(), s.html.write(s.tell))
}

// plan looks up what the flags speak of.
func (f *linkFlags) plan() (*plan, error) {
	pl := &plan{name: f.tun}
	if pl.name == "" {
		name, err := deviceOfUp(f.state)
		if err != nil {
			return nil, err
		}
		pl.name = name
	}
	if f.addr != "" {
		us, err := parseAddr(f.addr)
		if err != nil {
			return nil, err
		}
		pl.us = us
	}
	info, err := setup.Lookup(f.state, pl.name)
	if errors.Is(err, setup.ErrNoInterface) {
		return pl, pl.fresh()
	}
	if err != nil {
		return nil, deviceError(pl.name, err)
	}
	return pl, pl.existing(info)
}

// parseAddr reads --addr.
func parseAddr(s string) (netip.Prefix, error) {
	us, err := netip.ParsePrefix(s)
	if err != nil {
		return us, fmt.Errorf("--addr %q is not an address with its network: write it as 192.0.2.2/24", s)
	}
	if _, err := setup.KernelAddr(us); err != nil {
		return us, fmt.Errorf("--addr %s: %w", s, plain(err))
	}
	return us, nil
}

// fresh plans a device that is not there yet.
func (pl *plan) fresh() error {
	if !pl.us.IsValid() {
		return fmt.Errorf("there is no device %s: name one that exists, give --addr 192.0.2.2/24 to make it, or run `sudo sockeye up --tun %s`", pl.name, pl.name)
	}
	pl.make = true
	var err error
	pl.gateway, err = setup.KernelAddr(pl.us)
	return err
}

// existing plans to use a device that is there.
func (pl *plan) existing(info *setup.Info) error {
	pl.state = info.State
	switch {
	case !info.TUN:
		return deviceError(pl.name, tun.ErrNotTUN)
	case !info.Up:
		return fmt.Errorf("the device %s is down: `sudo ip link set %s up`", pl.name, pl.name)
	case !pl.us.IsValid() && info.State == nil:
		return fmt.Errorf("%s was not made by `sockeye up`, so --addr must say which address is ours, such as 192.0.2.2/24", pl.name)
	case !pl.us.IsValid():
		pl.us = info.State.Addr
	}
	for _, a := range info.Addrs {
		if a.Addr() == pl.us.Addr() {
			return fmt.Errorf("%s is the kernel's own address on %s: choose another one for --addr", a.Addr(), pl.name)
		}
		if !pl.gateway.IsValid() && pl.us.Contains(a.Addr()) {
			pl.gateway = a.Addr()
		}
	}
	if !pl.gateway.IsValid() {
		k, err := setup.KernelAddr(pl.us)
		if err != nil {
			return err
		}
		return fmt.Errorf("the kernel has no address in %s on %s, so there is no gateway: `sudo ip addr add %s/%d dev %s`", pl.us.Masked(), pl.name, k, pl.us.Bits(), pl.name)
	}
	return nil
}

// device opens the device, and makes it first where it is not there.
func (pl *plan) device(queues int) (*tun.Device, error) {
	dev, err := tun.Open(tun.Config{Name: pl.name, Queues: queues})
	if err != nil {
		return nil, deviceError(pl.name, err)
	}
	if !pl.make {
		return dev, nil
	}
	if err := equip(dev.Name(), netip.PrefixFrom(pl.gateway, pl.us.Bits())); err != nil {
		_ = dev.Close()
		return nil, deviceError(pl.name, err)
	}
	return dev, nil
}

// equip gives the kernel's side of a device its address and sets it up.
func equip(name string, kernel netip.Prefix) error {
	if err := setup.SetTxQueueLen(name, txQueueLen); err != nil {
		return err
	}
	if err := setup.AddAddr(name, kernel); err != nil {
		return err
	}
	if err := setup.NoIPv6(name); err != nil {
		return err
	}
	return setup.SetUp(name)
}

// deviceOfUp is the device that `sockeye up` made in this network namespace.
func deviceOfUp(dir string) (string, error) {
	states, err := setup.States(dir)
	if err != nil {
		return "", plain(err)
	}
	var here []string
	for _, st := range states {
		info, err := setup.Lookup(dir, st.Name)
		if errors.Is(err, setup.ErrNotSupported) {
			return "", tun.ErrNotSupported
		}
		if err == nil && info.State != nil {
			here = append(here, st.Name)
		}
	}
	switch {
	case len(here) == 0:
		return "", errNoDevice
	case len(here) == 1 || slices.Contains(here, setup.DefaultName):
		if slices.Contains(here, setup.DefaultName) {
			return setup.DefaultName, nil
		}
		return here[0], nil
	}
	return "", fmt.Errorf("`sockeye up` made several devices: choose one with --tun, such as --tun %s", here[0])
}

// servers are the name servers to ask.
func (f *linkFlags) servers(pl *plan) ([]netip.AddrPort, error) {
	if f.dns != "" {
		if a, err := netip.ParseAddrPort(f.dns); err == nil && a.Addr().Is4() {
			return []netip.AddrPort{a}, nil
		}
		a, err := netip.ParseAddr(f.dns)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("the name server %q is not an IPv4 address: write it as --dns 192.0.2.1", f.dns)
		}
		return []netip.AddrPort{netip.AddrPortFrom(a, dns.Port)}, nil
	}
	if pl.state == nil || pl.state.NAT == "" {
		return []netip.AddrPort{netip.AddrPortFrom(pl.gateway, dns.Port)}, nil
	}
	system, err := setup.SystemNameServers()
	if err != nil {
		return nil, plain(err)
	}
	var all []netip.AddrPort
	for _, a := range system {
		all = append(all, netip.AddrPortFrom(a, dns.Port))
	}
	return all, nil
}

// isTerminal reports whether w is a terminal that is to be painted on.
func isTerminal(w any) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && onTerminal(w)
}

// onTerminal reports whether somebody reads w as it comes.
func onTerminal(w any) bool {
	if s, ok := w.(*sink); ok {
		w = s.Writer
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && isTTY(f)
}
