package setup

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newNS makes a namespace for the test, or skips where that is not allowed.
func newNS(t *testing.T) *NetNS {
	t.Helper()
	ns, err := NewNetNS()
	if errors.Is(err, ErrPermission) {
		t.Skipf("no privilege to make a network namespace: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("no TUN on this system: %v", err)
	}
	return ns
}

// inNS runs a test's body in a new namespace that has an interface wan0, too.
func inNS(t *testing.T, f func(t *testing.T, cfg UpConfig)) {
	t.Helper()
	a, b := newNS(t), newNS(t)
	require.NoError(t, AddVeth(a, "wan0", b, "wan1"))
	cfg := UpConfig{Name: "sk0", UID: otherUser(), Addr: netip.MustParsePrefix("192.0.2.2/24"), NAT: "wan0", MTU: 1400, Dir: t.TempDir()}
	require.NoError(t, a.Do(func() error { f(t, cfg); return nil }))
}

// otherUser is somebody who may own a device; in a user namespace there is only root.
func otherUser() int {
	if inUserNS() {
		return 0
	}
	return 1234
}

// A picture is what Up may change in a namespace.
type picture struct {
	links, tables []string
	forward       string
	files         []string
}

func look(t *testing.T, dir string) picture {
	t.Helper()
	var p picture
	links, err := netlink.LinkList()
	require.NoError(t, err)
	for _, l := range links {
		p.links = append(p.links, l.Attrs().Name)
	}
	tables, err := (&nftables.Conn{}).ListTables()
	require.NoError(t, err)
	for _, tb := range tables {
		p.tables = append(p.tables, tb.Name)
	}
	p.forward, err = readForward()
	require.NoError(t, err)
	es, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range es {
		p.files = append(p.files, e.Name())
	}
	return p
}

func TestUpMakesAndDownRemoves(t *testing.T) {
	inNS(t, func(t *testing.T, cfg UpConfig) {
		require.NoError(t, writeForward("0"))
		cfg.Routes = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		before := look(t, cfg.Dir)
		st, err := Up(cfg)
		require.NoError(t, err)
		require.Empty(t, st.Warnings)
		require.Equal(t, "192.0.2.1/24", st.Kernel.String())

		info, err := Lookup(cfg.Dir, "sk0")
		require.NoError(t, err)
		require.Equal(t, &Info{
			Name: "sk0", Index: st.Index, MTU: 1400, Up: true, TUN: true, Persistent: true, UID: otherUser(),
			Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, State: st,
		}, info)
		l, err := netlink.LinkByName("sk0")
		require.NoError(t, err)
		require.Equal(t, 10000, l.Attrs().TxQLen)
		routes, err := netlink.RouteList(l, netlink.FAMILY_V4)
		require.NoError(t, err)
		require.Len(t, routes, 2, "the prefix and the route asked for: %v", routes)
		up := look(t, cfg.Dir)
		require.Equal(t, "1", up.forward)
		require.Equal(t, []string{"sockeye_sk0"}, up.tables)

		_, err = Up(cfg)
		require.ErrorIs(t, err, ErrAlreadyUp)
		require.Equal(t, up, look(t, cfg.Dir), "a refused Up changes nothing")
		require.NoError(t, Down(cfg.Dir, "sk0"))
		require.Equal(t, before, look(t, cfg.Dir))
		require.ErrorIs(t, Down(cfg.Dir, "sk0"), ErrNotUp)
	})
}

func TestDownAfterACrashAnywhere(t *testing.T) {
	for _, old := range []string{"0", "1"} {
		inNS(t, func(t *testing.T, cfg UpConfig) {
			require.NoError(t, writeForward(old))
			before := look(t, cfg.Dir)
			var steps []string
			for crashes := 0; ; crashes++ {
				n := 0
				_, err := up(cfg, func(step string) error {
					if n++; n > crashes {
						steps = append(steps, step)
						return errCrash
					}
					return nil
				})
				if err == nil {
					require.Equal(t, 8, crashes, "four changes, a crash before and after each: %v", steps)
				} else {
					require.ErrorIs(t, err, errCrash)
					_, err := Up(cfg)
					require.ErrorIs(t, err, ErrAlreadyUp, "what a crash left is not built upon")
				}
				require.NoError(t, Down(cfg.Dir, cfg.Name))
				require.Equal(t, before, look(t, cfg.Dir), "after crash %d %v", crashes, steps)
				if err == nil {
					return
				}
			}
		})
	}
}

func TestUpThatFailsTakesBack(t *testing.T) {
	inNS(t, func(t *testing.T, cfg UpConfig) {
		require.NoError(t, writeForward("0"))
		before := look(t, cfg.Dir)
		boom := errors.New("boom")
		for _, at := range []string{"device done", "interface done", "forwarding done", "table done"} {
			_, err := up(cfg, func(step string) error {
				if step == at {
					return boom
				}
				return nil
			})
			require.ErrorIs(t, err, boom)
			require.Equal(t, before, look(t, cfg.Dir), at)
		}
		cfg.MTU = 1 // the kernel refuses it
		_, err := Up(cfg)
		require.Error(t, err)
		require.Equal(t, before, look(t, cfg.Dir))
	})
}

// A route that overlaps may be meant: it is named, no more. IPv6 is off.
func TestUpBesideARoute(t *testing.T) {
	inNS(t, func(t *testing.T, cfg UpConfig) {
		require.NoError(t, AddRoute("wan0", netip.MustParsePrefix("192.0.0.0/16"), netip.Addr{}))
		require.NoError(t, AddRoute("wan0", netip.MustParsePrefix("198.51.100.0/24"), netip.Addr{}))
		st, err := Up(cfg)
		require.NoError(t, err)
		require.Equal(t, []string{"192.0.2.0/24 overlaps with the route to 192.0.0.0/16 on wan0: the longer prefix wins"}, st.Warnings)
		l, err := netlink.LinkByName("sk0")
		require.NoError(t, err)
		addrs, err := netlink.AddrList(l, netlink.FAMILY_V6)
		require.NoError(t, err)
		require.Empty(t, addrs, "nobody speaks IPv6 there")
	})
}

func TestUpRefuses(t *testing.T) {
	inNS(t, func(t *testing.T, cfg UpConfig) {
		require.NoError(t, AddAddr("wan0", netip.MustParsePrefix("203.0.113.129/24")))
		before := look(t, cfg.Dir)
		for _, row := range []struct {
			rule   string
			change func(*UpConfig)
			want   error
		}{
			{"a name of 16 bytes", func(c *UpConfig) { c.Name = strings.Repeat("x", 16) }, ErrName},
			{"a prefix longer than /30", func(c *UpConfig) { c.Addr = netip.MustParsePrefix("192.0.2.2/31") }, ErrPrefix},
			{"an interface that is there", func(c *UpConfig) { c.Name = "wan0" }, ErrExists},
			{"loopback's network", func(c *UpConfig) { c.Addr = netip.MustParsePrefix("127.0.5.2/24") }, ErrNotUsable},
			{"a network that wan0 is in", func(c *UpConfig) { c.Addr = netip.MustParsePrefix("203.0.113.130/25") }, ErrClash},
			{"a network that holds wan0's", func(c *UpConfig) { c.Addr = netip.MustParsePrefix("203.0.0.2/8") }, ErrClash},
			{"NAT behind nothing", func(c *UpConfig) { c.NAT = "none0" }, ErrNoInterface},
		} {
			bad := cfg
			row.change(&bad)
			_, err := Up(bad)
			require.ErrorIs(t, err, row.want, row.rule)
			require.NotContains(t, err.Error(), "\n")
			if row.want == ErrNoInterface {
				require.ErrorContains(t, err, "choose one of wan0", "what there is")
			}
			require.Equal(t, before, look(t, cfg.Dir))
		}
		c := &nftables.Conn{}
		c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "sockeye_sk0"})
		require.NoError(t, c.Flush())
		_, err := Up(cfg)
		require.ErrorContains(t, err, "nft delete table ip sockeye_sk0")
	})
}

