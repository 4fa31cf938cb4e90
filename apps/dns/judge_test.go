package dns

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// A server that keeps a zone and the one below it answers for both: what looks like a way down is none where the answer
// is there, be it an alias (RFC 1034 4.3.2).
func TestAnswerBesideAWayDown(t *testing.T) {
	ns := Record{Name: "a.test.", Type: TypeNS, Class: 1, Data: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.a.test.")}}
	a := Record{Name: "www.a.test.", Type: TypeA, Class: 1, Data: &dnsmessage.AResource{}}
	alias := Record{Name: "www.a.test.", Type: TypeCNAME, Class: 1, Data: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("b.test.")}}
	other, chaos := a, a
	other.Name, chaos.Class = "mail.a.test.", 3
	for _, row := range []struct {
		rule    string
		answers []Record
		aa      bool
		want    sort
	}{
		{"nothing but the way down", nil, false, referral},
		{"the answer", []Record{a}, true, answered},
		{"an alias", []Record{alias}, true, answered},
		{"an answer for another name", []Record{other}, true, referral},
		{"an answer of another class", []Record{chaos}, true, referral},
	} {
		t.Run(row.rule, func(t *testing.T) {
			q := &Answer{Canonical: "www.a.test.", Type: TypeA}
			m := &Message{Response: true, AA: row.aa, Answers: row.answers, Authorities: []Record{ns}}
			require.Equal(t, row.want, q.judge(m, &zone{name: "test."}))
		})
	}
}

// A DNAME puts another end to a name (RFC 6672 2.2).
func TestSubstitute_RFC6672(t *testing.T) {
	for _, row := range []struct{ name, owner, to, want string }{
		{"x.d.test.", "d.test.", "e.test.", "x.e.test."},
		{"x.y.d.test.", "d.test.", "e.", "x.y.e."},
		{"x.test.", ".", "e.", "x.test.e."},
		{"x.d.test.", "d.test.", ".", "x."},
		{"x.test.", ".", ".", "x.test."},
	} {
		require.Equal(t, row.want, substitute(row.name, row.owner, row.to), row)
	}
}

// The parameters of SVCB and HTTPS, as RFC 9460 writes them.
func TestServiceParameters_RFC9460(t *testing.T) {
	six := append([]byte{0x20, 1, 0x0d, 0xb8}, make([]byte, 11)...)
	for _, row := range []struct {
		rule  string
		key   uint16
		value []byte
		want  string
	}{
		{"8: mandatory", 0, []byte{0, 1, 0, 4}, "alpn,ipv4hint"},
		{"7.1.1: alpn", 1, []byte("\x02h2\x02h3"), `"h2,h3"`},
		{"7.1.1: alpn that is cut", 1, []byte("\x09h2"), `"\009h2"`},
		{"7.1: no-default-alpn", 2, nil, ""},
		{"7.2: port", 3, []byte{0x20, 0xfb}, "8443"},
		{"7.3: ipv4hint", 4, []byte{192, 0, 2, 1, 192, 0, 2, 2}, "192.0.2.1,192.0.2.2"},
		{"7.3: ipv4hint that is cut", 4, []byte{192, 0, 2}, `"\192\000\002"`},
		{"ech", 5, []byte{1, 2, 3}, "AQID"},
		{"7.3: ipv6hint", 6, append(six, 1), "2001:db8::1"},
		{"2.1: of a key without a name", 667, []byte("hello\xd2"), `"hello\210"`},
	} {
		require.Equal(t, row.want, svcValue(row.key, row.value), row.rule)
	}
}
