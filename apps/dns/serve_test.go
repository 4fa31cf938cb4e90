package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// A served is a Server on one host, 192.0.2.2, that iterates through an internet, and another host to ask it from.
type served struct {
	*Server
	net    *internet
	ask    *Resolver
	theirs *stdnet.Net // of who asks
}

func serveTree(t *testing.T, with ...func(*Server)) *served {
	ours, theirs := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	n := tree(t)
	long := rrs("long.one. 300 SOA ns.one. 60")
	for i := range 120 {
		long = append(long, rr(fmt.Sprintf("long.one. 300 A 10.9.9.%d", i)))
	}
	base := n.servers["10.0.1.1"]
	n.servers["10.0.1.1"] = func(q Question, over Transport) *Message {
		if ascii.EqualFold(q.Name, "long.one.") && over == UDP {
			return &Message{TC: true}
		}
		if ascii.EqualFold(q.Name, "long.one.") {
			return keep("long.one.", long, q)
		}
		return base(q, over)
	}
	it := n.iterator()
	s := &Server{API: socket.New(theirs), Client: &Client{Upstream: it, Cache: it.Cache},
		Addr: netip.MustParseAddrPort("192.0.2.2:53"), Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for _, f := range with {
		f(s)
	}
	require.NoError(t, s.Listen())
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-done)
	})
	return &served{Server: s, net: n, theirs: stdnet.New(ours),
		ask: &Resolver{API: socket.New(ours), Servers: []netip.AddrPort{s.Addr}, Timeout: 30 * time.Second, Attempts: 1}}
}

func TestServe(t *testing.T) {
	s := serveTree(t)
	for _, row := range []struct {
		name string
		t    Type
		want string
		err  error
	}{
		{"www.a.one", TypeA, "192.0.2.80", nil},
		{"WWW.a.one", TypeA, "192.0.2.80", nil},
		{"alias.a.one", TypeA, "192.0.2.80", nil},
		{"away.a.one", TypeA, "192.0.2.82", nil},
		{"www.old.a.one", TypeA, "192.0.2.82", nil},
		{"one", TypeMX, "10 mail.one.", nil},
		{"none.one", TypeA, "", ErrNXDomain},
		{"www.a.one", TypeMX, "", ErrNoData},
		{"localhost", TypeA, "127.0.0.1", nil},
	} {
		for _, tcp := range []bool{false, true} {
			t.Run(fmt.Sprint(row.name, " ", TypeString(row.t), " ", tcp), func(t *testing.T) {
				s.ask.TCPOnly = tcp
				defer func() { s.ask.TCPOnly = false }()
				a, err := s.ask.Lookup(row.name, row.t, time.Time{})
				require.ErrorIs(t, err, row.err)
				if row.err == nil {
					require.NoError(t, err)
					require.Equal(t, []string{row.want}, datas(a))
				} else {
					require.NotNil(t, a.Negative, "the SOA comes along")
				}
				require.False(t, a.Last().Message.AA)
				require.True(t, a.Last().Message.RA)
			})
		}
	}
	t.Run("too long for UDP", func(t *testing.T) {
		a, err := s.ask.Lookup("long.one", TypeA, time.Time{})
		require.NoError(t, err)
		require.Len(t, a.Records, 120)
		require.Equal(t, TCP, a.Last().Transport)
	})
	t.Run("without EDNS 512 bytes", func(t *testing.T) {
		s.ask.NoEDNS = true
		defer func() { s.ask.NoEDNS = false }()
		a, err := s.ask.Lookup("www.a.one", TypeA, time.Time{})
		require.NoError(t, err)
		require.Nil(t, a.Last().Message.EDNS)
	})
	t.Run("the seconds that are left", func(t *testing.T) {
		s.net.pass(100 * time.Second)
		a, err := s.ask.Lookup("www.a.one", TypeA, time.Time{})
		require.NoError(t, err)
		require.LessOrEqual(t, a.Records[0].TTL, uint32(200))
		require.Greater(t, a.Records[0].TTL, uint32(150))
	})
	t.Run("a failure is SERVFAIL", func(t *testing.T) {
		s.net.servers["10.0.4.1"] = func(Question, Transport) *Message { return &Message{RCode: 5} }
		_, err := s.ask.Lookup("fails.b.two", TypeA, time.Time{})
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "SERVFAIL")
	})
	require.Positive(t, s.Stats().Known)
	require.Positive(t, s.Stats().Asked)
	require.Positive(t, s.Stats().Streams)
}

