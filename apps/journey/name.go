package journey

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// Question begins the second chapter: which name is asked for, and whom.
func (j *Journey) Question(name string, t dns.Type, servers []netip.AddrPort) {
	j.end(func() {
		j.heading("The name")
		who := make([]string, len(servers))
		for i, s := range servers {
			who[i] = s.Addr().String()
		}
		what := j.recordName(t)
		if len(servers) == 0 {
			j.paragraph(j.t("Which %s has %s? We ask nobody to ask for us: we begin at a root server and go down from there, each server naming those that know more.", what, clean(name, 60)))
			j.blank()
			return
		}
		j.paragraph(j.t("Which %s has %s? We ask %s on port 53, over UDP first: one datagram there, one back, no connection.", what, clean(name, 60), strings.Join(who, j.t(" or "))))
		j.blank()
	})
}

// Known tells the second chapter of a name for which nobody has to be asked.
func (j *Journey) Known(name string, a *dns.Answer) {
	j.end(func() {
		j.heading("The name")
		where := j.t("Our hosts file says so, and it is looked at first")
		if a.Source.Kind == dns.FromCache {
			where = j.t("We asked a while ago, and the answer may be kept for %s more", j.n(int64(a.Left), "second"))
		}
		j.paragraph(j.t("Which %s has %s? %s: nobody is asked, no packet is sent.", j.recordName(a.Type), clean(name, 60), where))
		j.blank()
		for _, r := range a.Records {
			j.fact("answer", clean(a.Spelt(r).String(), 78))
		}
		j.blank()
	})
}

// recordName is what a type of record is called.
func (j *Journey) recordName(t dns.Type) string {
	if t == dns.TypeA {
		return j.t("IPv4 address")
	}
	return j.t("%s record", dns.TypeString(t))
}

// Exchange tells of one question to one server that has ended. It is a dns.Resolver's Observe.
func (j *Journey) Exchange(x *dns.Exchange) {
	j.end(func() {
		j.blank()
		j.tellExchange(x)
		j.blank()
	})
}

func (j *Journey) tellExchange(x *dns.Exchange) {
	m := x.Message
	if m == nil {
		j.fact("no answer", j.t("from %s over %s: %s", x.Server, x.Transport, j.failure(x)))
		return
	}
	for _, q := range m.Questions {
		j.line(margin + pad(j.t("question"), factColumn) + fmt.Sprintf("%-24s       IN  %s", clean(q.Name, 60), dns.TypeString(q.Type)))
	}
	for _, r := range m.Answers {
		j.line(margin + pad(j.t("answer"), factColumn) + fmt.Sprintf("%-24s %5d IN  %s  %s", clean(r.Name, 60), r.TTL, dns.TypeString(r.Type), clean(r.DataString(), 60)))
	}
	referred := j.tellReferral(m)
	if referred {
		// said
	} else if len(m.Answers) == 0 {
		j.fact("answer", j.t("none")+": "+dns.RCodeString(m.RCode))
	} else {
		j.fact("", j.t("(the answer may be kept for %d seconds)", m.Answers[0].TTL))
	}
	j.fact("from", j.t("%s over %s, %s of question and %d of answer, in %s", x.Server, x.Transport,
		j.n(int64(len(x.Query)), "byte"), len(x.Raw), short(x.RoundTrip)))
	switch {
	case m.RCode == dnsmessage.RCodeRefused:
		j.fact("authoritative", j.t("no: the server refuses; it does not serve that name, or not to us."))
	case m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError:
		j.fact("authoritative", j.t("no: the server says that it failed, and nothing of the name."))
	case referred:
		j.fact("authoritative", j.t("no (flag AA is not set): it has only handed the name on."))
	case m.AA:
		j.fact("authoritative", j.t("yes (flag AA): the server keeps this zone itself; nothing came out of a cache."))
	default:
		j.fact("authoritative", j.t("no (flag AA is not set): the server asked others, or had it in its cache."))
	}
	j.fact("to believe it", j.guard(x))
	if x.Truncated {
		j.fact("truncated", j.t("The answer did not fit (flag TC): we ask again over TCP."))
	}
}

// guard says what made the answer believable.
func (j *Journey) guard(x *dns.Exchange) string {
	text := j.t("it came to our random port %d with our random ID 0x%04x", x.Local.Port(), x.Message.ID)
	if len(x.Message.Questions) == 1 && mixed(x.Message.Questions[0].Name) {
		text += j.t(", and repeats the random letter case of our question")
	}
	if x.Ignored > 0 {
		text += j.t("; %s did not and were ignored", j.n(int64(x.Ignored), "message"))
	}
	return text + "."
}

func mixed(name string) bool {
	return strings.ToLower(name) != name && strings.ToUpper(name) != name
}

func (j *Journey) failure(x *dns.Exchange) string {
	switch {
	case x.Err != nil:
		return clean(x.Err.Error(), 60)
	case x.Truncated:
		return j.t("cut short, so we ask again over TCP")
	}
	return j.t("nothing came in time")
}
