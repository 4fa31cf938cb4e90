package netdns

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// Go's resolver asks a server of ours over our stack, and a Client of ours in process.
func TestResolvers(t *testing.T) {
	ours, theirs, err := stdnet.Pair(stack.Config{}, stack.Config{})
	require.NoError(t, err)
	defer ours.Close()
	defer theirs.Close()
	c := &dns.Client{Upstream: &dns.Resolver{}, Hosts: dns.ParseHosts("198.51.100.7 www.one\n2001:db8::7 www.one\n")}
	s := &dns.Server{API: socket.New(theirs), Client: c, Addr: netip.MustParseAddrPort("192.0.2.2:53"), Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	require.NoError(t, s.Listen())
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	defer func() {
		s.Close()
		require.NoError(t, <-done)
	}()

	over := Over(&stdnet.Dialer{Net: stdnet.New(ours)}, s.Addr)
	addrs, err := over.LookupHost(t.Context(), "www.one")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"198.51.100.7", "2001:db8::7"}, addrs)
	require.Positive(t, s.Stats().Questions)
	_, err = Over(&stdnet.Dialer{Net: stdnet.New(ours)}).LookupHost(t.Context(), "www.one")
	require.ErrorContains(t, err, "no name server")

	addrs, err = Of(c).LookupHost(t.Context(), "www.one")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"198.51.100.7", "2001:db8::7"}, addrs)
	names, err := Of(c).LookupAddr(t.Context(), "198.51.100.7")
	require.NoError(t, err)
	require.Equal(t, []string{"www.one."}, names)
}