// raw sends bytes as a datagram and gives what comes back, nil for nothing.
func (s *served) raw(t *testing.T, msg []byte) []byte {
	t.Helper()
	c, err := s.theirs.Dial("udp", s.Addr.String())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write(msg)
	require.NoError(t, err)
	buf := make([]byte, 65536)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	// Behind it, a question that is answered surely.
	sure := (&Message{ID: 0xFFFF, RD: true, Questions: []Question{{"localhost.", TypeA, 1}}}).Append(nil)
	_, err = c.Write(sure)
	require.NoError(t, err)
	n, err := c.Read(buf)
	require.NoError(t, err)
	if buf[0] == 0xFF && buf[1] == 0xFF {
		return nil
	}
	return buf[:n]
}

// What a server says to what is no question for it (RFC 1035 4.1.1), and that it says nothing to answers.
func TestServeRefusals(t *testing.T) {
	s := serveTree(t, func(s *Server) { s.Readers = 1 })
	q := func(with func(*Message)) []byte {
		m := &Message{ID: 7, RD: true, Questions: []Question{{"www.a.one.", TypeA, 1}}}
		with(m)
		return m.Append(nil)
	}
	for _, row := range []struct {
		rule string
		msg  []byte
		want string // "": silence
	}{
		{"an answer", q(func(m *Message) { m.Response, m.Questions[0].Name = true, "localhost." }), ""},
		{"half a header", []byte{0, 7, 1}, ""},
		{"another opcode", q(func(m *Message) { m.OpCode = 5 }), "NOTIMP"},
		{"no question", q(func(m *Message) { m.Questions = nil }), "FORMERR"},
		{"two questions (RFC 9619)", q(func(m *Message) { m.Questions = append(m.Questions, m.Questions[0]) }), "FORMERR"},
		{"answers in a question", q(func(m *Message) { m.Answers = rrs("www.a.one. 1 A 192.0.2.1") }), "FORMERR"},
		{"bytes behind it", append(q(func(*Message) {}), 0), "FORMERR"},
		{"a pointer forward", []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x20\x00\x01\x00\x01"), "FORMERR"},
		{"a count that lies", []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x01"), "FORMERR"},
		{"a dot in a label", []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03a.b\x00\x00\x01\x00\x01"), "SERVFAIL"},
		{"class CH", q(func(m *Message) { m.Questions[0].Class = 3 }), "REFUSED"},
		{"no recursion desired: what others asked for is not told", q(func(m *Message) { m.RD = false }), "REFUSED"},
		{"ANY (RFC 8482)", q(func(m *Message) { m.Questions[0].Type = 255 }), "NOTIMP"},
		{"AXFR", q(func(m *Message) { m.Questions[0].Type = 252 }), "NOTIMP"},
		{"EDNS version 1 (RFC 6891 6.1.3)", q(func(m *Message) { m.EDNS = &EDNS{Version: 1, UDPSize: 1232} }), "BADVERS"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			out := s.raw(t, row.msg)
			if row.want == "" {
				require.Nil(t, out)
				return
			}
			require.GreaterOrEqual(t, len(out), headerLen)
			require.EqualValues(t, 7, out[1], "the ID")
			if row.want == "SERVFAIL" { // dnsmessage does not read such a name
				require.EqualValues(t, 2, out[3]&15)
				return
			}
			m, err := Parse(out)
			require.NoError(t, err)
			require.Equal(t, row.want, RCodeString(m.RCode))
			require.Empty(t, m.Answers)
		})
	}
	t.Run("who may not ask", func(t *testing.T) {
		s := serveTree(t, func(s *Server) { s.Allow = nil }) // 192.0.2.1 is no private address
		_, err := s.ask.Lookup("www.a.one", TypeA, time.Time{})
		require.ErrorContains(t, err, "REFUSED")
	})
}

// Beyond the rate, answers are left out or say "too long", never more bytes than came; TCP still answers.
func TestServeRate(t *testing.T) {
	l := &limiter{rate: 10}
	now := time.Unix(1e9, 0)
	count := map[leave]int{}
	for range 100 {
		count[l.take(netip.MustParseAddr("198.51.100.7"), now)]++
	}
	require.Equal(t, map[leave]int{full: 10, slip: 45, none: 45}, count)
	require.Equal(t, full, l.take(netip.MustParseAddr("203.0.113.7"), now), "another network")
	require.Equal(t, full, l.take(netip.MustParseAddr("198.51.100.9"), now.Add(100*time.Millisecond)), "a tenth of a second later")
	require.NotEqual(t, full, l.take(netip.MustParseAddr("198.51.100.9"), now.Add(100*time.Millisecond)))

	synctest.Test(t, func(t *testing.T) {
		s := serveTree(t, func(s *Server) { s.Rate = 1; s.Readers = 1 })
		s.ask.Attempts, s.ask.Timeout = 50, 50*time.Millisecond
		for range 5 {
			a, err := s.ask.Lookup("localhost", TypeA, time.Now().Add(10*time.Second))
			require.NoError(t, err)
			require.Equal(t, []string{"127.0.0.1"}, datas(a))
			for _, x := range a.Exchanges {
				if x.Truncated {
					require.LessOrEqual(t, len(x.Raw), len(x.Query))
				}
			}
		}
		require.Positive(t, s.Stats().Limited)
	})
}

// ends waits until the other side has closed a connection.
func ends(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "timeout")
}

// Connections beyond the number, of one address and in all, are closed at once.
func TestServeStreams(t *testing.T) {
	for _, row := range []struct{ most, held int }{{16, 2}, {1, 1}} { // an eighth, one at least
		s := serveTree(t, func(s *Server) { s.Streams = row.most; s.Idle = time.Hour })
		for i := range row.held + 1 {
			c, err := s.theirs.Dial("tcp", s.Addr.String())
			require.NoError(t, err)
			defer c.Close()
			if i == row.held {
				ends(t, c)
			} else {
				require.Eventually(t, func() bool { return s.Stats().Streams == uint64(i+1) }, 30*time.Second, time.Millisecond)
			}
		}
	}
	all := &streams{most: 3}
	require.True(t, all.add(1, netip.MustParseAddr("10.0.0.1")))
	require.True(t, all.add(2, netip.MustParseAddr("10.0.0.2")))
	require.True(t, all.add(3, netip.MustParseAddr("10.0.0.3")))
	require.False(t, all.add(4, netip.MustParseAddr("10.0.0.4")), "of many addresses")
}

// A connection that is silent is closed, and one on which a question does not end.
func TestServeSlowStreams(t *testing.T) {
	s := serveTree(t, func(s *Server) { s.Idle = 100 * time.Millisecond })
	for _, begin := range [][]byte{nil, {0, 30, 1}} {
		c, err := s.theirs.Dial("tcp", s.Addr.String())
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write(begin)
		require.NoError(t, err)
		ends(t, c)
	}
}

// Many questions on one connection, before the first answer (RFC 7766 6.2.1.1): each is answered, in any order.
func TestServePipeline(t *testing.T) {
	s := serveTree(t)
	c, err := s.theirs.Dial("tcp", s.Addr.String())
	require.NoError(t, err)
	defer c.Close()
	var all []byte
	names := []string{"www.a.one.", "away.a.one.", "none.one.", "localhost."}
	for i := range 40 {
		m := &Message{ID: uint16(i), RD: true, Questions: []Question{{names[i%4], TypeA, 1}}}
		all = append(all, frame(m.Append(nil))...)
	}
	_, err = c.Write(all)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	seen := map[uint16]string{}
	for range 40 {
		var b [2]byte
		_, err := readFull(c, b[:])
		require.NoError(t, err)
		msg := make([]byte, int(b[0])<<8|int(b[1]))
		_, err = readFull(c, msg)
		require.NoError(t, err)
		m, err := Parse(msg)
		require.NoError(t, err)
		seen[m.ID] = m.Questions[0].Name
	}
	require.Len(t, seen, 40)
	for id, name := range seen {
		require.True(t, strings.EqualFold(names[id%4], name))
	}
}

func readFull(c net.Conn, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m, err := c.Read(p[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestCodes(t *testing.T) {
	for kind, want := range map[Kind]RCode{ErrNXDomain: 3, ErrNoData: 0, ErrTooLong: 6, ErrTimeout: 2, ErrLoop: 2, ErrBudget: 2} {
		require.Equal(t, want, codeOf(&Error{Kind: kind}), kind)
	}
	require.Equal(t, dnsmessage.RCodeServerFailure, codeOf(context.DeadlineExceeded))
	require.Equal(t, dnsmessage.RCodeSuccess, codeOf(nil))
}
