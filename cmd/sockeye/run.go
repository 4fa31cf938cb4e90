package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/tun"
)

// Exit codes of run beside the program's own: env(1)'s.
const (
	runFailed     = 125
	notExecutable = 126
	notFound      = 127
)

// defaultCIDR is the network inside: slirp's, which many know.
const defaultCIDR = "10.0.2.0/24"

// insideCommand is how run starts itself in the network of the program.
const insideCommand = "inside"

// runFlags are run's own flags.
type runFlags struct {
	publish  []string
	loopback bool
	cidr     string
	mtu      int
	dns      []string
	pcap     string
	verbose  bool
}

func (p *program) run() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run [--] PROGRAM [ARGUMENT]...",
		Short: "Run a program whose only network is our stack",
		Long: `Run starts a program in a network of its own, without root: all it sends goes
into a TUN, our stack ends its connections, datagrams and pings there, and dials out
through the system's own sockets. It keeps its user, its terminal and its exit status;
126 and 127 are those of a shell, for a program that cannot be run.

Inside, the program has the address .100 of --cidr, the gateway .2 and name servers
from .3 on, which stand for the system's. What listens on the system's own loopback
cannot be reached, unless --host-loopback makes the gateway's address stand for it.`,
		Example: `  sockeye run -- curl https://example.com/
  sockeye run -p 8080:80 -- python3 -m http.server 80
  sockeye run --pcap git.pcapng -- git clone https://example.com/repo.git
  sockeye run --host-loopback -- curl http://10.0.2.2:8000/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name a program")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.runRun(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.SetInterspersed(false) // what follows the program is the program's
	fl.StringArrayVarP(&f.publish, "publish", "p", nil, "`[ADDR:]PORT:INSIDE`: what connects to the PORT outside reaches the port INSIDE")
	fl.BoolVar(&f.loopback, "host-loopback", false, "let the gateway's address stand for the system's loopback")
	fl.StringVar(&f.cidr, "cidr", defaultCIDR, "the `NETWORK` inside")
	fl.IntVar(&f.mtu, "mtu", 1500, "`BYTES` of the largest packet inside")
	fl.StringArrayVar(&f.dns, "dns", nil, "name server `ADDR` (default: the system's)")
	fl.StringVar(&f.pcap, "pcap", "", "write every packet to `FILE`, as pcapng for Wireshark")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "tell on standard error what the device does for us")
	return cmd
}

// A layout is who has which address inside.
type layout struct {
	net     netip.Prefix
	gateway netip.Addr
	guest   netip.Addr
	dns     map[netip.Addr]netip.AddrPort // the name servers inside, and what they stand for
	servers []netip.Addr                  // the keys of dns, in their order
}

// maxServers is how many name servers a resolver asks (resolv.conf(5)).
const maxServers = 3

// lay makes a layout of a network.
func lay(cidr string, servers []netip.AddrPort) (*layout, error) {
	n, err := netip.ParsePrefix(cidr)
	if err != nil || !n.Addr().Is4() || n.Bits() < 8 || n.Bits() > 28 || !n.Addr().IsGlobalUnicast() {
		return nil, fmt.Errorf("--cidr %q is not an IPv4 network of 16 addresses or more: write it as 10.0.2.0/24", cidr)
	}
	n = n.Masked()
	l := &layout{net: n, gateway: n.Addr().Next().Next(), dns: map[netip.Addr]netip.AddrPort{}}
	at := l.gateway
	for _, s := range servers[:min(len(servers), maxServers)] {
		at = at.Next()
		l.dns[at] = s
		l.servers = append(l.servers, at)
	}
	b := n.Addr().As4()
	b[3] += 100
	if n.Bits() > 25 {
		b[3] = n.Addr().As4()[3] + 14
	}
	l.guest = netip.AddrFrom4(b)
	return l, nil
}

// A published port: who connects to listen reaches inside.
type published struct {
	listen string
	inside uint16
}

// parsePublished reads -p.
func parsePublished(all []string) (ps []published, err error) {
	for _, s := range all {
		outside, inside, ok := cutLast(s, ":")
		port, err := strconv.ParseUint(inside, 10, 16)
		if !ok || err != nil || port == 0 {
			return nil, fmt.Errorf("-p %q: write it as 8080:80, or 127.0.0.1:8080:80", s)
		}
		addr := netip.IPv4Unspecified()
		if a, p, ok := cutLast(outside, ":"); ok {
			if addr, err = netip.ParseAddr(strings.Trim(a, "[]")); err != nil {
				return nil, fmt.Errorf("-p %q: %q is not an address", s, a)
			}
			outside = p
		}
		if _, err := strconv.ParseUint(outside, 10, 16); err != nil {
			return nil, fmt.Errorf("-p %q: %q is not a port", s, outside)
		}
		ps = append(ps, published{net.JoinHostPort(addr.String(), outside), uint16(port)})
	}
	return ps, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// checked is what the flags say, checked before anything is touched.
func (f *runFlags) checked() (l *layout, ps []published, err error) {
	servers, err := f.servers()
	if err != nil {
		return nil, nil, err
	}
	if l, err = lay(f.cidr, servers); err != nil {
		return nil, nil, err
	}
	if f.mtu < 576 || f.mtu > tun.MaxMTU {
		return nil, nil, fmt.Errorf("--mtu %d: it is from 576 to %d", f.mtu, tun.MaxMTU)
	}
	ps, err = parsePublished(f.publish)
	return l, ps, err
}
