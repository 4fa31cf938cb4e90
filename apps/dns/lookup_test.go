//go:build linux

package dns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func TestLookup(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
		return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80"), a("other.test.", "192.0.2.81")},
			func(m *dnsmessage.Message) { m.Authoritative = true }))
	})
	r := resolver(t, s)
	got, err := r.Lookup("www.example.test", TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.80")}, got.Addrs(), "only the name's own records")
	x := got.Last()
	require.Equal(t, s.addr, x.Server)
	require.Equal(t, UDP, x.Transport)
	require.True(t, x.Message.AA)
	require.True(t, x.Message.RA)
	require.Zero(t, x.Ignored)
	require.Positive(t, x.RoundTrip)
	require.Equal(t, s.asked()[0].from.Port(), x.Local.Port())
	require.Equal(t, "www.example.test.\t300\tIN\tA\t192.0.2.80", got.Records[0].String())

	addrs, err := r.LookupA("192.0.2.7", time.Time{})
	require.NoError(t, err)
	require.Equal(t, "[192.0.2.7]", fmt.Sprint(addrs), "digits are not asked for")
	require.Len(t, s.asked(), 1)
}

// What is random differs from question to question (RFC 5452 9.2), and EDNS says 1232.
func TestAttack_54_UnpredictableQuestions(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
		return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}))
	})
	r := resolver(t, s)
	ids, ports, cases := map[uint16]bool{}, map[uint16]bool{}, map[string]bool{}
	for range 32 {
		_, err := r.Lookup(www, TypeA, time.Time{})
		require.NoError(t, err)
	}
	for _, q := range s.asked() {
		ids[q.msg.ID], ports[q.from.Port()], cases[q.msg.Questions[0].Name.String()] = true, true, true
		require.True(t, strings.EqualFold(www, q.msg.Questions[0].Name.String()))
		require.Len(t, q.msg.Additionals, 1)
		require.EqualValues(t, 1232, q.msg.Additionals[0].Header.Class, "EDNS payload size")
	}
	require.Greater(t, len(ids), 24)
	require.Greater(t, len(ports), 24)
	require.Greater(t, len(cases), 24)
}

func TestAttack_54_ForgedAnswersAreIgnored(t *testing.T) {
	forged := []dnsmessage.Resource{a(www, "203.0.113.66")}
	for _, row := range []struct {
		name string
		bad  func(q dnsmessage.Message) []byte
	}{
		{"another ID", func(q dnsmessage.Message) []byte { q.ID++; return reply(q, forged) }},
		{"a question, not an answer", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) { m.Response = false })
		}},
		{"another opcode", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) { m.OpCode = 2 })
		}},
		{"another name", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) { m.Questions = question("wwx.example.test.", TypeA) })
		}},
		{"another type", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) {
				m.Questions = []dnsmessage.Question{{Name: q.Questions[0].Name, Type: TypeAAAA, Class: 1}}
			})
		}},
		{"another class", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) {
				m.Questions = []dnsmessage.Question{{Name: q.Questions[0].Name, Type: TypeA, Class: 3}}
			})
		}},
		{"no question", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) { m.Questions = nil })
		}},
		{"two questions", func(q dnsmessage.Message) []byte {
			return reply(q, forged, func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) })
		}},
		{"NXDOMAIN with another ID", func(q dnsmessage.Message) []byte { q.ID ^= 0x8000; return reply(q, nil, rcode(3)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
				return [][]byte{row.bad(q), row.bad(q), reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")})}
			})
			got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
			require.NoError(t, err)
			require.Equal(t, "[192.0.2.80]", fmt.Sprint(got.Addrs()))
			require.Equal(t, 2, got.Last().Ignored)
			require.Len(t, got.Exchanges, 1)
		})
	}
}

func question(name string, t Type) []dnsmessage.Question {
	return []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: t, Class: dnsmessage.ClassINET}}
}

