package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack"
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
		Use:   "demo",
		Short: "Watch a page being fetched, packet by packet",
		Long: `Demo makes a network namespace of its own with a TUN device in it, lets the kernel
there serve a small site and its name, and fetches the page through our stack,
telling what happens. It needs no root where the system allows user namespaces,
no configuration and no internet. Where it may have no TUN, it joins two of our
own hosts in memory instead, and says so.`,
		Example: `  sockeye demo
  sockeye demo --pcap demo.pcapng && wireshark demo.pcapng
  sockeye demo --link pipe`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runDemo(cmd, f) },
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

func (p *program) runDemo(cmd *cobra.Command, f *demoFlags) error {
	us, err := parseAddr(f.addr)
	if err != nil {
		return fail(2, err)
	}
	switch f.link {
	case "pipe":
		return p.demoPipe(f, us, nil)
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
		return p.without(f, us, err)
	}
	dev, err := demoDevice(us)
	if err != nil {
		if why := setup.WhyNot(); why != nil {
			err = why
		}
		return p.without(f, us, err)
	}
	return p.demoTUN(f, us, dev)
}

// without does without a TUN, for a reason.
func (p *program) without(f *demoFlags, us netip.Prefix, why error) error {
	if f.link == "tun" {
		return fail(1, fmt.Errorf("no TUN: %w; or leave out --link tun", plain(why)))
	}
	return p.demoPipe(f, us, plain(why))
}

// demoDevice makes the TUN in our namespace, the kernel's side with its address.
func demoDevice(us netip.Prefix) (*tun.Device, error) {
	if err := setup.SetUp("lo"); err != nil {
		return nil, err
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

// demoTUN makes the journey between our stack and the kernel of our namespace.
func (p *program) demoTUN(f *demoFlags, us netip.Prefix, dev *tun.Device) error {
	kernel, err := setup.KernelAddr(us)
	if err != nil {
		return fail(1, plain(err))
	}
	web, err := newSite(kernelNet{}, kernel)
	if err != nil {
		_ = dev.Close()
		return fail(1, fmt.Errorf("the kernel's side cannot serve: %w", err))
	}
	defer web.close()
	return p.journey(f, demoPath{
		us: us, peer: kernel, link: dev, device: dev.Name(), peerName: "the kernel",
		intro: journey.Text(f.lang, "A page is fetched over TCP, twice. Our side is Sockeye, a TCP/IP stack in this program, at %s. The other side is the Linux kernel, at %s, in a network namespace that exists only for this: its own TCP, with Go's net/http and a small name server on it. Between them is %s, a TUN device.", us.Addr(), kernel, dev.Name()),
	})
}

// demoPipe makes the journey between two of our own hosts. It says first that
// no TUN and no kernel took part, and what mends that.
func (p *program) demoPipe(f *demoFlags, us netip.Prefix, why error) error {
	peer, err := setup.KernelAddr(us)
	if err != nil {
		return fail(2, plain(err))
	}
	intro := journey.Text(f.lang, "No TUN and no kernel take part in this: two hosts of our own are joined in memory.")
	if why != nil {
		intro += "\n\n" + journey.Text(f.lang, "The reason: %s.", why)
	}
	intro += "\n\n" + journey.Text(f.lang, "To see it with the kernel on the other side:") + "\n\n" + mend(why) + "\n\n" +
		journey.Text(f.lang, "A page is fetched over TCP, twice. Both sides are Sockeye, a TCP/IP stack in this program: one fetches, at %s; the other, at %s, serves with Go's net/http and a small name server.", us.Addr(), peer)
	a, b := link.NewPipe(link.Features{MTU: 1500}, 1024)
	other, err := stack.New(stack.Config{Link: b, Prefixes: []netip.Prefix{netip.PrefixFrom(peer, us.Bits())}})
	if err != nil {
		_ = a.Close()
		return fail(1, err)
	}
	defer shut(other, grace)
	web, err := newSite(stdnet.New(other), peer)
	if err != nil {
		_ = a.Close()
		return fail(1, fmt.Errorf("the other host cannot serve: %w", err))
	}
	defer web.close()
	return p.journey(f, demoPath{us: us, peer: peer, link: a, peerName: "the other host", intro: intro})
}

// mend is the commands that give the demo its TUN.
func mend(why error) string {
	if errors.Is(why, setup.ErrNotSupported) {
		return "  go run ./cmd/sockeye demo    (on Linux)"
	}
	if errors.Is(why, setup.ErrNoCaps) {
		return "  docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN \\\n      --device /dev/net/tun ..."
	}
	text := "  go build -o sockeye ./cmd/sockeye && sudo ./sockeye demo"
	if errors.Is(why, setup.ErrAppArmor) {
		text = "  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\nor\n" + text
	}
	return text
}

// A demoPath is between whom the journey goes.
type demoPath struct {
	us       netip.Prefix
	peer     netip.Addr
	link     link.Link
	device   string
	peerName string
	intro    string
}

// journey fetches the page twice and tells it.
func (p *program) journey(f *demoFlags, d demoPath) (err error) {
	s := &session{lang: f.lang, us: d.us, gateway: d.peer, device: d.device, servers: []netip.AddrPort{netip.AddrPortFrom(d.peer, dns.Port)}}
	if f.html != "" {
		s.html = &pageFile{path: f.html}
	}
	if err := s.start([]link.Link{d.link}, f.pcap, true, journey.Options{Out: p.out, Us: "sockeye", Peer: d.peerName, Color: isTerminal(p.out), Lang: f.lang}); err != nil {
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
	s.tell.Say("%s", d.intro)
	err = s.twice()
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

// twice makes both fetches: one kept alive, one with Connection: close.
func (s *session) twice() error {
	first := newFetch(s)
	s.tell.URL(siteURL)
	if _, err := first.do(&http.Request{URL: siteURL}, io.Discard); err != nil {
		return err
	}
	s.tell.Heading("The close: kept alive, so it is ours")
	s.tell.Say("The server left the connection open for another request (keep-alive). We have none, and close.")
	_ = first.resp.Body.Close()
	_ = first.browser.Close()
	first.closed()

	second := newFetch(s)
	second.brief = true
	second.client.Resolve = func(string, time.Time) ([]netip.Addr, error) { return []netip.Addr{first.resp.Remote.Addr()}, nil }
	s.tell.Heading("Once more, with Connection: close")
	s.tell.Say("The address is known now. The same request with one line more, `Connection: close`, makes the server close first, when it has sent the page.")
	if _, err := second.do(&http.Request{URL: siteURL, Close: true}, io.Discard); err != nil {
		return err
	}
	_ = second.resp.Body.Close()
	_ = second.browser.Close()
	second.closed()
	return nil
}

// summary ends the demo.
func (s *session) summary(took time.Duration) {
	s.tell.Sum(func(ours, theirs int) string {
		return journey.Text(s.lang, "That was all, in %d ms: %d packets from us and %d to us, none of them by the kernel's TCP on our side.",
			took.Milliseconds(), ours, theirs)
	})
}
