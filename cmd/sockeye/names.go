package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// hostsFile is where the system keeps names of its own.
const hostsFile = "/etc/hosts"

// client turns names into addresses in the order that people are used to: the hosts file, what was
// asked before, and then the name servers.
func (s *session) client() *dns.Client {
	s.naming.Do(func() {
		b, _ := os.ReadFile(hostsFile) // not there: nothing is in it
		s.names = &dns.Client{Hosts: dns.ParseHosts(string(b)), Cache: dns.NewCache(0), Upstream: s.resolver()}
		if s.system { // the servers are the system's: so are the domains to search
			c := systemConfig()
			s.names.Search, s.names.Ndots = c.Search, c.Ndots
		}
	})
	return s.names
}

// addrs finds the IPv4 addresses of a host, and tells how.
func (s *session) addrs(host string, deadline time.Time) ([]netip.Addr, error) {
	if _, err := netip.ParseAddr(host); err != nil {
		if a, ok := s.client().Known(host, dns.TypeA); ok {
			if s.tell != nil {
				s.tell.Known(host, a)
			}
		} else if len(s.servers) == 0 && s.noDNS != nil {
			return nil, s.noDNS
		} else if s.tell != nil {
			s.tell.Question(host, dns.TypeA, s.servers)
		}
	}
	ctx := context.Background()
	if !deadline.IsZero() {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, deadline)
		defer stop()
	}
	all, err := s.client().LookupNetIP(ctx, "ip4", host)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &dns.Error{Kind: dns.ErrTimeout, Name: host, Type: dns.TypeA, Servers: s.servers}
	}
	return all, err
}
