package dns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// The rows of testdata/conformance.md that belong to names. The attacks beside them go further.

func TestReqC_DNSNames(t *testing.T) {
	label := "\x3f" + strings.Repeat("x", 63)
	for _, row := range []struct {
		rule string
		msg  []byte
		err  error
	}{
		{"a pointer to what came before (RFC 1035 4.1.4)", packet(1, 1, 0, 0, qA, "\xc0\x0c", fixed, data4), nil},
		{"a pointer to itself (RFC 9267 2)", packet(1, 1, 0, 0, qA, "\xc0\x13", fixed, data4), errPointer},
		{"a pointer forward", packet(1, 1, 0, 0, qA, "\xc0\x40", fixed, data4), errPointer},
		{"63 in a label, 255 in all (RFC 1035 2.3.4)", packet(1, 0, 0, 0, label, label, label, "\x3d"+strings.Repeat("y", 61), "\x00\x00\x01\x00\x01"), nil},
		{"256 in all", packet(1, 0, 0, 0, label, label, label, "\x3e"+strings.Repeat("y", 62), "\x00\x00\x01\x00\x01"), errLongName},
		{"256 over a pointer", packet(1, 1, 0, 0, label, label, label, "\x3d"+strings.Repeat("y", 61), "\x00\x00\x01\x00\x01", "\x01z\xc0\x0c", fixed, data4), errLongName},
		{"64 in a label is no label", packet(1, 0, 0, 0, "\x40"+strings.Repeat("x", 64), "\x00\x00\x01\x00\x01"), errLabelType},
	} {
		t.Run(row.rule, func(t *testing.T) { require.ErrorIs(t, checkMessage(row.msg), row.err) })
	}
}

func TestReqC_DNSCounts(t *testing.T) {
	good := packet(1, 1, 0, 1, qA, "\xc0\x0c", fixed, data4, opt, "\x00\x00")
	require.NoError(t, checkMessage(good))
	for cut := range len(good) {
		require.Error(t, checkMessage(good[:cut]), "%d bytes of it", cut)
	}
	for at := 4; at < 12; at++ { // each count, too high and too low
		for _, by := range []byte{1, 0x40, 0xFF} {
			bad := append([]byte(nil), good...)
			bad[at] += by
			require.Error(t, checkMessage(bad), "byte %d + %d", at, by)
		}
	}
	for _, length := range []string{"\x00\x03\xc0\x00\x02\x01", "\x00\x05\xc0\x00\x02\x01", "\xff\xff\xc0\x00\x02\x01"} {
		require.Error(t, checkMessage(packet(1, 1, 0, 0, qA, "\xc0\x0c", fixed, length)), "RDLENGTH %x", length[:2])
	}
	huge := append([]byte{0, 1, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, qA...)
	require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = Parse(huge) }), "nothing is allocated by a count")
}

func TestReqC_DNSMatch(t *testing.T) {
	r := &Resolver{}
	n, err := ParseName(www)
	require.NoError(t, err)
	q, err := r.newQuery(n, TypeA, true)
	require.NoError(t, err)
	other, err := r.newQuery(n, TypeA, true)
	require.NoError(t, err)
	require.NotEqual(t, q.msg, other.msg, "ID and letter case are random (RFC 5452 9.2)")
	answer := func(with func(*Message)) []byte {
		m, err := Parse(q.msg)
		require.NoError(t, err)
		m.Response, m.Answers = true, rrs(www+" 300 A 192.0.2.1")
		with(m)
		return m.Append(nil)
	}
	for _, row := range []struct {
		rule string
		with func(*Message)
		want verdict
	}{
		{"all of it fits (RFC 5452 9.1)", func(*Message) {}, good},
		{"another ID", func(m *Message) { m.ID ^= 1 }, junk},
		{"a question", func(m *Message) { m.Response = false }, junk},
		{"another opcode", func(m *Message) { m.OpCode = 4 }, junk},
		{"another name", func(m *Message) { m.Questions[0].Name = "x." + m.Questions[0].Name }, junk},
		{"another type", func(m *Message) { m.Questions[0].Type = TypeMX }, junk},
		{"another class", func(m *Message) { m.Questions[0].Class = 3 }, junk},
		{"no question", func(m *Message) { m.Questions = nil }, junk},
	} {
		t.Run(row.rule, func(t *testing.T) {
			_, v, _ := q.judge(answer(row.with), false, UDP)
			require.Equal(t, row.want, v)
		})
	}
	// Address and ports are the connected socket's to check: TestAttack_54_AnotherSource.
}