func TestAddTUNRefuses(t *testing.T) {
	require.NoError(t, newNS(t).Do(func() error {
		require.ErrorIs(t, AddTUN("a/b", 0, 0), ErrName)
		require.NoError(t, AddTUN("sk0", 0, 0))
		require.ErrorIs(t, AddTUN("sk0", 0, 0), unix.EBUSY, "never one that is there")
		if nobody := int64(math.MaxUint32); int64(int(nobody)) == nobody { // where an int holds it
			require.ErrorIs(t, AddTUN("sk1", int(nobody), -1), ErrNoUser)
			require.ErrorIs(t, AddTUN("sk1", -1, int(nobody)), ErrNoUser)
			_, err := Lookup(t.TempDir(), "sk1")
			require.ErrorIs(t, err, ErrNoInterface)
		}
		return nil
	}))
}

func TestForwardingIsKeptForTheOtherDevice(t *testing.T) {
	for _, first := range []string{"sk0", "sk1"} {
		inNS(t, func(t *testing.T, cfg UpConfig) {
			require.NoError(t, writeForward("0"))
			two := cfg
			two.Name, two.Addr = "sk1", netip.MustParsePrefix("198.51.100.2/24")
			for _, c := range []UpConfig{cfg, two} {
				_, err := Up(c)
				require.NoError(t, err)
			}
			second := map[string]string{"sk0": "sk1", "sk1": "sk0"}[first]
			require.NoError(t, Down(cfg.Dir, first))
			require.Equal(t, "1", look(t, cfg.Dir).forward, "the other one needs it")
			require.NoError(t, Down(cfg.Dir, second))
			require.Equal(t, "0", look(t, cfg.Dir).forward)
		})
	}
}

