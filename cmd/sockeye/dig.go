package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// digFlags are dig's own flags.
type digFlags struct {
	linkFlags
	tcp, short, json, trace bool
	wait                    time.Duration
	tries                   int
	query, kind, reverse    string
	port                    uint16
	batch, hints            string
	four                    bool
}

func (p *program) dig() *cobra.Command {
	f := &digFlags{}
	cmd := &cobra.Command{
		Use:   "dig [@SERVER] NAME [TYPE] [+OPTION...]",
		Short: "Ask a name server and print its answer as dig(1) does",
		Long: `Dig asks the name server for records of a type (default A) at a name, and prints
the answer as dig(1) does, with a line that says where it came from: an authority
for the zone or a recursive server. +trace begins at the root servers and prints
each referral.

It knows dig's +[no]tcp +[no]short +[no]trace +[no]recurse +[no]edns +bufsize=N
+time=S +tries=N +retry=N +[no]ignore +[no]search +domain=D +ndots=N +[no]dnssec
+[no]cdflag +[no]adflag, what is to be printed (+[no]all +[no]cmd +[no]comments
+[no]question +[no]answer +[no]authority +[no]additional +[no]stats +[no]ttlid
+[no]class), and of its own +[no]json, +[no]mixedcase (the random letter case of
questions) and +[no]qmin (with +trace: tell no server more of the name than it
needs, RFC 9156). Exit codes are those of dig(1): 0 for any answer, 1 for a call
that makes no sense, 8 for a batch file that cannot be opened, 9 when no server
answered, 10 for an error of our own.`,
		Example: `  sockeye dig example.com
  sockeye dig @9.9.9.9 example.com MX +short
  sockeye dig -x 192.0.2.1
  sockeye dig +trace example.com
  sockeye dig --json example.com HTTPS`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return p.runDig(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.tcp, "tcp", false, "ask over TCP only")
	fl.BoolVar(&f.short, "short", false, "print only what the records say")
	fl.BoolVar(&f.json, "json", false, "print everything as a line of JSON")
	fl.BoolVar(&f.trace, "trace", false, "begin at the root servers and print each referral")
	fl.StringVar(&f.hints, "hints", "", "root hints `FILE` (default: the Internet's root servers)")
	fl.StringVarP(&f.query, "name", "q", "", "`NAME` to ask for")
	fl.StringVarP(&f.kind, "type", "t", "", "`TYPE` of record")
	fl.StringVarP(&f.reverse, "reverse", "x", "", "ask for the names of `ADDR`")
	fl.Uint16VarP(&f.port, "port", "p", dns.Port, "ask at `PORT`")
	fl.StringVarP(&f.batch, "batch", "f", "", "read questions from `FILE`, one a line")
	fl.BoolVarP(&f.four, "ipv4", "4", false, "IPv4 only, which is all there is")
	f.wait = 3 * time.Second
	secondsVar(cmd, &f.wait, "timeout", "", "wait this `TIME` for each answer, in seconds")
	fl.IntVar(&f.tries, "tries", 2, "ask `N` times")
	f.out = true
	f.register(cmd)
	return cmd
}

func (p *program) runDig(cmd *cobra.Command, f *digFlags, args []string) error {
	asks, err := f.asks(args, p.in)
	if err != nil {
		var e *exit
		if errors.As(err, &e) {
			return err
		}
		return usage(cmd, err)
	}
	for _, a := range asks {
		if _, err := dns.ParseName(a.name); err != nil {
			return fail(digInternal, err) // as dig: "not a legal name"
		}
	}
	roots, err := hints(f.hints)
	if err != nil {
		return fail(digInternal, err)
	}
	if s := asks[0].server; isServer(s) {
		f.dns = s
	}
	return p.within(&f.linkFlags, digInternal, func(s *session, stop *interruption) error {
		var worst error
		for _, a := range asks { // the last code that is not 0 counts, as with dig
			if err := p.ask(s, f, a, roots); err != nil {
				if worst != nil {
					fmt.Fprintln(p.err, oneLine(worst.Error()))
				}
				worst = err
			}
			if stop.came() {
				break
			}
		}
		return stop.interrupted(worst)
	})
}

// ofLine takes the flags out of a batch file's line that it may have: -x, -t and -q.
func (f *digFlags) ofLine(words []string) (g *digFlags, rest []string, err error) {
	of := *f
	flags := map[string]*string{"-x": &of.reverse, "-t": &of.kind, "-q": &of.query}
	for i := 0; i < len(words); i++ {
		w := words[i]
		to := flags[w[:min(2, len(w))]]
		switch {
		case to == nil:
			rest = append(rest, w)
		case len(w) > 2:
			*to = w[2:]
		case i+1 < len(words):
			i++
			*to = words[i]
		default:
			return nil, nil, fmt.Errorf("%s needs a value", w)
		}
	}
	return &of, rest, nil
}

// asks are the questions of the command line, or of the batch file (-: standard input).
func (f *digFlags) asks(args []string, in io.Reader) ([]*digAsk, error) {
	if f.batch == "" {
		a, err := f.parse(args)
		return []*digAsk{a}, err
	}
	b, err := readAll(in, f.batch)
	if err != nil {
		return nil, fail(digNoBatch, fmt.Errorf("cannot open the batch file: %w", err))
	}
	var out []*digAsk
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		g, words, err := f.ofLine(strings.Fields(line))
		if err == nil {
			words = append(args[:len(args):len(args)], words...)
		}
		var a *digAsk
		if err == nil {
			a, err = g.parse(words)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", f.batch, line, err)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no question in it", f.batch)
	}
	return out, nil
}

