package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// hints are the root servers to begin at.
func hints(file string) ([]dns.Hint, error) {
	if file == "" {
		return dns.DefaultHints(), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the root hints: %w", err)
	}
	h := dns.ParseHints(string(b))
	if len(h) == 0 {
		return nil, fmt.Errorf("%s names no root server: it wants lines such as `a.root-servers.net. 3600000 A 198.41.0.4`", file)
	}
	return h, nil
}

// iterator asks from the root on, as the flags say.
func (s *session) iterator(o *digOptions, roots []dns.Hint) *dns.Iterator {
	it := &dns.Iterator{Roots: roots, Resolver: dns.Resolver{API: s.api, TCPOnly: o.tcp, Timeout: o.wait, NoEDNS: o.noEDNS, NoMixedCase: o.noMixedCase, Flags: o.flags}}
	if s.tell != nil {
		it.Resolver.Observe = s.tell.Exchange
	}
	return it
}

// A tracer prints the way from the root as dig +trace does.
type tracer struct {
	out   io.Writer
	o     *digAsk
	names map[string]string // of servers, by address
	last  string            // what the question before asked for
	err   error
}

func (t *tracer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(t.out, format, args...); t.err == nil {
		t.err = err
	}
}

// hints prints where it begins.
func (t *tracer) hints(hs []dns.Hint) {
	t.printf("\n; <<>> sockeye dig <<>> +trace %s %s\n", dns.Escape(t.o.name), dns.TypeString(t.o.t))
	for _, h := range hs {
		t.names[h.Addr.String()] = h.Name
		t.printf(".\t\t\t\tIN\tNS\t%s\n", h.Name)
	}
	t.printf(";; The root's servers are hints that we have\n\n")
}

// exchange prints what a server said.
func (t *tracer) exchange(x *dns.Exchange) {
	m := x.Message
	if m == nil {
		if !x.Truncated {
			t.printf(";; %s#%d(%s): %v\n\n", x.Server.Addr(), x.Server.Port(), t.names[x.Server.Addr().String()], x.Err)
		}
		return
	}
	asked := ""
	for _, q := range m.Questions {
		asked = strings.ToLower(q.Name) + " " + dns.TypeString(q.Type)
	}
	if asked != t.last && t.last != "" {
		t.printf(";; now %s\n", dns.Escape(asked))
	}
	t.last = asked
	if m.RCode != 0 {
		t.printf(";; %s\n", dns.RCodeString(m.RCode))
	}
	for _, r := range append(m.Answers[:len(m.Answers):len(m.Answers)], m.Authorities...) {
		t.printf("%s\n", t.o.line(r))
	}
	for _, r := range m.Additionals {
		t.names[r.DataString()] = r.Name
	}
	t.printf(";; Received %d bytes from %s#%d(%s) in %d ms\n\n", len(x.Raw), x.Server.Addr(), x.Server.Port(), t.names[x.Server.Addr().String()], x.RoundTrip.Milliseconds())
}

// trace asks from the root on and prints each step.
func (p *program) trace(s *session, o *digAsk, roots []dns.Hint) error {
	it := s.iterator(&o.digOptions, roots)
	it.WholeNames = !o.minimise // as dig asks
	t := &tracer{out: p.out, o: o, names: map[string]string{}}
	if !o.json && !o.short {
		t.hints(roots)
		told := it.Resolver.Observe
		it.Resolver.Observe = func(x *dns.Exchange) {
			t.exchange(x)
			if told != nil {
				told(x)
			}
		}
	}
	a, err := it.Lookup(o.name, o.t, time.Time{})
	if t.err != nil {
		return fail(digInternal, t.err)
	}
	if o.json || o.short {
		return p.answer(o, a, err)
	}
	if a == nil || a.Last() == nil {
		return fail(digNoReply, err)
	}
	if dnsFailed(err) {
		return fail(digNoReply, err)
	}
	t.printf(";; FROM: %s\n", a.Origin())
	if t.err != nil {
		return fail(digInternal, t.err)
	}
	return nil
}