func TestDownTouchesOnlyItsOwn(t *testing.T) {
	inNS(t, func(t *testing.T, cfg UpConfig) {
		_, err := Up(cfg)
		require.NoError(t, err)
		require.NoError(t, Delete("sk0"))
		require.NoError(t, AddTUN("sk0", -1, -1)) // another one of that name
		info, err := Lookup(cfg.Dir, "sk0")
		require.NoError(t, err)
		require.Nil(t, info.State)
		other := newNS(t)
		require.NoError(t, other.Do(func() error {
			require.ErrorIs(t, Down(cfg.Dir, "sk0"), ErrOtherNetNS)
			return nil
		}))
		require.NoError(t, Down(cfg.Dir, "sk0"))
		require.Contains(t, look(t, cfg.Dir).links, "sk0")
	})
}

func TestForwardChainsThatDrop(t *testing.T) {
	drop := nftables.ChainPolicyDrop
	policy := func(c *nftables.Conn, family nftables.TableFamily, table, chain string) *nftables.Chain {
		tb := c.AddTable(&nftables.Table{Family: family, Name: table})
		return c.AddChain(&nftables.Chain{
			Table: tb, Name: chain, Type: nftables.ChainTypeFilter, Policy: &drop,
			Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
		})
	}
	accept := func(c *nftables.Conn, chain *nftables.Chain, key expr.MetaKey) {
		c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: join(
			ifname(key, "sk0"), []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept}},
		)})
	}
	for _, row := range []struct {
		rule string
		make func(c *nftables.Conn)
		want []string // in the one warning; nil: none
	}{
		{"no other chain", func(*nftables.Conn) {}, nil},
		{"Docker's", func(c *nftables.Conn) { policy(c, nftables.TableFamilyIPv4, "filter", "FORWARD") },
			[]string{"`iptables -I FORWARD -i sk0 -j ACCEPT`", "`iptables -I FORWARD -o sk0 -j ACCEPT`"}},
		{"one of nftables' own", func(c *nftables.Conn) { policy(c, nftables.TableFamilyINet, "fw", "fwd") },
			[]string{"`nft insert rule inet fw fwd iifname \"sk0\" accept`", "`nft insert rule inet fw fwd oifname \"sk0\" accept`"}},
		{"one that accepts us already", func(c *nftables.Conn) {
			chain := policy(c, nftables.TableFamilyIPv4, "filter", "FORWARD")
			accept(c, chain, expr.MetaKeyIIFNAME)
			accept(c, chain, expr.MetaKeyOIFNAME)
		}, nil},
		{"one that accepts one direction only", func(c *nftables.Conn) {
			accept(c, policy(c, nftables.TableFamilyIPv4, "filter", "FORWARD"), expr.MetaKeyIIFNAME)
		}, []string{"-o sk0"}},
		{"a last rule that drops all", func(c *nftables.Conn) {
			chain := policy(c, nftables.TableFamilyINet, "fw", "fwd")
			all := nftables.ChainPolicyAccept
			chain.Policy = &all
			c.AddChain(chain)
			c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}}})
		}, []string{"chain fwd of table fw"}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			inNS(t, func(t *testing.T, cfg UpConfig) {
				c := &nftables.Conn{}
				row.make(c)
				require.NoError(t, c.Flush())
				st, err := Up(cfg)
				require.NoError(t, err)
				if row.want == nil {
					require.Empty(t, st.Warnings)
				} else {
					require.Len(t, st.Warnings, 1)
				}
				for _, w := range row.want {
					require.Contains(t, st.Warnings[0], w)
				}
				saved, err := Load(cfg.Dir, cfg.Name)
				require.NoError(t, err)
				require.Equal(t, st, saved)
			})
		})
	}
}

func TestTableNamesAreWords(t *testing.T) {
	require.Equal(t, "sockeye_a_b_c0", tableName("a-b.c0"))
}
