package main

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// dnsFlags are the flags of dns.
type dnsFlags struct {
	linkFlags
	hints    string
	forward  []string
	listen   string
	allow    []string
	rate     int
	cache    int
	hosts    string
	upstream uint16
}

func (p *program) dns() *cobra.Command {
	f := &dnsFlags{}
	cmd := &cobra.Command{
		Use:   "dns",
		Short: "Answer others' questions for names",
		Long: `Dns is a recursive name server on our stack, over UDP and TCP: it answers from its
cache, and where that does not know it asks from the root servers on, or asks the
servers named with --forward. It answers the networks named with --allow, by
default our own; others are refused. It runs until it is interrupted, and then
says what it did.`,
		Example: `  sockeye dns                            # then: dig @192.0.2.2 example.com
  sockeye dns --forward 9.9.9.9 --allow 192.0.2.0/24
  sockeye dns --hints named.root --cache 64`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runDNS(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", ":53", "listen on this `ADDR` of ours")
	fl.StringSliceVar(&f.forward, "forward", nil, "ask this name server `ADDR` instead of the root's")
	fl.StringVar(&f.hints, "hints", "", "root hints `FILE` (default: the Internet's root servers)")
	fl.Uint16Var(&f.upstream, "upstream-port", dns.Port, "ask other servers at `PORT`")
	fl.StringSliceVar(&f.allow, "allow", nil, "answer this network, a `CIDR` (default: our own)")
	fl.IntVar(&f.rate, "rate", 1000, "at most `N` answers a second over UDP to one /24; 0: any")
	fl.IntVar(&f.cache, "cache", dns.DefaultCache>>20, "keep at most `N` MiB")
	fl.StringVar(&f.hosts, "hosts", "", "answer from this hosts `FILE` first")
	f.registerServer(cmd)
	return cmd
}

func (p *program) runDNS(cmd *cobra.Command, f *dnsFlags) error {
	switch {
	case f.rate < 0:
		return usage(cmd, fmt.Errorf("--rate %d: give it a number from 0 on", f.rate))
	case f.cache < 1 || f.cache > 1<<20:
		return usage(cmd, fmt.Errorf("--cache %d: give it MiB from 1 to %d", f.cache, 1<<20))
	}
	roots, err := hints(f.hints)
	if err != nil {
		return fail(1, err)
	}
	addr, err := f.address()
	if err != nil {
		return usage(cmd, err)
	}
	return p.within(&f.linkFlags, 1, func(s *session, stop *interruption) error {
		srv := &dns.Server{API: s.api, Addr: addr, Rate: f.rate}
		if f.rate == 0 {
			srv.Rate = -1
		}
		if srv.Client, err = f.client(s, roots); err != nil {
			return fail(1, err)
		}
		if srv.Allow, err = f.allowed(s); err != nil {
			return fail(1, err)
		}
		if err := srv.Listen(); err != nil {
			return fail(1, fmt.Errorf("cannot listen on %s: %w; choose another --listen", addr, err))
		}
		s.tellDevice(p.err)
		fmt.Fprintf(p.err, "answering on %s port %d, UDP and TCP\n", s.us.Addr(), srv.Addr.Port())
		served := make(chan error, 1)
		go func() { served <- srv.Serve() }()
		<-stop.Done()
		srv.Close()
		err := <-served
		st := srv.Stats()
		entries, bytes := srv.Client.Cache.Size()
		fmt.Fprintf(p.err, "%d questions: %d known, %d asked for, %d refused, %d dropped, %d over the rate; %d connections; %d cache entries, %d KiB\n",
			st.Questions, st.Known, st.Asked, st.Refused, st.Dropped, st.Limited, st.Streams, entries, bytes>>10)
		if stop.came() {
			return nil // being told to end is how it ends
		}
		return fail(1, err)
	})
}

// address is where to listen.
func (f *dnsFlags) address() (netip.AddrPort, error) {
	text := f.listen
	if len(text) > 0 && text[0] == ':' {
		text = "0.0.0.0" + text
	}
	if at, err := netip.ParseAddrPort(text); err == nil && at.Addr().Is4() {
		return at, nil
	}
	at, err := netip.ParseAddr(text)
	if err != nil || !at.Is4() {
		return netip.AddrPort{}, fmt.Errorf("--listen %q is not an IPv4 address of ours: write it as :53 or 192.0.2.2:53", f.listen)
	}
	return netip.AddrPortFrom(at, dns.Port), nil
}

// client is what knows the answers, or finds them out.
func (f *dnsFlags) client(s *session, roots []dns.Hint) (*dns.Client, error) {
	c := &dns.Client{Cache: dns.NewCache(f.cache << 20)}
	if f.hosts != "" {
		b, err := os.ReadFile(f.hosts)
		if err != nil {
			return nil, fmt.Errorf("cannot read the hosts file: %w", err)
		}
		c.Hosts = dns.ParseHosts(string(b))
	}
	if len(f.forward) == 0 {
		it := s.iterator(&digOptions{}, roots)
		it.Cache, it.Port = c.Cache, f.upstream
		c.Upstream = it
		return c, nil
	}
	r := &dns.Resolver{API: s.api, Timeout: 2 * time.Second}
	for _, text := range f.forward {
		at, err := netip.ParseAddr(text)
		if err != nil || !at.Is4() {
			return nil, fmt.Errorf("--forward %q is not an IPv4 address", text)
		}
		r.Servers = append(r.Servers, netip.AddrPortFrom(at, f.upstream))
	}
	c.Upstream = r
	return c, nil
}

// allowed are the networks that may ask.
func (f *dnsFlags) allowed(s *session) ([]netip.Prefix, error) {
	if len(f.allow) == 0 {
		return []netip.Prefix{s.us.Masked()}, nil
	}
	var out []netip.Prefix
	for _, text := range f.allow {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--allow %q is not a network: write it as 192.0.2.0/24", text)
		}
		out = append(out, n.Masked())
	}
	return out, nil
}
