package journey

import (
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// tellReferral tells that a server does not know but says who does (RFC 1034 4.3.2 3b); false: it is no such answer.
func (j *Journey) tellReferral(m *dns.Message) bool {
	if m.AA || m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) > 0 {
		return false
	}
	zone, hosts := "", []string(nil)
	for _, r := range m.Authorities {
		if r.Type == dns.TypeNS {
			zone, hosts = r.Name, append(hosts, r.DataString())
		}
	}
	if hosts == nil {
		return false
	}
	j.fact("referral", j.t("not known here, but who does: %s keeps %s", clean(strings.Join(hosts, ", "), 120), clean(zone, 60)))
	for _, r := range m.Additionals {
		if r.Type == dns.TypeA {
			j.fact("glue", j.t("%s is at %s; it came along, for who keeps a zone has its name in it", clean(r.Name, 60), clean(r.DataString(), 60)))
		}
	}
	return true
}
