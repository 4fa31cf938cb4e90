package setup

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// forwardWarnings names the rules to add where somebody else's forward chain
// would drop our packets. An accept in our table cannot overrule it: a packet
// must pass every chain on the hook.
func forwardWarnings(st *State) []string {
	c := &nftables.Conn{}
	var all []string
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyINet} {
		chains, err := c.ListChainsOfTableFamily(family)
		if err != nil {
			continue // no such family in this kernel
		}
		for _, chain := range chains {
			if chain.Table.Name != st.Table && drops(c, chain) && !accepted(c, chains, chain, st.Name) {
				all = append(all, forwardAdvice(chain, family, st.Name))
			}
		}
	}
	// What iptables-legacy holds cannot be seen through nftables.
	if b, err := os.ReadFile("/proc/thread-self/net/ip_tables_names"); err == nil && slices.Contains(strings.Fields(string(b)), "filter") {
		all = append(all, "iptables-legacy has a filter table, which may drop what is forwarded; if nothing comes through: "+iptablesAdvice("iptables-legacy", st.Name))
	}
	return all
}

// drops reports whether a chain on the forward hook ends in a drop: by its
// policy, or by a last rule that has no condition.
func drops(c *nftables.Conn, chain *nftables.Chain) bool {
	if chain.Hooknum == nil || *chain.Hooknum != *nftables.ChainHookForward || chain.Type != nftables.ChainTypeFilter {
		return false
	}
	if chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop {
		return true
	}
	rules, err := c.GetRules(chain.Table, chain)
	return err == nil && len(rules) > 0 && unconditionalDrop(rules[len(rules)-1])
}

func unconditionalDrop(r *nftables.Rule) bool {
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Counter, *expr.Log:
		case *expr.Reject:
			return true
		case *expr.Verdict:
			return e.Kind == expr.VerdictDrop
		default:
			return false // a condition, or something unknown
		}
	}
	return false
}

// accepted reports whether the chain's table accepts both directions already,
// in this chain or in one that it may jump to (DOCKER-USER).
func accepted(c *nftables.Conn, chains []*nftables.Chain, drop *nftables.Chain, device string) bool {
	var in, out bool
	for _, chain := range chains {
		if chain.Table.Name != drop.Table.Name {
			continue
		}
		rules, err := c.GetRules(chain.Table, chain)
		if err != nil {
			return false
		}
		for _, r := range rules {
			in = in || accepts(r, expr.MetaKeyIIFNAME, device)
			out = out || accepts(r, expr.MetaKeyOIFNAME, device)
		}
	}
	return in && out
}

// accepts reports whether a rule matches the device by name and accepts.
func accepts(r *nftables.Rule, key expr.MetaKey, device string) bool {
	var matched bool
	for i, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Meta:
			if e.Key != key || i+1 == len(r.Exprs) {
				continue
			}
			cmp, ok := r.Exprs[i+1].(*expr.Cmp)
			matched = matched || ok && cmp.Op == expr.CmpOpEq && string(bytes.TrimRight(cmp.Data, "\x00")) == device
		case *expr.Verdict:
			return matched && e.Kind == expr.VerdictAccept
		}
	}
	return false
}

func forwardAdvice(chain *nftables.Chain, family nftables.TableFamily, device string) string {
	what := fmt.Sprintf("the forward chain %s of table %s drops what no rule accepts; run ", chain.Name, chain.Table.Name)
	if family == nftables.TableFamilyIPv4 && chain.Table.Name == "filter" && chain.Name == "FORWARD" {
		return what + iptablesAdvice("iptables", device)
	}
	word := "ip"
	if family == nftables.TableFamilyINet {
		word = "inet"
	}
	rule := func(dir string) string {
		return fmt.Sprintf("`nft insert rule %s %s %s %s \"%s\" accept`", word, chain.Table.Name, chain.Name, dir, device)
	}
	return what + rule("iifname") + " and " + rule("oifname")
}

func iptablesAdvice(program, device string) string {
	return fmt.Sprintf("`%s -I FORWARD -i %s -j ACCEPT` and `%s -I FORWARD -o %s -j ACCEPT`", program, device, program, device)
}
