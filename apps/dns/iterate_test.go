package dns

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tree is a root, two top-level zones and some below.
func tree(t testing.TB) *internet {
	n := newInternet(t)
	n.serve("10.0.0.1", ".", ". 3600 NS ns.root.", ". 3600 SOA ns.root. 600",
		"one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1")
	n.serve("10.0.1.1", "one.", "one. 3600 SOA ns.one. 600", "one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1",
		"a.one. 3600 NS ns.a.one.", "ns.a.one. 3600 A 10.0.3.1",
		"b.one. 3600 NS ns.b.two.", "into.one. 300 CNAME www.a.one.", "mail.one. 300 A 192.0.2.25", "one. 300 MX 10 mail.one.")
	n.serve("10.0.2.1", "two.", "two. 3600 SOA ns.two. 600", "b.two. 3600 NS ns.b.two.", "ns.b.two. 3600 A 10.0.4.1")
	n.serve("10.0.3.1", "a.one.", "a.one. 3600 SOA ns.a.one. 60", "ns.a.one. 3600 A 10.0.3.1", "www.a.one. 300 A 192.0.2.80",
		"alias.a.one. 300 CNAME www.a.one.", "away.a.one. 300 CNAME www.b.two.", "old.a.one. 300 DNAME b.two.", "zero.a.one. 0 A 192.0.2.9",
		"x.deep.a.one. 300 A 192.0.2.81")
	two := rrs("b.two. 3600 SOA ns.b.two. 60", "ns.b.two. 3600 A 10.0.4.1", "www.b.two. 300 A 192.0.2.82")
	one := rrs("b.one. 3600 SOA ns.b.two. 60", "www.b.one. 300 A 192.0.2.83")
	n.servers["10.0.4.1"] = func(q Question, _ Transport) *Message {
		if within(q.Name, "b.one.") {
			return keep("b.one.", one, q)
		}
		return keep("b.two.", two, q)
	}
	return n
}

// From the root down, and no further up than what is known.
func TestIterate(t *testing.T) {
	n := tree(t)
	it := n.iterator()
	var way []string
	it.Referral = func(zone, below string, servers []string) { way = append(way, zone+">"+below) }
	require.Equal(t, []string{"192.0.2.80"}, look(t, it, "www.a.one", TypeA))
	require.Equal(t, []string{".>one.", "one.>a.one."}, way)
	require.Equal(t, []string{"10.0.0.1 www.a.one. A", "10.0.1.1 www.a.one. A", "10.0.3.1 www.a.one. A"}, n.questions())

	a, err := it.Lookup("www.a.one", TypeA, time.Time{})
	require.NoError(t, err)
	require.Empty(t, n.questions(), "the cache knows")
	require.Equal(t, FromCache, a.Source.Kind)
	n.pass(299 * time.Second)
	a, err = it.Lookup("WWW.A.one.", TypeA, time.Time{})
	require.NoError(t, err)
	require.EqualValues(t, 1, a.Left)
	require.EqualValues(t, 1, a.Records[0].TTL, "seconds that are left (RFC 1035 7.3)")
	require.Equal(t, "the cache, 1 s left", a.Origin())
	n.pass(2 * time.Second)
	a, err = it.Lookup("www.a.one", TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.3.1 www.a.one. A"}, n.questions(), "the zone's servers are still known")
	require.Equal(t, FromAuthority, a.Source.Kind)
	require.Equal(t, "10.0.3.1:53, an authority for the zone", a.Origin())

	for _, row := range []struct {
		rule, name string
		t          Type
		want       string
		asked      int
	}{
		{"an alias and its name come together", "alias.a.one", TypeA, "192.0.2.80", 1},
		{"an alias of another zone is asked for there", "away.a.one", TypeA, "192.0.2.82", 4},
		{"a zone whose server is elsewhere: its zone is known by now", "www.b.one", TypeA, "192.0.2.83", 3},
		{"a DNAME makes an alias (RFC 6672)", "www.old.a.one", TypeA, "192.0.2.82", 1},
		{"the DNAME itself", "old.a.one", typeDNAME, "b.two.", 0},
		{"a DNAME is asked for below one: where that leads", "www.old.a.one", typeDNAME, "", 1},
		{"a CNAME below a DNAME: the one that it makes (RFC 6672 3.1)", "www.old.a.one", TypeCNAME, "www.b.two.", 0},
		{"an alias into a zone below, which the server does not keep", "into.one", TypeA, "192.0.2.80", 1},
		{"an address that came along is no answer: it is asked for (RFC 2181 5.4.1)", "ns.one", TypeA, "10.0.1.1", 1},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if row.want == "" {
				_, err := it.Lookup(row.name, row.t, time.Time{})
				require.ErrorIs(t, err, ErrNoData)
			} else {
				require.Equal(t, []string{row.want}, look(t, it, row.name, row.t))
			}
			require.Len(t, n.questions(), row.asked)
		})
	}
	a, err = it.Lookup("one", TypeMX, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"10 mail.one."}, datas(a))
	require.Zero(t, n.asking, "no server is asked to ask others")
}

