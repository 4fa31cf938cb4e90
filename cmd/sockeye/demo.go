package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// demoFlags are demo's flags.
type demoFlags struct {
	link, addr, pcap string
	html, lang       string
}

func (p *program) demo() *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo [NAME]",
		Short: "Watch a page being fetched, packet by packet, or another demo",
		Long: `Demo makes a network namespace of its own with a TUN device in it, lets the
kernel there serve a small site and its name, and fetches the page through our
stack, telling what happens. It needs no root where the system allows user
namespaces, no configuration and no internet. Where it may have no TUN, it joins
two of our own hosts in memory instead, and says so.

With a NAME it shows something else in the same way ("demo list" lists them):

` + listShows(),
		Example: `  sockeye demo
  sockeye demo loss
  sockeye demo --pcap demo.pcapng && wireshark demo.pcapng
  sockeye demo --link pipe`,
		Args: func(_ *cobra.Command, args []string) error { return oneShow(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			if name == "list" {
				fmt.Fprint(p.out, listShows())
				return nil // p.out remembers
			}
			s, err := findShow(name)
			if err != nil {
				return usage(cmd, err)
			}
			return p.runDemo(cmd, f, s)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.link, "link", "auto", "tun, pipe (in memory) or auto: tun where it can be had (`LINK`)")
	fl.StringVar(&f.addr, "addr", "192.0.2.2/24", "our address with its network (`CIDR`)")
	fl.StringVar(&f.pcap, "pcap", "", "write every packet to `FILE`, as pcapng for Wireshark")
	fl.StringVar(&f.html, "html", "", "write the journey to `FILE`, a page for a browser")
	langFlag(cmd, &f.lang)
	return cmd
}

func (p *program) runDemo(cmd *cobra.Command, f *demoFlags, sh show) error {
	us, err := parseAddr(f.addr)
	if err != nil {
		return fail(2, err)
	}
	switch f.link {
	case "pipe":
		return p.demoPipe(f, sh, us, nil)
	case "auto", "tun":
	default:
		return usage(cmd, fmt.Errorf("--link %q: say tun, pipe or auto", f.link))
	}
	if !setup.InNamespace() {
		code, err := setup.EnterUserNet()
		if err == nil {
			if code != 0 {
				return fail(code, nil) // it has spoken
			}
			return nil
		}
		return p.without(f, sh, us, err)
	}
	dev, err := demoDevice(us, sh.beyond)
	if err != nil {
		if why := setup.WhyNot(); why != nil {
			err = why
		}
		return p.without(f, sh, us, err)
	}
	return p.demoTUN(f, sh, us, dev)
}

// without does without a TUN, for a reason.
func (p *program) without(f *demoFlags, sh show, us netip.Prefix, why error) error {
	if f.link == "tun" {
		return fail(1, fmt.Errorf("no TUN: %w; or leave out --link tun", plain(why)))
	}
	return p.demoPipe(f, sh, us, plain(why))
}

// demoDevice makes the TUN in our namespace, the kernel's side with its addresses.
func demoDevice(us netip.Prefix, beyond []string) (*tun.Device, error) {
	if err := setup.SetUp("lo"); err != nil {
		return nil, err
	}
	for _, a := range beyond {
		if err := setup.AddAddr("lo", single(a)); err != nil {
			return nil, err
		}
	}
	kernel, err := setup.KernelAddr(us)
	if err != nil {
		return nil, err
	}
	dev, err := tun.Open(tun.Config{Name: setup.DefaultName})
	if err != nil {
		return nil, err
	}
	if err := equip(dev.Name(), netip.PrefixFrom(kernel, us.Bits())); err != nil {
		_ = dev.Close()
		return nil, err
	}
	return dev, nil
}

// single is the network of one address.
func single(addr string) netip.Prefix { return netip.PrefixFrom(netip.MustParseAddr(addr), 32) }

// demoTUN plays between our stack and the kernel of our namespace.
func (p *program) demoTUN(f *demoFlags, sh show, us netip.Prefix, dev *tun.Device) error {
	kernel, err := setup.KernelAddr(us)
	if err != nil {
		return fail(1, plain(err))
	}
	return p.perform(f, sh, demoPath{
		us: us, peer: kernel, link: dev, device: dev.Name(), peerName: "the kernel", other: kernelSide{},
		where: journey.Text(f.lang, "Our side is Sockeye, a TCP/IP stack in this program, at %s. The other side is the Linux kernel, at %s, in a network namespace that exists only for this, with its own TCP. Between them is %s, a TUN device.", us.Addr(), kernel, dev.Name()),
	})
}

