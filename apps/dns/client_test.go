package dns

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// client is a Client that iterates through the tree, with a hosts file.
func client(t testing.TB) (*Client, *internet) {
	n := tree(t)
	it := n.iterator()
	return &Client{Upstream: it, Cache: it.Cache, Hosts: ParseHosts(`
127.0.0.1   localhost
10.1.2.3    here.a.one here   # twice
::1         ip6-localhost
2001:db8::7 here.a.one
not-an-address nobody
10.1.2.4
10.1.2.5 two..dots
`)}, n
}

func TestClientHosts(t *testing.T) {
	c, n := client(t)
	for _, row := range []struct {
		rule, name string
		t          Type
		want       []string
		source     SourceKind
		err        error
	}{
		{"a name of the hosts file", "here.a.one", TypeA, []string{"10.1.2.3"}, FromHosts, nil},
		{"in any letter case", "HERE.a.One.", TypeAAAA, []string{"2001:db8::7"}, FromHosts, nil},
		{"an alias", "here", TypeA, []string{"10.1.2.3"}, FromHosts, nil},
		{"a name that has the other sort of address only is not asked for", "here", TypeAAAA, nil, FromHosts, ErrNoData},
		{"another type is", "www.a.one", TypeMX, nil, FromAuthority, ErrNoData},
		{"an address's first name", "3.2.1.10.in-addr.arpa", TypePTR, []string{"here.a.one."}, FromHosts, nil},
		{"IPv6 too", Reverse(netip.MustParseAddr("2001:db8::7")), TypePTR, []string{"here.a.one."}, FromHosts, nil},
		{"localhost (RFC 6761 6.3)", "localhost", TypeA, []string{"127.0.0.1"}, FromHosts, nil},
		{"and what is below it", "x.localhost", TypeA, []string{"127.0.0.1"}, FromHosts, nil},
		{"what is not there is asked for", "www.a.one", TypeA, []string{"192.0.2.80"}, FromAuthority, nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			n.questions()
			a, err := c.Lookup(t.Context(), row.name, row.t)
			require.ErrorIs(t, err, row.err)
			require.Equal(t, row.want, datas(a))
			require.Equal(t, row.source, a.Source.Kind)
			require.Equal(t, row.source == FromHosts, len(n.questions()) == 0)
		})
	}
}

func TestParseHostsOfNothing(t *testing.T) {
	for _, text := range []string{"", "\n\n", "#", "x", "10.0.0.1", "10.0.0.1 \xff"} {
		h := ParseHosts(text)
		require.Empty(t, h.addrs, text)
	}
}