// typeANY is for everything that there is at a name; as with dig TCP is asked at once, since that is much, unless
// somebody says otherwise.
const typeANY dns.Type = 255

// ask asks the session's name servers, or from the root on.
func (p *program) ask(s *session, f *digFlags, o *digAsk, roots []dns.Hint) error {
	if o.trace {
		if s.tell != nil {
			s.tell.Question(o.name, o.t, nil)
		}
		return p.trace(s, o, roots)
	}
	servers, err := s.asked(o)
	if err != nil {
		return fail(digInternal, err)
	}
	r := s.resolver()
	r.Servers = atPort(servers, f.port)
	r.Timeout, r.Attempts, r.TCPOnly, r.NoEDNS, r.NoMixedCase, r.Flags = o.wait, o.tries, o.tcp || o.t == typeANY && !o.udp, o.noEDNS, o.noMixedCase, o.flags
	r.KeepTruncated = o.ignore
	if s.tell != nil {
		s.tell.Question(o.name, o.t, r.Servers)
	}
	var a *dns.Answer
	for _, name := range o.names() {
		if a, err = r.Ask(name, o.t, time.Time{}); !errors.Is(err, dns.ErrNXDomain) {
			break
		}
	}
	return p.answer(o, a, err)
}

// names are those to ask for, in order: with +search, in the domains to search too.
func (o *digAsk) names() []string {
	if !o.search {
		return []string{o.name}
	}
	c := systemConfig()
	if o.domain != "" {
		c = &dns.Config{Search: []string{o.domain}, Ndots: 1}
	}
	if o.ndots >= 0 {
		c.Ndots = o.ndots
	}
	return dns.SearchNames(o.name, c.Search, c.Ndots)
}

// answer prints what came. A server's No is an answer too.
func (p *program) answer(o *digAsk, a *dns.Answer, err error) error {
	if a == nil || a.Last() == nil {
		if err == nil {
			err = errors.New("no server answered")
		}
		return fail(digNoReply, err)
	}
	text := ""
	switch {
	case o.json:
		text = jsonText(a, err)
	case o.short:
		text = shortText(a)
	default:
		text = o.text(a, time.Now())
	}
	if _, werr := io.WriteString(p.out, text); werr != nil {
		return fail(digInternal, werr)
	}
	if x := a.Last(); x.Message == nil {
		return fail(digNoReply, err)
	}
	return nil
}

// isServer says whether a text is the address of a server, with or without a port.
func isServer(text string) bool {
	if _, err := netip.ParseAddrPort(text); err == nil {
		return true
	}
	_, err := netip.ParseAddr(text)
	return err == nil
}

// asked are the servers that a question goes to: the session's, or the one it names, by address or by name.
func (s *session) asked(o *digAsk) ([]netip.AddrPort, error) {
	switch at, err := netip.ParseAddr(o.server); {
	case err == nil && at.Is4():
		return []netip.AddrPort{netip.AddrPortFrom(at, dns.Port)}, nil
	case o.server == "" || isServer(o.server):
		return s.servers, s.noDNS
	}
	addrs, err := s.addrs(o.server, time.Now().Add(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("no address for the server %s: %w", o.server, err)
	}
	var out []netip.AddrPort
	for _, at := range addrs {
		out = append(out, netip.AddrPortFrom(at, dns.Port))
	}
	return out, nil
}

// systemConfig is what the system says of searching names.
func systemConfig() *dns.Config {
	b, _ := os.ReadFile("/etc/resolv.conf") // not there: the defaults
	return dns.ParseConfig(string(b))
}

// atPort are servers at another port, where one was asked for.
func atPort(servers []netip.AddrPort, port uint16) []netip.AddrPort {
	out := slices.Clone(servers)
	for i := range out {
		if port != dns.Port {
			out[i] = netip.AddrPortFrom(out[i].Addr(), port)
		}
	}
	return out
}

// dnsFailed says whether nobody answered, rather than that there is nothing.
func dnsFailed(err error) bool {
	return err != nil && !errors.Is(err, dns.ErrNXDomain) && !errors.Is(err, dns.ErrNoData)
}