func TestReqC_DNSBailiwick(t *testing.T) {
	n := tree(t)
	n.servers["10.0.3.1"] = func(q Question, _ Transport) *Message {
		return &Message{AA: true, Answers: rrs(q.Name+" 300 A 192.0.2.80", "www.two. 300 A 203.0.113.66"),
			Authorities: rrs("two. 3600 NS ns.a.one."), Additionals: rrs("ns.two. 3600 A 203.0.113.66")}
	}
	it := n.iterator()
	look(t, it, "www.a.one", TypeA)
	c, now := it.Cache, n.now()
	require.NotNil(t, c.find("www.a.one.", TypeA, now))
	require.Nil(t, c.find("www.two.", TypeA, now), "another zone's record")
	require.Nil(t, c.find("ns.two.", TypeA, now), "an address that came along")
	require.Nil(t, c.get(key{"two.", 0, delegation}, now), "another zone's servers")
	require.NotNil(t, c.get(key{"a.one.", 0, delegation}, now))
	require.Nil(t, c.find("ns.a.one.", TypeA, now), "glue ranks below an answer (RFC 2181 5.4.1)")
}

func TestReqC_DNSNegative(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, row := range []struct {
		rule string
		soa  string
		want time.Duration
	}{
		{"the SOA's minimum (RFC 2308 5)", "one. 900 SOA ns.one. 60", time.Minute},
		{"its TTL where that is less", "one. 20 SOA ns.one. 60", 20 * time.Second},
		{"three hours at most", "one. 90000 SOA ns.one. 65535", 3 * time.Hour},
	} {
		for _, k := range []Kind{ErrNXDomain, ErrNoData} {
			t.Run(row.rule, func(t *testing.T) {
				c, soa := NewCache(0), rr(row.soa)
				c.putNothing("www.one.", TypeA, k, &soa, Source{}, now)
				require.NotNil(t, c.find("www.one.", TypeA, now.Add(row.want-1)))
				require.Nil(t, c.find("www.one.", TypeA, now.Add(row.want)))
				require.Equal(t, k == ErrNXDomain, c.find("www.one.", TypeMX, now) != nil, "a name that is not there has no other type")
			})
		}
	}
}

func TestReqC_DNSFailureCache(t *testing.T) {
	c, now := NewCache(0), time.Unix(1e9, 0)
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300, 300} {
		c.putFailure("www.one.", TypeA, ErrTimeout, now)
		now = now.Add(want*time.Second - 1)
		require.NotNil(t, c.find("www.one.", TypeA, now), "at least a second, at most five minutes (RFC 9520 3.2)")
		now = now.Add(1)
		require.Nil(t, c.find("www.one.", TypeA, now))
	}
}

func TestReqC_DNSTCPFallback(t *testing.T) {
	n := newInternet(t)
	n.servers["10.0.0.1"] = func(q Question, over Transport) *Message {
		if over == UDP {
			return &Message{TC: true, Answers: []Record{rr(q.Name + " 300 A 203.0.113.66")}}
		}
		return &Message{AA: true, Answers: []Record{rr(q.Name + " 300 A 192.0.2.1")}}
	}
	r := &Resolver{Carry: n.carry, Now: n.now, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}
	a, err := r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.1"}, datas(a), "what is cut short is not looked at (RFC 7766 5)")
	require.Equal(t, []Transport{UDP, TCP}, []Transport{a.Exchanges[0].Transport, a.Exchanges[1].Transport})
}

func TestReqC_DNSEDNS(t *testing.T) {
	n := newInternet(t)
	var sizes []int
	old := true
	carry := func(over Transport, to netip.AddrPort, raw []byte, deadline time.Time) ([]byte, error) {
		m, err := Parse(raw)
		require.NoError(t, err)
		size := 0
		if m.EDNS != nil {
			size = int(m.EDNS.UDPSize)
		}
		if sizes = append(sizes, size); m.EDNS != nil && old {
			return (&Message{ID: m.ID, Response: true, RCode: 1, Questions: m.Questions}).Append(nil), nil
		}
		return n.carry(over, to, raw, deadline)
	}
	n.serve("10.0.0.1", ".", www+" 300 A 192.0.2.1")
	r := &Resolver{Carry: carry, Now: n.now, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}
	_, err := r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []int{1232, 0}, sizes, "1232 bytes; FORMERR: again without (RFC 6891 7)")
	old, sizes = false, nil
	r.Flags.UDPSize = 65535
	_, err = r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []int{1232}, sizes, "never more")
	// And as a server: what the client takes, 512 at least, 1232 at most (RFC 6891 6.2.3).
	for size, want := range map[uint16]int{0: 512, 300: 512, 900: 900, 4096: 1232} {
		q := (&Message{RD: true, Questions: []Question{{www, TypeA, 1}}, EDNS: &EDNS{UDPSize: size}}).Append(nil)
		req, ok := parseRequest(q, UDP)
		require.True(t, ok)
		require.Equal(t, want, req.size)
	}
}