func TestReverse(t *testing.T) {
	require.Equal(t, "1.2.0.192.in-addr.arpa.", Reverse(netip.MustParseAddr("192.0.2.1")))
	require.Equal(t, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", Reverse(netip.MustParseAddr("2001:db8::1")))
	for _, at := range []string{"192.0.2.1", "0.0.0.0", "2001:db8::1", "::"} {
		a := netip.MustParseAddr(at)
		back, ok := fromReverse(Reverse(a))
		require.True(t, ok)
		require.Equal(t, a, back)
	}
	for _, bad := range []string{"1.2.3.in-addr.arpa.", "256.1.1.1.in-addr.arpa.", "x.ip6.arpa.", "in-addr.arpa.", "1.2.0.192.in-addr.arpa.x."} {
		_, ok := fromReverse(bad)
		require.False(t, ok, bad)
	}
}

func TestParseConfig(t *testing.T) {
	c := ParseConfig(`# a comment
nameserver 192.0.2.1
nameserver nonsense
nameserver 192.0.2.2
nameserver 2001:db8::1
nameserver 192.0.2.4
domain old.test
search one.test two.test. bad..name
options ndots:2 timeout:1 attempts:9 use-vc no-edns0 rotate
`)
	require.Equal(t, &Config{Servers: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1")},
		Search: []string{"one.test.", "two.test."}, Ndots: 2, Timeout: time.Second, Attempts: 5, TCP: true, NoEDNS: true}, c)
	require.Equal(t, &Config{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}, ParseConfig(""))
	require.Equal(t, 1, ParseConfig("options ndots:-1 ndots:x").Ndots)
}

func TestSearchNames(t *testing.T) {
	search := []string{"one.", "two."}
	for _, row := range []struct {
		rule, name string
		ndots      int
		want       []string
	}{
		{"without a dot: searched first", "www", 1, []string{"www.one.", "www.two.", "www."}},
		{"with enough dots: as it is first", "www.x", 1, []string{"www.x.", "www.x.one.", "www.x.two."}},
		{"with too few", "www.x", 2, []string{"www.x.one.", "www.x.two.", "www.x."}},
		{"a final dot: as it is", "www.", 1, []string{"www."}},
		{"ndots 0: as it is first", "www", 0, []string{"www.", "www.one.", "www.two."}},
	} {
		t.Run(row.rule, func(t *testing.T) { require.Equal(t, row.want, SearchNames(row.name, search, row.ndots)) })
	}
	require.Equal(t, []string{"www."}, SearchNames("www", nil, 1))
}

func TestClientSearches(t *testing.T) {
	c, _ := client(t)
	c.Search = []string{"nowhere.one.", "a.one."}
	addrs, err := c.LookupHost(t.Context(), "www")
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.80"}, addrs)
	_, err = c.LookupHost(t.Context(), "nothing")
	require.ErrorIs(t, err, ErrNXDomain)
	require.ErrorContains(t, err, "no such name: nothing ", "the name as it was given")
	_, err = c.LookupHost(t.Context(), "a..b")
	require.ErrorIs(t, err, ErrBadName)
}

func TestGetHostByName(t *testing.T) {
	c, n := client(t)
	h, err := c.GetHostByName("alias.a.one")
	require.NoError(t, err)
	require.Equal(t, &HostEnt{Name: "www.a.one", Aliases: []string{"alias.a.one"}, AddrType: 2, Length: 4, AddrList: []netip.Addr{netip.MustParseAddr("192.0.2.80")}}, h)
	h, err = c.GetHostByName("198.51.100.1")
	require.NoError(t, err)
	require.Equal(t, &HostEnt{Name: "198.51.100.1", AddrType: 2, Length: 4, AddrList: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}, h)
	n.servers["10.0.4.1"] = func(Question, Transport) *Message { return &Message{RCode: 2} }
	for name, want := range map[string]HErrno{"none.one": HostNotFound, "one": NoAddress, "x.b.two": NoRecovery, "a..b": HostNotFound, "::1": NoAddress} {
		_, err := c.GetHostByName(name)
		require.ErrorIs(t, err, want, name)
		require.NotEmpty(t, err.Error())
	}
	n.servers["10.0.4.1"] = nil
	n.pass(time.Hour)
	_, err = c.GetHostByName("y.b.two")
	require.ErrorIs(t, err, TryAgain)
}

func TestLookups(t *testing.T) {
	c, n := client(t)
	ctx := t.Context()
	n.serve("10.0.2.1", "two.", "two. 3600 SOA ns.two. 600", "two. 300 NS ns.two.", "ns.two. 300 A 10.0.2.1", "two. 300 TXT hello",
		"two. 300 MX 20 far.one.", "two. 300 MX 10 mail.two.", "mail.two. 300 A 192.0.2.26", "alias.two. 300 CNAME mail.two.")
	base := n.servers["10.0.2.1"]
	n.servers["10.0.2.1"] = func(q Question, over Transport) *Message {
		m := base(q, over)
		if q.Type == TypeMX { // servers give the addresses along
			m.Additionals = rrs("mail.two. 300 A 192.0.2.26", "far.one. 300 A 203.0.113.66")
		}
		return m
	}
	mx, err := c.LookupMX(ctx, "two")
	require.NoError(t, err)
	require.Equal(t, []MX{{"mail.two.", 10, []netip.Addr{netip.MustParseAddr("192.0.2.26")}}, {"far.one.", 20, nil}}, mx, "what is not the server's to give is not taken")
	txt, err := c.LookupTXT(ctx, "two")
	require.NoError(t, err)
	require.Equal(t, []string{"hello"}, txt)
	ns, err := c.LookupNS(ctx, "two")
	require.NoError(t, err)
	require.Equal(t, []string{"ns.two."}, ns)
	name, err := c.LookupCNAME(ctx, "alias.two")
	require.NoError(t, err)
	require.Equal(t, "mail.two.", name)
	ips, err := c.LookupNetIP(ctx, "ip4", "mail.two")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.26")}, ips)
	_, err = c.LookupNetIP(ctx, "ip6", "mail.two")
	require.ErrorIs(t, err, ErrNoData)
	names, err := c.LookupAddr(ctx, "10.1.2.3")
	require.NoError(t, err)
	require.Equal(t, []string{"here.a.one."}, names)
	_, err = c.LookupAddr(ctx, "here")
	require.ErrorIs(t, err, ErrBadName)
	mx, err = c.LookupMX(ctx, "two") // and from the cache, with the address that it knows by now
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.26")}, mx[0].Addrs)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = c.LookupTXT(ended, "never.two")
	require.Error(t, err)
}

// What a recursive server said is kept too, its chain, its nothing and its failures.
func TestClientKeepsWhatIsSaid(t *testing.T) {
	n := newInternet(t)
	n.servers["10.0.0.1"] = func(q Question, _ Transport) *Message {
		switch ascii.Lower(q.Name) {
		case "www.one.":
			return &Message{RA: true, Answers: rrs("www.one. 300 CNAME host.two.", "host.two. 100 A 192.0.2.1")}
		case "host.two.":
			return &Message{RA: true, Answers: rrs("host.two. 100 A 192.0.2.1")}
		case "fails.one.":
			return &Message{RA: true, RCode: 2}
		}
		return &Message{RA: true, RCode: 3, Authorities: rrs("one. 3600 SOA ns.one. 60")}
	}
	c := &Client{Cache: NewCache(0), Upstream: &Resolver{Carry: n.carry, Now: n.now, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}}
	for range 2 {
		a, err := c.Lookup(t.Context(), "Www.one", TypeA)
		require.NoError(t, err)
		require.Equal(t, "Www.one.\t300\tIN\tCNAME\thost.two.", a.Spelt(a.Chain[0]).String())
		require.Equal(t, []string{"192.0.2.1"}, datas(a))
		_, err = c.Lookup(t.Context(), "none.one", TypeA)
		require.ErrorIs(t, err, ErrNXDomain)
		_, err = c.Lookup(t.Context(), "fails.one", TypeA)
		require.ErrorIs(t, err, ErrRefused)
	}
	require.Len(t, n.questions(), 4, "each once, and the failure twice: once each round over the servers")
	a, err := c.Lookup(t.Context(), "host.two", TypeA)
	require.NoError(t, err)
	require.Equal(t, FromCache, a.Source.Kind)
	n.pass(101 * time.Second)
	_, err = c.Lookup(t.Context(), "www.one", TypeA)
	require.NoError(t, err)
	require.Len(t, n.questions(), 1, "the alias is known, its end is asked for")
}

// A question that took all of a Client's patience and led to nothing is remembered as one that failed; one that its
// caller had no time for is not.
func TestClientPatience(t *testing.T) {
	n := newInternet(t)
	it := n.iterator()
	c := &Client{Upstream: it, Patience: time.Second}
	_, err := c.Lookup(t.Context(), "www.one", TypeA)
	require.ErrorIs(t, err, ErrTimeout)
	n.questions()
	_, err = c.Lookup(t.Context(), "www.one", TypeA)
	require.ErrorContains(t, err, "not tried again yet")
	require.Empty(t, n.questions())
}
