package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// digOptions are what dig's words with a plus say.
type digOptions struct {
	tcp, short, trace, json bool
	udp                     bool // +notcp
	search, ignore          bool
	minimise                bool
	wait                    time.Duration
	tries                   int
	noEDNS, noMixedCase     bool
	flags                   dns.Flags
	domain                  string
	ndots                   int // -1: not said

	noCmd, noComments, noQuestion, noAnswer, noAuthority, noAdditional, noStats, noTTL, noClass bool
}

// A digAsk is one question of the command line.
type digAsk struct {
	name   string
	t      dns.Type
	server string
	digOptions
}

// switches are the options that are on or off. A + in front of the name here: off is what is noted.
func (o *digOptions) switches() map[string]*bool {
	return map[string]*bool{
		"tcp": &o.tcp, "vc": &o.tcp, "short": &o.short, "trace": &o.trace, "json": &o.json,
		"search": &o.search, "defname": &o.search, "qmin": &o.minimise, "ignore": &o.ignore, "+edns": &o.noEDNS, "+mixedcase": &o.noMixedCase,
		"+recurse": &o.flags.NoRecursion, "+rec": &o.flags.NoRecursion, "+rdflag": &o.flags.NoRecursion,
		"cdflag": &o.flags.CheckingDisabled, "cd": &o.flags.CheckingDisabled,
		"adflag": &o.flags.AuthenticData, "ad": &o.flags.AuthenticData,
		"dnssec": &o.flags.DNSSEC, "do": &o.flags.DNSSEC,
		"+cmd": &o.noCmd, "+comments": &o.noComments, "+question": &o.noQuestion, "+answer": &o.noAnswer,
		"+authority": &o.noAuthority, "+additional": &o.noAdditional, "+stats": &o.noStats,
		"+ttlid": &o.noTTL, "+ttl": &o.noTTL, "+class": &o.noClass, "+cl": &o.noClass,
	}
}

// set reads one option, without its plus.
func (o *digOptions) set(word string) error {
	name, value, has := strings.Cut(word, "=")
	if has {
		return o.setValue(name, value)
	}
	plain, off := strings.CutPrefix(name, "no")
	if plain == "all" {
		for _, b := range []*bool{&o.noCmd, &o.noComments, &o.noQuestion, &o.noAnswer, &o.noAuthority, &o.noAdditional, &o.noStats} {
			*b = off
		}
		return nil
	}
	if name == "qr" || plain == "qr" || plain == "multiline" || plain == "identify" || plain == "cookie" || plain == "fail" {
		if off {
			return nil // it is so anyway
		}
		return fmt.Errorf("+%s is not known here", word)
	}
	if plain == "tcp" || plain == "vc" {
		o.udp = off
	}
	all := o.switches()
	if b := all[plain]; b != nil {
		*b = !off
		return nil
	}
	if b := all["+"+plain]; b != nil {
		*b = off
		return nil
	}
	return fmt.Errorf("+%s is not known here; see dig(1) for what it might mean", word)
}

// setValue reads an option with a value.
func (o *digOptions) setValue(name, value string) error {
	if name == "domain" {
		if _, err := dns.ParseName(value); err != nil {
			return err
		}
		o.domain, o.search = value, true
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("+%s=%s: give it a number from 0 to 65535", name, value)
	}
	switch name {
	case "time", "timeout":
		o.wait = time.Duration(max(n, 1)) * time.Second
	case "tries":
		o.tries = max(n, 1)
	case "retry":
		o.tries = n + 1
	case "bufsize":
		o.flags.UDPSize = uint16(n)
	case "ndots":
		o.ndots = n
	case "edns":
		if n != 0 {
			return fmt.Errorf("+edns=%d: there is version 0 only", n)
		}
		o.noEDNS = false
	default:
		return fmt.Errorf("+%s is not known here; see dig(1) for what it might mean", name)
	}
	return nil
}

// parse reads the words of one question, in the order of dig(1): @SERVER, +OPTIONS, a name and a type.
func (f *digFlags) parse(args []string) (*digAsk, error) {
	a := &digAsk{t: dns.TypeA, name: f.query, digOptions: digOptions{ndots: -1, tcp: f.tcp, short: f.short, json: f.json, wait: f.wait, tries: f.tries}}
	if f.trace {
		a.trace = true
	}
	typed := f.kind != ""
	if typed {
		var ok bool
		if a.t, ok = dns.ParseType(f.kind); !ok {
			return nil, noType(f.kind)
		}
	}
	if f.reverse != "" {
		at, err := netip.ParseAddr(f.reverse)
		if err != nil {
			return nil, fmt.Errorf("-x %q is not an address", f.reverse)
		}
		a.name = dns.Reverse(at)
		if !typed {
			a.t, typed = dns.TypePTR, true
		}
	}
	for _, w := range args {
		switch t, isType := dns.ParseType(w); {
		case strings.HasPrefix(w, "@"):
			if a.server != "" {
				return nil, fmt.Errorf("%s: name one server only", w)
			}
			a.server = w[1:]
		case strings.HasPrefix(w, "+"):
			if err := a.set(w[1:]); err != nil {
				return nil, err
			}
		case isType && !typed:
			a.t, typed = t, true
		case strings.EqualFold(w, "IN"):
		case a.name == "":
			a.name = w
		case typed:
			return nil, fmt.Errorf("%q is too much: name only what to ask for and a type", w)
		default:
			return nil, noType(w)
		}
	}
	if a.name == "" { // as dig: of the root, its name servers
		a.name = "."
		if !typed {
			a.t = dns.TypeNS
		}
	}
	return a, nil
}

func noType(s string) error {
	return fmt.Errorf("%q is no type of record: A, AAAA, CAA, CNAME, HTTPS, MX, NS, PTR, SOA, SRV, TXT or TYPEn", s)
}
