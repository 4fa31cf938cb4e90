package dns

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestSpelling(t *testing.T) {
	a := &Answer{
		Name:  "Alias.Example.com.",
		Chain: []Record{{Name: "aLIas.eXAmple.coM.", Data: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("WWW.Other.eXAmple.coM.")}}},
	}
	for _, row := range []struct{ rule, name, want string }{
		{"the name as it was asked for", "aLIas.eXAmple.coM.", "Alias.Example.com."},
		{"the zone that it shares", "nS1.eXAmple.coM.", "nS1.Example.com."},
		{"where the chain leads, as the server spells what is its own", "wWw.oTHer.eXAmple.coM.", "WWW.Other.Example.com."},
		{"a name that shares nothing", "A.Example.ORG.", "A.Example.ORG."},
		{"labels are compared whole", "xexAMPLE.cOM.", "xexAMPLE.com."},
		{"ASCII alone has case (RFC 4343 3)", "\u212aey.", "\u212aey."},
		{"the root", ".", "."},
	} {
		t.Run(row.rule, func(t *testing.T) { require.Equal(t, row.want, a.SpeltName(row.name)) })
	}
	name := dnsmessage.MustNewName("nS.eXAmple.coM.")
	for _, row := range []struct {
		rule string
		data dnsmessage.ResourceBody
		want string
	}{
		{"NS", &dnsmessage.NSResource{NS: name}, "nS.Example.com."},
		{"CNAME", &dnsmessage.CNAMEResource{CNAME: name}, "nS.Example.com."},
		{"PTR", &dnsmessage.PTRResource{PTR: name}, "nS.Example.com."},
		{"MX", &dnsmessage.MXResource{Pref: 10, MX: name}, "10 nS.Example.com."},
		{"SRV", &dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 3, Target: name}, "1 2 3 nS.Example.com."},
		{"SOA", &dnsmessage.SOAResource{NS: name, MBox: name, Serial: 1}, "nS.Example.com. nS.Example.com. 1 0 0 0 0"},
		{"no name in it", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}, "192.0.2.1"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := a.Spelt(Record{Name: "eXAmple.coM.", Data: row.data})
			require.Equal(t, "Example.com.", r.Name)
			require.Equal(t, row.want, r.DataString())
		})
	}
}