// A datagram from another address or port never reaches the connected socket.
func TestAttack_54_AnotherSource(t *testing.T) {
	other := serve(t, nil)
	self := make(chan *server, 1)
	s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
		s := <-self
		to := net.UDPAddrFromAddrPort(s.asked()[0].from)
		_, err := other.udp.WriteTo(reply(q, []dnsmessage.Resource{a(www, "203.0.113.66")}), to)
		require.NoError(t, err)
		return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}))
	})
	self <- s
	got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "[192.0.2.80]", fmt.Sprint(got.Addrs()))
}

func TestAttack_54_ChangedCaseGoesToTCP(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte {
		q.Questions = question(www, TypeA) // letter case lost
		if over == UDP {
			return one(reply(q, []dnsmessage.Resource{a(www, "203.0.113.66")}))
		}
		return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}))
	})
	got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "[192.0.2.80]", fmt.Sprint(got.Addrs()))
	require.Equal(t, TCP, got.Last().Transport)
}

func TestAttack_55_JunkFirst(t *testing.T) {
	good := func(q dnsmessage.Message) []byte { return reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}) }
	for _, row := range []struct {
		name string
		bad  func(q dnsmessage.Message) []byte
	}{
		{"an empty datagram", func(dnsmessage.Message) []byte { return []byte{} }},
		{"half a header", func(q dnsmessage.Message) []byte { return good(q)[:7] }},
		{"a header alone", func(q dnsmessage.Message) []byte { return good(q)[:12] }},
		{"TC with another ID", func(q dnsmessage.Message) []byte {
			q.ID++
			return reply(q, nil, func(m *dnsmessage.Message) { m.Truncated = true })
		}},
		{"FORMERR with another ID", func(q dnsmessage.Message) []byte { q.ID++; return reply(q, nil, rcode(1)) }},
		{"records cut off", func(q dnsmessage.Message) []byte { m := good(q); return m[:len(m)-3] }},
		{"bytes after the records", func(q dnsmessage.Message) []byte { return append(good(q), 0) }},
		{"a count that lies", func(q dnsmessage.Message) []byte { m := good(q); m[7] = 200; return m }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte { return [][]byte{row.bad(q), good(q)} })
			got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
			require.NoError(t, err)
			require.Equal(t, UDP, got.Last().Transport)
			require.Equal(t, 1, got.Last().Ignored)
		})
	}
}

func TestAttack_55_TruncationFallsBackToTCP(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte {
		if over == UDP {
			m := reply(q, []dnsmessage.Resource{a(www, "203.0.113.66")}, func(m *dnsmessage.Message) { m.Truncated = true })
			return one(m[:len(m)-2]) // cut within a record, as the bit says
		}
		var all []dnsmessage.Resource
		for i := range 200 {
			all = append(all, a(www, fmt.Sprintf("192.0.2.%d", i)))
		}
		return one(reply(q, all))
	})
	r := resolver(t, s)
	got, err := r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Len(t, got.Records, 200)
	require.Len(t, got.Exchanges, 2)
	require.True(t, got.Exchanges[0].Truncated)
	require.Equal(t, TCP, got.Last().Transport)
	require.NotEqual(t, s.asked()[0].msg.ID, s.asked()[1].msg.ID, "a fresh ID for each")

	r.TCPOnly = true
	got, err = r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Len(t, got.Exchanges, 1)
}

// More than we said we take was fragmented on its way, where fragments are easily forged: ask over TCP.
func TestAttack_62_TooLongForUDP(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte {
		var all []dnsmessage.Resource
		for i := range 120 {
			all = append(all, a(www, fmt.Sprintf("192.0.2.%d", i)))
		}
		return one(reply(q, all))
	})
	got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Len(t, got.Records, 120)
	require.Equal(t, TCP, got.Last().Transport)
}

func TestAttack_62_EDNSRefused(t *testing.T) {
	for _, row := range []struct {
		name string
		with func(*dnsmessage.Message)
	}{
		{"FORMERR (RFC 6891 7)", rcode(1)},
		{"NOTIMP", rcode(4)},
		{"FORMERR, header only", func(m *dnsmessage.Message) { m.RCode = 1; m.Questions = nil }},
		{"BADVERS (RFC 6891 6.1.3)", func(m *dnsmessage.Message) {
			h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(".")}
			_ = h.SetEDNS0(512, 16, false)
			m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
				if len(q.Additionals) > 0 {
					return one(reply(q, nil, row.with))
				}
				return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}))
			})
			got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
			require.NoError(t, err)
			require.Len(t, got.Records, 1)
			require.Len(t, s.asked(), 2)
		})
	}
}