// A server without glue in another zone is looked up, within the same question.
func TestIterateWithoutGlue(t *testing.T) {
	n := tree(t)
	require.Equal(t, []string{"192.0.2.83"}, look(t, n.iterator(), "www.b.one", TypeA))
	require.Equal(t, []string{
		"10.0.0.1 www.b.one. A", "10.0.1.1 www.b.one. A", // knows a name only
		"10.0.0.1 ns.b.two. A", "10.0.2.1 ns.b.two. A", "10.0.4.1 ns.b.two. A", "10.0.4.1 www.b.one. A",
	}, n.questions())
}

// A server that fails, refuses, is lame or silent: the others are asked, and it is last next time.
func TestIterateServersInTurn(t *testing.T) {
	for _, row := range []struct {
		rule string
		bad  answerer
	}{
		{"SERVFAIL", func(Question, Transport) *Message { return &Message{RCode: 2} }},
		{"REFUSED", func(Question, Transport) *Message { return &Message{RCode: 5} }},
		{"silent", nil},
		{"lame: not its own, and no way down", func(Question, Transport) *Message { return &Message{RA: true} }},
		{"lame: refers upward", func(Question, Transport) *Message { return &Message{Authorities: rrs(". 3600 NS ns.root.")} }},
		{"lame: refers to itself", func(Question, Transport) *Message { return &Message{Authorities: rrs("one. 3600 NS ns.one.")} }},
		{"lame: refers aside", func(Question, Transport) *Message { return &Message{Authorities: rrs("b.two. 3600 NS ns.b.two.")} }},
		{"lame: refers to a zone beside the name", func(Question, Transport) *Message {
			return &Message{Authorities: rrs("x.one. 3600 NS ns.x.one."), Additionals: rrs("ns.x.one. 3600 A 10.0.6.6")}
		}},
		{"an answer without AA", func(q Question, _ Transport) *Message { return &Message{Answers: rrs("www.one. 300 A 203.0.113.66")} }},
		{"NXDOMAIN without AA", func(q Question, _ Transport) *Message { return &Message{RCode: 3} }},
	} {
		t.Run(row.rule, func(t *testing.T) {
			n := newInternet(t)
			n.serve("10.0.0.1", ".", "one. 3600 NS ns1.one.", "one. 3600 NS ns2.one.", "ns1.one. 3600 A 10.0.1.1", "ns2.one. 3600 A 10.0.1.2")
			n.servers["10.0.1.1"] = row.bad
			n.serve("10.0.1.2", "one.", "one. 3600 SOA ns1.one. 60", "www.one. 300 A 192.0.2.1", "www2.one. 300 A 192.0.2.2")
			for range 4 { // whichever is first
				it := n.iterator()
				require.Equal(t, []string{"192.0.2.1"}, look(t, it, "www.one", TypeA))
				asked := n.questions()
				require.LessOrEqual(t, len(asked), 3)
				require.NotContains(t, asked, "10.0.6.6 www.one. A")
			}
		})
	}
}
