package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/dns"
)

func dialTCP(at string) error {
	c, err := net.DialTimeout("tcp4", at, time.Second)
	if err == nil {
		err = c.Close()
	}
	return err
}

// An ask is one question for two resolvers.
type ask struct {
	name string
	t    dns.Type
}

func (q ask) String() string { return q.name + " " + dns.TypeString(q.t) }

// A pair is a resolver of ours and one of others, with the same tree before them, and a server before ours.
type pair struct {
	ours           *dns.Iterator
	theirs, server *dns.Resolver
}

// differ asks all. Where they differ, and that is not as it should be, it tells what they said.
func (p *pair) differ(q ask) (ours, theirs, why string) {
	theirs = saidBy(p.theirs.Ask(q.name, q.t, time.Time{}))
	served := saidBy(p.server.Ask(q.name, q.t, time.Time{}))
	a, err := p.ours.Lookup(q.name, q.t, time.Now().Add(30*time.Second))
	if ours = saidOurs(a, err); ours != theirs {
		why = explained(q, a, err, theirs)
	}
	if served != ours {
		return "as a server " + served, ours, ""
	}
	return ours, theirs, why
}

// saidBy is what a recursive server said.
func saidBy(a *dns.Answer, err error) string {
	if a == nil || a.Last() == nil || a.Last().Message == nil {
		return fmt.Sprint("no answer: ", err)
	}
	m := a.Last().Message
	return said(m.RCode, m.Answers, onlySOA(m.Authorities))
}

// onlySOA is the SOA of an answer that says that there is nothing, as its owner: how long that holds is counted down.
func onlySOA(rs []dns.Record) []dns.Record {
	for _, r := range rs {
		if r.Type == dns.TypeSOA {
			return []dns.Record{r}
		}
	}
	return nil
}

// explained says why a difference is none that we would mend, "" where it is one.
func explained(q ask, a *dns.Answer, err error, theirs string) string {
	if q.t == dns.TypeCNAME && len(a.DNAMEs) > 0 {
		return "a CNAME made of a DNAME is the answer to who asks for one, as any CNAME is (RFC 6672 3.1); unbound goes on to where it leads"
	}
	if bare := *a; q.t == typeDNAME && len(a.DNAMEs) > 0 {
		if bare.Negative = nil; saidOurs(&bare, err) == theirs {
			return "where a DNAME was gone over and there is none at its end, ours gives the SOA that says how long (RFC 2308 3); unbound gives none"
		}
	}
	return ""
}

const typeDNAME = dns.Type(39)

var askedTypes = []dns.Type{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeCNAME, dns.TypeNS, dns.TypeSOA,
	dns.TypeSRV, dns.TypeCAA, dns.TypeHTTPS, dns.TypePTR, typeDNAME}

// question makes up a question: names that are there, names beside and below them, in any letter case.
func (d *dnsTree) question(rnd *rand.Rand) ask {
	z := d.zones[rnd.IntN(len(d.zones))]
	name := z.owners[rnd.IntN(len(z.owners))]
	switch rnd.IntN(10) {
	case 0:
		name = fmt.Sprintf("x%d.", rnd.IntN(5)) + name
	case 1:
		name = fmt.Sprintf("no%d.", rnd.IntN(50)) + z.name
	case 2:
		name = "www.dn." + z.name
	case 3:
		name = "x.wild." + z.name
	case 4:
		name = "y.wildalias." + z.name
	case 5:
		_, name, _ = strings.Cut(name, ".")
	}
	name = strings.Replace(name, "*", "star", 1)
	if name == "" {
		name = "."
	}
	if rnd.IntN(3) == 0 {
		name = strings.ToUpper(name)
	}
	return ask{name, askedTypes[rnd.IntN(len(askedTypes))]}
}

// said is what an answer says, less the order and what is counted down: code, then records.
func said(code dns.RCode, sections ...[]dns.Record) string {
	var out []string
	if code == 2 {
		return "SERVFAIL"
	}
	for _, rs := range sections {
		for _, r := range rs {
			out = append(out, strings.ToLower(r.Name+" "+dns.TypeString(r.Type)+" "+r.DataString()))
		}
	}
	slices.Sort(out)
	return dns.RCodeString(code) + " " + strings.Join(slices.Compact(out), "; ")
}

func saidOurs(a *dns.Answer, err error) string {
	code := dns.RCode(2)
	switch {
	case err == nil || errors.Is(err, dns.ErrNoData):
		code = 0
	case errors.Is(err, dns.ErrNXDomain):
		code = 3
	case errors.Is(err, dns.ErrTooLong):
		code = 6
	}
	var soa []dns.Record
	if a.Negative != nil && len(a.Records) == 0 {
		soa = []dns.Record{*a.Negative}
	}
	return said(code, a.DNAMEs, a.Chain, a.Records, soa)
}

// Random questions to our iterative resolver, to our server before it and to unbound, on their own ways through a tree
// of nsd servers: the same code, the same records and the same SOA where there are none, for 10,000 questions where SOCKEYE_LONG is set.
func TestIteratorAgainstUnbound(t *testing.T) {
	count, zones := 600, 9
	if os.Getenv("SOCKEYE_LONG") != "" {
		count, zones = 10_000, 36
	}
	d := newDNSTree(t, 20250607, zones)
	d.unboundResolver()
	s := d.session()
	at := func(ip string) *dns.Resolver {
		return &dns.Resolver{API: s.api, Servers: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(ip), dns.Port)}, Timeout: 5 * time.Second, Attempts: 4}
	}
	p := &pair{d.iterator(s), at(unboundIP), at(ourIP)}
	srv := &dns.Server{API: s.api, Client: &dns.Client{Upstream: p.ours}, Addr: netip.MustParseAddrPort(ourIP + ":53"), Rate: -1,
		Allow: []netip.Prefix{netip.MustParsePrefix(ourIP + "/32")}, Streams: 1024}
	require.NoError(t, srv.Listen())
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	defer func() {
		srv.Close()
		require.NoError(t, <-served)
	}()
	asks, codes, reasons := make(chan ask), map[string]int{}, map[string]int{}
	var again []ask
	var mu sync.Mutex
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for q := range asks {
				ours, theirs, why := p.differ(q)
				mu.Lock()
				codes[strings.Fields(ours)[0]]++
				if why != "" {
					reasons[why]++
				} else if ours != theirs {
					again = append(again, q)
				}
				mu.Unlock()
			}
		})
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	for range count {
		asks <- d.question(rnd)
	}
	close(asks)
	done.Wait()
	t.Logf("%d questions: %v; explained: %v; to be asked again: %v", count, codes, reasons, again)
	for _, q := range again {
		// A server that had no time to answer, on a machine that is busy, is one that failed; both remember that.
		var ours, theirs, why string
		for until := time.Now().Add(3 * patience); time.Now().Before(until); {
			if ours, theirs, why = p.differ(q); ours == theirs || why != "" {
				break
			}
			<-time.After(time.Second)
		}
		if ours != theirs && why == "" {
			t.Errorf("%s\n  ours   %s\n  theirs %s", q, ours, theirs)
		}
	}
}