// demoPipe plays between two of our own hosts. It says first that no TUN and
// no kernel took part, and what mends that.
func (p *program) demoPipe(f *demoFlags, sh show, us netip.Prefix, why error) error {
	peer, err := setup.KernelAddr(us)
	if err != nil {
		return fail(2, plain(err))
	}
	intro := journey.Text(f.lang, "No TUN and no kernel take part in this: two hosts of our own are joined in memory.")
	if why != nil {
		intro += "\n\n" + journey.Text(f.lang, "The reason: %s.", why)
	}
	intro += "\n\n" + journey.Text(f.lang, "To see it with the kernel on the other side:") + "\n\n" + mend(why, sh.name)
	a, b := link.NewPipe(link.Features{MTU: 1500}, 1024)
	prefixes := []netip.Prefix{netip.PrefixFrom(peer, us.Bits())}
	for _, a := range sh.beyond {
		prefixes = append(prefixes, single(a))
	}
	other, err := stack.New(stack.Config{Link: b, Prefixes: prefixes})
	if err != nil {
		_ = a.Close()
		return fail(1, err)
	}
	defer shut(other, grace)
	return p.perform(f, sh, demoPath{us: us, peer: peer, link: a, peerName: "the other host", other: stackSide{stdnet.New(other)}, before: intro,
		where: journey.Text(f.lang, "Both sides are Sockeye, a TCP/IP stack in this program: we are at %s, the other host is at %s.", us.Addr(), peer)})
}

// mend is the commands that give the demo its TUN.
func mend(why error, name string) string {
	name = strings.TrimRight("demo "+name, " ")
	if errors.Is(why, setup.ErrNotSupported) {
		return "  go run ./cmd/sockeye " + name + "    (on Linux)"
	}
	if errors.Is(why, setup.ErrNoCaps) {
		return "  docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN \\\n      --device /dev/net/tun ..."
	}
	text := "  go build -o sockeye ./cmd/sockeye && sudo ./sockeye " + name
	if errors.Is(why, setup.ErrAppArmor) {
		text = "  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\nor\n" + text
	}
	return text
}

// A demoPath is between whom a demo plays.
type demoPath struct {
	us       netip.Prefix
	peer     netip.Addr
	link     link.Link
	device   string
	peerName string
	other    otherSide
	before   string // what has to be said first
	where    string
}

// perform plays a demo and tells it.
func (p *program) perform(f *demoFlags, sh show, d demoPath) (err error) {
	s := &session{lang: f.lang, us: d.us, gateway: d.peer, device: d.device, servers: []netip.AddrPort{netip.AddrPortFrom(d.peer, dns.Port)}, secrets: sh.secrets}
	if f.html != "" {
		s.html = &pageFile{path: f.html}
	}
	o := journey.Options{Out: p.out, Us: "sockeye", Peer: d.peerName, Color: isTerminal(p.out), Lang: f.lang, Title: strings.TrimSpace("sockeye demo " + sh.name)}
	s.clock = ticking()
	st := &stage{session: s, peer: d.peer, other: d.other}
	if sh.delay > 0 {
		st.path = newPath(d.link, sh.delay)
		d.link, o.Lost = st.path, st.path.wasLost
	}
	if err := s.start([]link.Link{d.link}, f.pcap, true, o); err != nil {
		return fail(1, err)
	}
	stop, unwatch := watch()
	defer unwatch()
	go func() {
		<-stop.Done()
		if stop.came() {
			shut(s.stack, grace)
		}
	}()
	begin := time.Now()
	if d.before != "" {
		s.tell.Say("%s", d.before)
	}
	s.tell.Say("%s", st.text(sh.en, sh.ko)+" "+d.where)
	err = sh.play(st)
	unwatch()
	if err == nil {
		s.summary(time.Since(begin))
	}
	s.tell.End() // the rest is cleaning up
	if cerr := s.close(grace); err == nil {
		err = cerr
	}
	if err == nil && f.pcap != "" { // it is whole now
		s.tell.Say("They are in %s: open it with Wireshark.", f.pcap)
	}
	if stop.came() {
		return stop.err()
	}
	if err != nil {
		return fail(1, err)
	}
	return nil
}

// ticking is a clock on which each reading is later than the one before, so that the order of the story is that of
// what happened, even where that takes no time.
func ticking() func() clock.Instant {
	start := time.Now()
	var last atomic.Int64
	return func() clock.Instant {
		for {
			before := last.Load()
			if now := max(int64(time.Since(start))+1, before+1); last.CompareAndSwap(before, now) {
				return clock.Instant(now)
			}
		}
	}
}

// summary ends the demo.
func (s *session) summary(took time.Duration) {
	s.tell.Sum(func(ours, theirs int) string {
		return journey.Text(s.lang, "That was all, in %d ms: %d packets from us and %d to us, none of them by the kernel's TCP on our side.",
			took.Milliseconds(), ours, theirs)
	})
}