// A server that accepts over TCP and is slow, or stops in the middle, is not waited for longer than said.
func TestAttack_62_SlowOrShortTCP(t *testing.T) {
	t.Run("short", func(t *testing.T) {
		s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte { return nil })
		r := resolver(t, s)
		r.TCPOnly, r.Attempts = true, 1
		_, err := r.Lookup(www, TypeA, time.Time{})
		require.ErrorIs(t, err, ErrBadReply)
	})
	t.Run("silent", func(t *testing.T) {
		s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte { return [][]byte{} })
		r := resolver(t, s)
		r.TCPOnly, r.Attempts, r.Timeout = true, 1, 50*time.Millisecond
		_, err := r.Lookup(www, TypeA, time.Time{})
		require.ErrorIs(t, err, ErrTimeout)
	})
	t.Run("dripping", func(t *testing.T) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go drip(l)
		r := resolver(t)
		r.Servers = []netip.AddrPort{addrOf(l.Addr())}
		r.TCPOnly, r.Attempts, r.Timeout = true, 1, 50*time.Millisecond
		_, err = r.Lookup(www, TypeA, time.Time{})
		require.ErrorIs(t, err, ErrTimeout)
	})
	t.Run("another answer", func(t *testing.T) {
		s := serve(t, func(q dnsmessage.Message, over Transport) [][]byte { q.ID++; return one(reply(q, nil)) })
		r := resolver(t, s)
		r.TCPOnly, r.Attempts = true, 1
		_, err := r.Lookup(www, TypeA, time.Time{})
		require.ErrorIs(t, err, ErrBadReply)
	})
}

// drip sends a byte each millisecond to whoever connects, until they leave.
func drip(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := c.Write([]byte{0xFF}); err != nil {
			return
		}
	}
}

func TestAttack_58_Chains(t *testing.T) {
	chain := func(n int) (out []dnsmessage.Resource) {
		for i := range n {
			out = append(out, cname(fmt.Sprintf("c%d.test.", i), fmt.Sprintf("c%d.test.", i+1)))
		}
		return out
	}
	for _, row := range []struct {
		name    string
		answers []dnsmessage.Resource
		err     error
	}{
		{"12 hops in one message", append(chain(12), a("c12.test.", "192.0.2.80")), nil},
		{"13 hops", append(chain(13), a("c13.test.", "192.0.2.80")), ErrLoop},
		{"a circle of two", []dnsmessage.Resource{cname("c0.test.", "c1.test."), cname("c1.test.", "c0.test.")}, ErrLoop},
		{"a name that is its own alias", []dnsmessage.Resource{cname("c0.test.", "C0.test.")}, ErrLoop},
		{"in any order", append([]dnsmessage.Resource{a("c2.test.", "192.0.2.80"), chain(2)[1]}, chain(1)...), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte { return one(reply(q, row.answers)) })
			got, err := resolver(t, s).Lookup("c0.test", TypeA, time.Time{})
			if row.err != nil {
				require.ErrorIs(t, err, row.err)
				require.Contains(t, err.Error(), "zone needs mending")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "[192.0.2.80]", fmt.Sprint(got.Addrs()))
		})
	}
	t.Run("one hop per message, for ever", func(t *testing.T) {
		n := 0
		s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
			n++
			return one(reply(q, []dnsmessage.Resource{cname(q.Questions[0].Name.String(), fmt.Sprintf("c%d.test.", n))}))
		})
		_, err := resolver(t, s).Lookup("c0.test", TypeA, time.Time{})
		require.ErrorIs(t, err, ErrLoop)
		require.Len(t, s.asked(), 13)
	})
}