func TestReqC_DNSNXCut(t *testing.T) {
	n := tree(t)
	it := n.iterator()
	_, err := it.Lookup("gone.one", TypeA, time.Time{})
	require.ErrorIs(t, err, ErrNXDomain)
	n.questions()
	for _, name := range []string{"gone.one", "www.gone.one", "a.b.c.gone.one"} {
		a, err := it.Lookup(name, TypeMX, time.Time{})
		require.ErrorIs(t, err, ErrNXDomain, "nothing is below what does not exist (RFC 8020)")
		require.NotNil(t, a.Negative)
	}
	require.Empty(t, n.questions())
	_, err = it.Lookup("xgone.one", TypeA, time.Time{})
	require.ErrorIs(t, err, ErrNXDomain)
	require.Len(t, n.questions(), 1, "a name that only ends like it is another")
}

func TestReqC_DNSQmin(t *testing.T) {
	n := tree(t)
	it := n.iterator()
	it.WholeNames = false
	require.Equal(t, []string{"192.0.2.81"}, look(t, it, "x.deep.a.one", TypeA))
	require.Equal(t, []string{"10.0.0.1 one. A", "10.0.1.1 a.one. A", "10.0.3.1 deep.a.one. A", "10.0.3.1 x.deep.a.one. A"}, n.questions(),
		"each server hears one label more than its zone (RFC 9156 2.3)")
	look(t, it, "x.deep.a.one", TypeA)
	_, err := it.Lookup("y.deep.a.one", TypeA, time.Time{})
	require.ErrorIs(t, err, ErrNXDomain)
	require.Equal(t, []string{"10.0.3.1 y.deep.a.one. A"}, n.questions(), "what is known to be there is not asked for")

	// A server that says that there is nothing where something is below: the whole name is asked for all the same.
	n.servers["10.0.3.1"] = func(q Question, _ Transport) *Message {
		if ascii.EqualFold(q.Name, "x.broken.a.one.") {
			return &Message{AA: true, Answers: rrs("x.broken.a.one. 300 A 192.0.2.1")}
		}
		return &Message{AA: true, RCode: 3}
	}
	require.Equal(t, []string{"192.0.2.1"}, look(t, it, "x.broken.a.one", TypeA))

	// Forty labels take ten steps at most (RFC 9156 2.3: MAX_MINIMISE_COUNT).
	for _, row := range []struct{ labels, steps int }{{1, 0}, {2, 1}, {5, 4}, {11, 10}, {40, 10}, {120, 10}} {
		m, asked := &minimiser{}, map[string]bool{}
		name := strings.Repeat("x.", row.labels)
		for range 200 {
			short := m.shorten(".", name)
			if len(short) == len(name) {
				break
			}
			require.True(t, within(name, short))
			asked[short] = true
		}
		require.True(t, m.over)
		require.LessOrEqual(t, len(asked), minimiseSteps)
		if row.labels <= 5 {
			require.Len(t, asked, row.steps, row.labels)
		}
	}
}

func TestReqC_DNSWorkBound(t *testing.T) {
	for name, world := range map[string]answerer{
		"aliases": func(q Question, _ Transport) *Message {
			return &Message{AA: true, Answers: []Record{rr(q.Name + " 300 CNAME x" + q.Name)}}
		},
		"referrals": func(q Question, _ Transport) *Message {
			return &Message{Authorities: []Record{rr(q.Name + " 300 NS ns." + q.Name)}}
		},
		"fetches": func(q Question, _ Transport) *Message {
			m := &Message{}
			for i := range 50 {
				m.Authorities = append(m.Authorities, rr(fmt.Sprintf("%s 300 NS n%d.x%d.", q.Name, i, i)))
			}
			return m
		},
		"failures": func(Question, Transport) *Message { return &Message{RCode: 2} },
		"silence":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			for _, whole := range []bool{false, true} {
				n := newInternet(t)
				n.servers["10.0.0.1"] = world
				it := n.iterator()
				it.WholeNames = whole
				begin := n.now()
				a, err := it.Lookup("a.b.c.d", TypeA, begin.Add(20*time.Second))
				require.Error(t, err)
				require.LessOrEqual(t, len(n.questions()), maxPackets, "packets (RFC 1034 5.3.3)")
				require.LessOrEqual(t, len(a.Chain), maxChain, "aliases")
				require.LessOrEqual(t, n.now().Sub(begin), 20*time.Second, "time")
			}
		})
	}
}

func TestReqC_DNSAwaitValid(t *testing.T) {
	r := &Resolver{}
	n, err := ParseName(www)
	require.NoError(t, err)
	q, err := r.newQuery(n, TypeA, true)
	require.NoError(t, err)
	m, err := Parse(q.msg)
	require.NoError(t, err)
	m.Response = true
	ok := m.Append(nil)
	x := &Exchange{}
	for _, bad := range [][]byte{nil, ok[:5], ok[:headerLen], ok[:len(ok)-1], append(append([]byte(nil), ok...), 0), {0xFF, 0xFF, 0xFF}} {
		require.Error(t, x.settle(q, bad, false, 0), "what is no answer ends nothing: %x", bad)
	}
	require.NoError(t, x.settle(q, ok, false, 0))
	require.NotNil(t, x.Message)
	// That the socket is read on after each: TestAttack_55_JunkFirst.
}
