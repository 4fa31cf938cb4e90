package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// A generator makes up messages.
type generator struct{ *rand.Rand }

func (g generator) name() string {
	if g.IntN(20) == 0 {
		return "."
	}
	labels := []string{"www", "mail", "example", "one", "Two", "x", "_sip", strings.Repeat("l", 63), "a-b", "test"}
	var out strings.Builder
	for range 1 + g.IntN(3) {
		out.WriteString(labels[g.IntN(len(labels))] + ".")
	}
	return out.String()
}

func (g generator) record() string {
	types := []string{
		"A 192.0.2." + fmt.Sprint(g.IntN(256)), "AAAA 2001:db8::" + fmt.Sprintf("%x", g.IntN(65536)), "NS " + g.name(), "CNAME " + g.name(),
		"PTR " + g.name(), "DNAME " + g.name(), fmt.Sprintf("MX %d %s", g.IntN(65536), g.name()),
		fmt.Sprintf("SRV %d %d %d %s", g.IntN(9), g.IntN(9), g.IntN(65536), g.name()),
		fmt.Sprintf("SOA %s %s %d 2 3 4 %d", g.name(), g.name(), g.Uint32(), g.IntN(9999)),
		`TXT "one" "two; three" "\"quoted\" \\ and \200"`, `CAA 128 issue "ca.example; x=1"`, `HTTPS 1 . alpn="h2,h3" port="8443" ipv4hint="192.0.2.1,192.0.2.2"`,
		`SVCB 0 ` + g.name(), `HTTPS 2 svc.example. ipv6hint="2001:db8::1" no-default-alpn`, `TYPE4711 \# 3 010203`,
		"DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
	}
	return fmt.Sprintf("%s %d IN %s", g.name(), g.IntN(1<<31-1), types[g.IntN(len(types))])
}

func (g generator) message(t *testing.T) *miekg.Msg {
	m := new(miekg.Msg)
	m.SetQuestion(g.name(), miekg.TypeA)
	m.Response, m.Authoritative, m.RecursionAvailable, m.Truncated = g.IntN(2) == 0, g.IntN(2) == 0, g.IntN(2) == 0, g.IntN(9) == 0
	m.Rcode = g.IntN(11)
	for _, s := range []*[]miekg.RR{&m.Answer, &m.Ns, &m.Extra} {
		for range g.IntN(5) {
			r, err := miekg.NewRR(g.record())
			require.NoError(t, err)
			*s = append(*s, r)
		}
	}
	if g.IntN(2) == 0 {
		m.SetEdns0(1232, g.IntN(2) == 0)
	}
	m.Compress = g.IntN(2) == 0
	return m
}

// texts are records as text, with blanks for tabs, and what the two write differently for the same put alike.
func texts[R any](rs []R, text func(R) string) []string {
	out := []string{}
	for _, r := range rs {
		s := strings.Join(strings.Fields(text(r)), " ")
		s = strings.ReplaceAll(s, `port="8443"`, "port=8443")
		for _, key := range []string{"ipv4hint", "ipv6hint"} {
			if before, after, ok := strings.Cut(s, key+`="`); ok {
				value, rest, _ := strings.Cut(after, `"`)
				s = before + key + "=" + value + rest
			}
		}
		out = append(out, strings.TrimSpace(strings.ReplaceAll(s, `no-default-alpn=""`, "no-default-alpn")))
	}
	return out
}

func ofOurs(rs []dns.Record) []string { return texts(rs, dns.Record.String) }

func ofTheirs(rs []miekg.RR) []string {
	rs = slices.DeleteFunc(slices.Clone(rs), func(r miekg.RR) bool { return r.Header().Rrtype == miekg.TypeOPT })
	return texts(rs, func(r miekg.RR) string {
		if r.Header().Rrtype == miekg.TypeDS { // ours keeps what it need not know as bytes
			u := new(miekg.RFC3597)
			_ = u.ToRFC3597(r)
			return strings.Replace(strings.Replace(u.String(), "TYPE43", "DS", 1), "CLASS1", "IN", 1)
		}
		return strings.Replace(r.String(), "CLASS1\tTYPE4711", "IN\tTYPE4711", 1)
	})
}