// A chain that leaves the message is asked for again (RFC 1034 3.6.2).
func TestCNAMEAcrossMessages(t *testing.T) {
	s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte {
		if strings.EqualFold(q.Questions[0].Name.String(), www) {
			return one(reply(q, []dnsmessage.Resource{cname(www, "host.example.test.")}))
		}
		return one(reply(q, []dnsmessage.Resource{a("host.example.test.", "192.0.2.80")}))
	})
	r := resolver(t, s)
	got, err := r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "host.example.test.", got.Canonical)
	require.Len(t, got.Chain, 1)
	require.Len(t, got.Exchanges, 2)

	got, err = r.Lookup(www, TypeCNAME, time.Time{})
	require.NoError(t, err)
	require.Empty(t, got.Chain, "a CNAME asked for is the answer")
	require.Equal(t, "host.example.test.", got.Records[0].DataString())
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name string
		with []func(*dnsmessage.Message)
		kind Kind
		says string
	}{
		{"NXDOMAIN", []func(*dnsmessage.Message){rcode(3)}, ErrNXDomain, "no such name: www.example.test"},
		{"NODATA (RFC 2308 2.2)", []func(*dnsmessage.Message){authority(soa("example.test."))}, ErrNoData, "has no A record"},
		{"SERVFAIL", []func(*dnsmessage.Message){rcode(2)}, ErrRefused, "answered SERVFAIL"},
		{"REFUSED", []func(*dnsmessage.Message){rcode(5)}, ErrRefused, "answered REFUSED for www.example.test A: this server does not serve that name"},
		{"a referral", []func(*dnsmessage.Message){func(m *dnsmessage.Message) { m.RecursionAvailable = false }}, ErrLame, "ask a recursive server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, func(q dnsmessage.Message, _ Transport) [][]byte { return one(reply(q, nil, row.with...)) })
			got, err := resolver(t, s).Lookup(www, TypeA, time.Time{})
			require.ErrorIs(t, err, row.kind)
			require.ErrorContains(t, err, row.says)
			require.ErrorContains(t, err, ";", "what to do")
			require.NotContains(t, err.Error(), "\n")
			require.NotNil(t, got.Last(), "what the server said is there to be shown")
		})
	}
}

// In virtual time, so that only who is silent is too late.
func TestServersInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, servers := world(t,
			func(q dnsmessage.Message, _ Transport) [][]byte { return one(reply(q, nil, rcode(2))) },
			func(q dnsmessage.Message, _ Transport) [][]byte { return nil },
			func(q dnsmessage.Message, _ Transport) [][]byte {
				return one(reply(q, []dnsmessage.Resource{a(www, "192.0.2.80")}))
			})
		fails, silent, good := servers[0], servers[1], servers[2]
		var seen []*Exchange
		r.Observe = func(x *Exchange) { seen = append(seen, x) }
		got, err := r.Lookup(www, TypeA, time.Time{})
		require.NoError(t, err)
		require.Equal(t, good.addr, got.Last().Server)
		require.Equal(t, got.Exchanges, seen)
		require.Len(t, seen, 3)

		r.Servers = []netip.AddrPort{silent.addr, fails.addr}
		_, err = r.Lookup(www, TypeA, time.Time{})
		require.ErrorIs(t, err, ErrRefused, "an answer says more than silence")

		r.Servers = []netip.AddrPort{silent.addr}
		_, err = r.Lookup(www, TypeA, time.Now().Add(20*time.Millisecond))
		require.ErrorIs(t, err, ErrTimeout)
		require.ErrorContains(t, err, silent.addr.String())
	})
}

// Nobody listens: ICMP says so at once, and nobody waits.
func TestUnreachable(t *testing.T) {
	s := serve(t, nil)
	s.udp.Close()
	r := resolver(t, s)
	r.Attempts, r.Timeout = 1, time.Minute
	_, err := r.Lookup(www, TypeA, time.Time{})
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "refused")

	r.Servers = nil
	_, err = r.Lookup(www, TypeA, time.Time{})
	require.ErrorIs(t, err, ErrNoServers)
}
