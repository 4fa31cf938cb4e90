package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// digFlags are dig's own flags.
type digFlags struct {
	linkFlags
	tcp   bool
	short bool
	wait  time.Duration
	tries int
}

func (p *program) dig() *cobra.Command {
	f := &digFlags{}
	cmd := &cobra.Command{
		Use:   "dig [@SERVER] NAME [TYPE]",
		Short: "Ask a name server and print its answer as dig(1) does",
		Long: `Dig asks the name server for records of a type (default A) at a name, and prints
the answer as dig(1) does. Exit codes are those of dig(1): 0 for any answer, 9
when no server answered, 10 for an error of our own.`,
		Example: `  sockeye dig example.com
  sockeye dig @9.9.9.9 example.com MX
  sockeye dig --short --tcp example.com`,
		Args: digArguments,
		RunE: func(cmd *cobra.Command, args []string) error { return p.runDig(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.tcp, "tcp", false, "ask over TCP only")
	fl.BoolVar(&f.short, "short", false, "print only what the records say")
	f.wait = 3 * time.Second
	secondsVar(cmd, &f.wait, "timeout", "", "wait this `TIME` for each answer, in seconds")
	fl.IntVar(&f.tries, "tries", 2, "ask `N` times")
	f.asks = true
	f.register(cmd)
	return cmd
}

func (p *program) runDig(cmd *cobra.Command, f *digFlags, args []string) error {
	servers, args := cutServer(args)
	if len(servers) > 0 {
		f.dns = servers[0]
	}
	t := dns.TypeA
	if len(args) == 2 {
		var ok bool
		if t, ok = dns.ParseType(args[1]); !ok {
			return usage(cmd, fmt.Errorf("%q is no type of record: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT or TYPEn", args[1]))
		}
	}
	if _, err := dns.ParseName(args[0]); err != nil {
		return fail(digInternal, err) // as dig: "not a legal name"
	}
	return p.within(&f.linkFlags, digInternal, func(s *session, stop *interruption) error {
		return stop.interrupted(p.ask(s, f, args[0], t))
	})
}

// ask asks the session's name servers.
func (p *program) ask(s *session, f *digFlags, name string, t dns.Type) error {
	if s.noDNS != nil {
		return fail(digInternal, s.noDNS)
	}
	r := s.resolver()
	r.Timeout, r.Attempts, r.TCPOnly = f.wait, f.tries, f.tcp
	if s.tell != nil {
		s.tell.Question(name, t, s.servers)
	}
	a, err := r.Lookup(name, t, time.Time{})
	return p.answer(f, a, err)
}

// answer prints what came. A server's No is an answer too.
func (p *program) answer(f *digFlags, a *dns.Answer, err error) error {
	if a == nil || a.Last() == nil {
		if err == nil {
			err = errors.New("no server answered")
		}
		return fail(digNoReply, err)
	}
	text := digText(a, time.Now())
	if f.short {
		text = shortText(a)
	}
	if _, werr := io.WriteString(p.out, text); werr != nil {
		return fail(digInternal, werr)
	}
	if x := a.Last(); x.Message == nil {
		return fail(digNoReply, err)
	}
	return nil
}

// shortText is the data of the records alone, the CNAME chain included.
func shortText(a *dns.Answer) string {
	var b strings.Builder
	for _, r := range append(a.Chain[:len(a.Chain):len(a.Chain)], a.Records...) {
		fmt.Fprintln(&b, a.Spelt(r).DataString())
	}
	return b.String()
}

// digText is the deciding answer as dig(1) prints it.
func digText(a *dns.Answer, now time.Time) string {
	x := a.Last()
	m := x.Message
	var b strings.Builder
	fmt.Fprintf(&b, "\n; <<>> sockeye dig <<>> %s %s\n", typed(a), dns.TypeString(a.Type))
	if m == nil {
		return b.String()
	}
	extra := len(m.Additionals)
	if m.EDNS != nil {
		extra++
	}
	b.WriteString(";; Got answer:\n")
	fmt.Fprintf(&b, ";; ->>HEADER<<- opcode: %s, status: %s, id: %d\n", opcode(m.OpCode), dns.RCodeString(m.RCode), m.ID)
	fmt.Fprintf(&b, ";; flags:%s; QUERY: %d, ANSWER: %d, AUTHORITY: %d, ADDITIONAL: %d\n",
		digFlagNames(m), len(m.Questions), len(m.Answers), len(m.Authorities), extra)
	if m.RD && !m.RA {
		b.WriteString(";; WARNING: recursion requested but not available\n")
	}
	if m.EDNS != nil {
		do := ""
		if m.EDNS.DO {
			do = " do"
		}
		fmt.Fprintf(&b, "\n;; OPT PSEUDOSECTION:\n; EDNS: version: %d, flags:%s; udp: %d", m.EDNS.Version, do, m.EDNS.UDPSize)
	}
	b.WriteString("\n;; QUESTION SECTION:\n")
	for _, q := range m.Questions {
		q.Name = a.SpeltName(q.Name)
		fmt.Fprintf(&b, ";%s\n", q)
	}
	section(&b, "ANSWER", a, m.Answers)
	section(&b, "AUTHORITY", a, m.Authorities)
	section(&b, "ADDITIONAL", a, m.Additionals)
	fmt.Fprintf(&b, "\n;; Query time: %d msec\n", x.RoundTrip.Milliseconds())
	fmt.Fprintf(&b, ";; SERVER: %s#%d(%s) (%s)\n", x.Server.Addr(), x.Server.Port(), x.Server.Addr(), x.Transport)
	fmt.Fprintf(&b, ";; WHEN: %s\n", now.Format("Mon Jan 02 15:04:05 MST 2006"))
	fmt.Fprintf(&b, ";; MSG SIZE  rcvd: %d\n\n", len(x.Raw))
	return b.String()
}

// typed is the name as people type it: without the final dot, unless it is all.
func typed(a *dns.Answer) string {
	name := dns.Escape(a.Name.String())
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return name
}

func section(b *strings.Builder, name string, a *dns.Answer, rs []dns.Record) {
	if len(rs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n;; %s SECTION:\n", name)
	for _, r := range rs {
		fmt.Fprintln(b, a.Spelt(r))
	}
}

func opcode(n uint8) string {
	if n == 0 {
		return "QUERY"
	}
	return fmt.Sprintf("OPCODE%d", n)
}

// digFlagNames are the flags that are set, each after a blank.
func digFlagNames(m *dns.Message) string {
	var s string
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Response, "qr"}, {m.AA, "aa"}, {m.TC, "tc"}, {m.RD, "rd"}, {m.RA, "ra"}, {m.AD, "ad"}, {m.CD, "cd"}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s
}