func same(t *testing.T, raw []byte, ours *dns.Message, theirs *miekg.Msg) {
	t.Helper()
	require.Equal(t, theirs.Id, ours.ID)
	require.Equal(t, []bool{theirs.Response, theirs.Authoritative, theirs.Truncated, theirs.RecursionDesired, theirs.RecursionAvailable},
		[]bool{ours.Response, ours.AA, ours.TC, ours.RD, ours.RA})
	require.EqualValues(t, theirs.Rcode, ours.RCode)
	require.Equal(t, ofTheirs(theirs.Answer), ofOurs(ours.Answers), "%x", raw)
	require.Equal(t, ofTheirs(theirs.Ns), ofOurs(ours.Authorities), "%x", raw)
	require.Equal(t, ofTheirs(theirs.Extra), ofOurs(ours.Additionals), "%x", raw)
	if opt := theirs.IsEdns0(); opt != nil {
		require.Equal(t, &dns.EDNS{UDPSize: opt.UDPSize(), Version: opt.Version(), DO: opt.Do()}, ours.EDNS)
	} else {
		require.Nil(t, ours.EDNS)
	}
}

func count() int {
	if os.Getenv("SOCKEYE_LONG") != "" {
		return 200_000
	}
	return 5_000
}

// What miekg/dns writes, ours reads; what ours writes, miekg/dns reads; and both say the same of it.
func TestMessagesAgainstMiekg(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range count() {
		raw, err := g.message(t).Pack()
		require.NoError(t, err)
		theirs := new(miekg.Msg)
		require.NoError(t, theirs.Unpack(raw))
		ours, err := dns.Parse(raw)
		require.NoError(t, err, "%x", raw)
		same(t, raw, ours, theirs)
		again := new(miekg.Msg)
		out := ours.Append(nil)
		require.NoError(t, again.Unpack(out), "%x", out)
		same(t, out, ours, again)
	}
}

// Of bytes that were changed at random, ours takes none that miekg/dns does not, and reads the same out of them.
func TestChangedMessagesAgainstMiekg(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	taken, stricter, looser := 0, 0, 0
	for range count() {
		raw, err := g.message(t).Pack()
		require.NoError(t, err)
		for range 1 + g.IntN(3) {
			switch at := g.IntN(len(raw)); g.IntN(3) {
			case 0:
				raw[at] ^= 1 << g.IntN(8)
			case 1:
				raw[at] = byte(g.IntN(256))
			case 2:
				raw = raw[:max(12, at)]
			}
		}
		theirs := new(miekg.Msg)
		terr := theirs.Unpack(raw)
		ours, err := dns.Parse(raw)
		switch {
		case err != nil && terr == nil:
			stricter++
		case err == nil && terr != nil:
			if bytesOnly(ours) {
				looser++
			} else {
				t.Errorf("ours takes %x, miekg/dns does not: %v", raw, terr)
			}
		case err == nil:
			taken++
			require.Equal(t, theirs.Id, ours.ID)
			require.Len(t, ours.Answers, len(ofTheirs(theirs.Answer)))
			require.Len(t, ours.Authorities, len(ofTheirs(theirs.Ns)))
			require.Equal(t, names(theirs.Answer), ourNames(ours.Answers), "%x", raw)
		}
	}
	t.Logf("both took %d; ours alone refused %d; ours alone took %d, with data that it keeps as bytes", taken, stricter, looser)
	require.Positive(t, taken)
}

// bytesOnly says whether a message has data that ours keeps as bytes: of types whose shape is none of its business.
func bytesOnly(m *dns.Message) bool {
	for _, r := range slices.Concat(m.Answers, m.Authorities, m.Additionals) {
		switch r.Type {
		case dns.TypeA, dns.TypeNS, dns.TypeCNAME, dns.TypeSOA, dns.TypePTR, dns.TypeMX, dns.TypeTXT, dns.TypeAAAA, dns.TypeSRV, 39, 41:
		default:
			return true
		}
	}
	return false
}

func names(rs []miekg.RR) []string {
	var out []string
	for _, r := range rs {
		if r.Header().Rrtype != miekg.TypeOPT {
			out = append(out, fmt.Sprint(plain(r.Header().Name), r.Header().Rrtype))
		}
	}
	return out
}

func ourNames(rs []dns.Record) []string {
	var out []string
	for _, r := range rs {
		out = append(out, fmt.Sprint(plain(dns.Escape(r.Name)), uint16(r.Type)))
	}
	return out
}

// plain takes escapes out: the two escape different characters.
func plain(name string) string {
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		if i+3 < len(name) && '0' <= name[i+1] && name[i+1] <= '9' {
			var n int
			_, _ = fmt.Sscanf(name[i+1:i+4], "%d", &n)
			name = name[:i] + string([]byte{byte(n)}) + name[i+4:]
		} else {
			name = name[:i] + name[i+1:]
		}
	}
	return name
}
