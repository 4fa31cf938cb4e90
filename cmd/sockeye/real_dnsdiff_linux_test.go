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

// A differing is one question with two answers.
type differing struct{ question, ours, theirs string }

// explained says why a difference is none, "" where it is one.
func explained(question string, a *dns.Answer, err error) string {
	return ""
}

var askedTypes = []dns.Type{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeCNAME, dns.TypeNS, dns.TypeSOA,
	dns.TypeSRV, dns.TypeCAA, dns.TypeHTTPS, dns.TypePTR, 39}

// question makes up a question: names that are there, names beside and below them, in any letter case.
func (d *dnsTree) question(rnd *rand.Rand) (string, dns.Type) {
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
	return name, askedTypes[rnd.IntN(len(askedTypes))]
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
	return said(code, a.DNAMEs, a.Chain, a.Records)
}

// Random questions to our iterative resolver and to unbound, each on its own way through a tree of nsd servers:
// the same code and the same records, for 10,000 questions where SOCKEYE_LONG is set.
func TestIteratorAgainstUnbound(t *testing.T) {
	count, zones := 600, 9
	if os.Getenv("SOCKEYE_LONG") != "" {
		count, zones = 10_000, 36
	}
	d := newDNSTree(t, 20250607, zones)
	d.unboundResolver()
	s := d.session()
	it := d.iterator(s)
	stub := &dns.Resolver{API: s.api, Servers: []netip.AddrPort{netip.MustParseAddrPort(unboundIP + ":53")}, Timeout: 20 * time.Second, Attempts: 1}
	type ask struct {
		name string
		t    dns.Type
	}
	asks := make(chan ask)
	var mu sync.Mutex
	var differences []differing
	reasons, codes := map[string]int{}, map[string]int{}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for q := range asks {
				u, uerr := stub.Ask(q.name, q.t, time.Time{})
				a, err := it.Lookup(q.name, q.t, time.Now().Add(30*time.Second))
				mu.Lock()
				theirs := fmt.Sprint("no answer: ", uerr)
				if u != nil && u.Last() != nil {
					theirs = said(u.Last().Message.RCode, u.Last().Message.Answers)
				}
				ours := saidOurs(a, err)
				codes[strings.Fields(ours)[0]]++
				if ours != theirs {
					question := q.name + " " + dns.TypeString(q.t)
					if why := explained(question, a, err); why != "" {
						reasons[why]++
					} else {
						differences = append(differences, differing{question, fmt.Sprint(ours, " (", err, ")"), theirs})
					}
				}
				mu.Unlock()
			}
		})
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	for range count {
		name, typ := d.question(rnd)
		asks <- ask{name, typ}
	}
	close(asks)
	done.Wait()
	t.Logf("%d questions, %v; explained differences: %v", count, codes, reasons)
	for i, x := range differences {
		if i == 40 {
			break
		}
		t.Logf("%s\n  ours   %s\n  theirs %s", x.question, x.ours, x.theirs)
	}
	require.Empty(t, len(differences), "unexplained differences")
}
