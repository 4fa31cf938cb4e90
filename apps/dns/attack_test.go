package dns

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A thousand callers for one name are one question on its way; each gets the answer, and nobody waits for longer
// than it wants.
func TestAttack_56_OneQuestionInFlight(t *testing.T) {
	for _, row := range []struct {
		rule string
		up   func(n *internet, c *Cache) Upstream
	}{
		{"a recursive server is asked", func(n *internet, _ *Cache) Upstream {
			return &Resolver{Carry: n.carry, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}
		}},
		{"we ask ourselves", func(n *internet, c *Cache) Upstream {
			it := n.iterator()
			it.Resolver.Now, it.Cache = nil, c
			return it
		}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, held := newInternet(t), make(chan struct{})
				n.servers["10.0.0.1"] = func(q Question, _ Transport) *Message {
					<-held
					return &Message{AA: true, Answers: []Record{rr(q.Name + " 300 A 192.0.2.1")}}
				}
				cache := NewCache(0)
				c := &Client{Upstream: row.up(n, cache), Cache: cache}
				got := make(chan string, 1000)
				for i := range 1000 {
					name := "www.one"
					if i%2 == 0 {
						name = "WWW.One." // letter case is no difference
					}
					go func() {
						a, err := c.Lookup(t.Context(), name, TypeA)
						got <- fmt.Sprint(err) + " " + strings.Join(datas(a), ",")
					}()
				}
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.Lookup(short, "www.one", TypeA)
				require.ErrorIs(t, err, context.DeadlineExceeded, "who has no patience goes")
				synctest.Wait()
				require.Equal(t, []string{"10.0.0.1 www.one. A"}, n.questions())
				close(held)
				for range 1000 {
					require.Equal(t, "<nil> 192.0.2.1", <-got)
				}
				_, err = c.Lookup(t.Context(), "www.one", TypeA)
				require.NoError(t, err)
				require.Empty(t, n.questions())
			})
		})
	}
}

// Many names of one zone whose server's address is not known yet: no server is asked the same by two of them at once,
// so that a forger has one ID and port to guess for each.
func TestAttack_56_OneQuestionOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, held := newInternet(t), make(chan struct{})
		n.serve("10.0.0.1", ".", "one. 3600 NS ns.a.two.", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1")
		n.servers["10.0.2.1"] = func(q Question, _ Transport) *Message {
			if ascii.Lower(q.Name) == "ns.a.two." {
				<-held
			}
			return &Message{AA: true, Answers: []Record{rr(q.Name + " 300 A 10.0.2.1")}}
		}
		var mu sync.Mutex
		under, most := map[string]int{}, 0
		count := func(q string, by int) {
			mu.Lock()
			defer mu.Unlock()
			under[q] += by
			most = max(most, under[q])
		}
		it := n.iterator()
		it.Resolver.Now, it.WholeNames = nil, false
		it.Resolver.Carry = func(over Transport, to netip.AddrPort, raw []byte, deadline time.Time) ([]byte, error) {
			m, _ := Parse(raw)
			q := to.String() + ascii.Lower(m.Questions[0].Name)
			count(q, 1)
			defer count(q, -1)
			return n.carry(over, to, raw, deadline)
		}
		c := &Client{Upstream: it, Cache: it.Cache}
		got := make(chan error, 200)
		for i := range 200 {
			go func() {
				_, err := c.Lookup(t.Context(), fmt.Sprintf("n%d.one", i), TypeA)
				got <- err
			}()
		}
		synctest.Wait()
		close(held)
		for range 200 {
			require.NoError(t, <-got)
		}
		require.Equal(t, 1, most)
		require.Less(t, len(n.questions()), 250, "two hundred names, and a few on the way to them")
	})
}

// What a server says of names that are not its own is neither believed nor kept.
func TestAttack_57_OutOfBailiwick(t *testing.T) {
	victim := func(n *internet) {
		n.serve("10.0.2.1", "two.", "two. 3600 SOA ns.two. 60", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1", "www.two. 300 A 192.0.2.2")
	}
	for _, row := range []struct {
		rule string
		evil *Message
		asks []string // and then www.two is asked for
	}{
		{"an address in the additional section", &Message{AA: true, Answers: rrs("www.one. 300 A 192.0.2.1"),
			Additionals: rrs("www.two. 300 A 203.0.113.66")}, nil},
		{"an answer nobody asked for", &Message{AA: true, Answers: rrs("www.one. 300 A 192.0.2.1", "www.two. 300 A 203.0.113.66")}, nil},
		{"the end of an alias", &Message{AA: true, Answers: rrs("www.one. 300 CNAME www.two.", "www.two. 300 A 203.0.113.66")}, nil},
		{"another zone's servers", &Message{AA: true, Answers: rrs("www.one. 300 A 192.0.2.1"),
			Authorities: rrs("two. 3600 NS ns.evil.one."), Additionals: rrs("ns.evil.one. 3600 A 10.0.6.6")}, nil},
		{"the root's servers", &Message{AA: true, Answers: rrs("www.one. 300 A 192.0.2.1"),
			Authorities: rrs(". 3600 NS ns.evil.one."), Additionals: rrs("ns.evil.one. 3600 A 10.0.6.6")}, nil},
		{"glue for another zone's host", &Message{Authorities: rrs("www.one. 3600 NS ns.two."), Additionals: rrs("ns.two. 3600 A 10.0.6.6")}, nil},
		{"glue for a host that the referral does not name", &Message{Authorities: rrs("www.one. 3600 NS ns.www.one."),
			Additionals: rrs("ns.www.one. 3600 A 10.0.1.9", "ns.one. 3600 A 10.0.6.6")}, nil},
		{"a referral aside", &Message{Authorities: rrs("two. 3600 NS ns.evil.one."), Additionals: rrs("ns.evil.one. 3600 A 10.0.6.6")}, nil},
		{"an SOA of another zone", &Message{AA: true, RCode: 3, Authorities: rrs("two. 3600 SOA ns.evil.one. 3600")}, nil},
		{"a DNAME above", &Message{AA: true, Answers: rrs(". 300 DNAME evil.one.", "www.one. 300 CNAME www.one.evil.one.")}, nil},
		{"a DNAME aside", &Message{AA: true, Answers: rrs("www.one. 300 A 192.0.2.1", "two. 300 DNAME evil.one.")}, nil},
		{"NXDOMAIN at an alias's end", &Message{AA: true, RCode: 3, Answers: rrs("www.one. 300 CNAME www.two."),
			Authorities: rrs("one. 3600 SOA ns.one. 3600")}, nil},
	} {
		t.Run(row.rule, func(t *testing.T) {
			n := newInternet(t)
			n.serve("10.0.0.1", ".", "one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1")
			victim(n)
			n.servers["10.0.1.1"] = func(q Question, _ Transport) *Message {
				m := *row.evil
				return &m
			}
			n.servers["10.0.6.6"] = func(q Question, _ Transport) *Message {
				t.Error("the forger's server was asked for ", q)
				return &Message{AA: true, Answers: []Record{rr(q.Name + " 300 A 203.0.113.66")}}
			}
			it := n.iterator()
			a, _ := it.Lookup("www.one", TypeA, time.Time{})
			require.NotContains(t, datas(a), "203.0.113.66")
			require.Equal(t, []string{"192.0.2.2"}, look(t, it, "www.two", TypeA))
			require.Equal(t, []string{"10.0.2.1"}, look(t, it, "ns.two", TypeA))
		})
	}
}

// Servers that make us ask: many names without addresses, names that need each other, delegations without end.
func TestAttack_59_Work(t *testing.T) {
	// Each question to one. is told of twenty servers in victim., which has none of them.
	nxns := func(n *internet) {
		n.servers["10.0.1.1"] = func(q Question, _ Transport) *Message {
			m := &Message{}
			for i := range 20 {
				m.Authorities = append(m.Authorities, rr(fmt.Sprintf("%s 3600 NS n%d.%s", q.Name, i, strings.Replace(ascii.Lower(q.Name), ".one.", ".two.", 1))))
			}
			return m
		}
		n.serve("10.0.2.1", "two.", "two. 3600 SOA ns.two. 60")
	}
	deep := func(n *internet) { // one label down with each packet
		n.servers["10.0.1.1"] = func(q Question, _ Transport) *Message {
			i := strings.Count(q.Name, ".")
			seen := len(n.log)
			parts := strings.SplitN(q.Name, ".", max(1, i-seen)+1)
			zone := parts[len(parts)-1]
			return &Message{Authorities: rrs(zone + " 3600 NS ns." + zone), Additionals: rrs("ns." + zone + " 3600 A 10.0.1.1")}
		}
	}
	circle := func(n *internet) {
		n.serve("10.0.1.1", "one.", "x.one. 3600 NS ns.x.two.")
		n.serve("10.0.2.1", "two.", "x.two. 3600 NS ns.x.one.")
	}
	longCircle := func(n *internet) {
		var one []string
		for i := range 20 {
			one = append(one, fmt.Sprintf("x%d.one. 3600 NS ns.x%d.one.", i, (i+1)%20))
		}
		n.serve("10.0.1.1", "one.", one...)
	}
	silent := func(n *internet) {
		var root []string
		for i := range 30 {
			root = append(root, fmt.Sprintf("one. 3600 NS n%d.one.", i), fmt.Sprintf("n%d.one. 3600 A 10.0.9.%d", i, i))
		}
		n.serve("10.0.0.1", ".", root...)
	}
	lame := func(n *internet) {
		silent(n)
		for i := range 30 {
			n.servers[fmt.Sprintf("10.0.9.%d", i)] = func(Question, Transport) *Message { return &Message{RCode: 5} }
		}
	}
	aliases := func(n *internet) {
		count := 0
		n.servers["10.0.1.1"] = func(q Question, _ Transport) *Message {
			count++
			return &Message{AA: true, Answers: rrs(fmt.Sprintf("%s 300 CNAME c%d.two.", q.Name, count))}
		}
		n.servers["10.0.2.1"] = func(q Question, _ Transport) *Message {
			return &Message{AA: true, Answers: rrs(q.Name + " 300 CNAME " + strings.Replace(ascii.Lower(q.Name), ".two.", ".one.", 1))}
		}
	}
	truncated := func(n *internet) { // over UDP; over TCP it refers to the same again, one label further down
		n.servers["10.0.1.1"] = func(q Question, over Transport) *Message {
			if over == UDP {
				return &Message{TC: true}
			}
			return &Message{RCode: 2}
		}
	}
	long := strings.Repeat("x.", 100) + "one"
	for _, row := range []struct {
		rule  string
		world func(*internet)
		name  string
		most  int // packets
		kind  Kind
	}{
		{"NXNSAttack: twenty servers without an address", nxns, "www.one", 7, ErrLame},
		{"a delegation with each packet", deep, long, maxPackets, ErrBudget},
		{"two zones whose servers are in each other", circle, "www.x.one", 5, ErrLame},
		{"twenty zones in a circle", longCircle, "www.x0.one", maxPackets, ErrLame},
		{"thirty silent servers", silent, "www.one", maxPackets, ErrBudget},
		{"thirty servers that refuse", lame, "www.one", maxPackets, ErrRefused},
		{"aliases to and fro", aliases, "www.one", 20, ErrLoop},
		{"cut short, and failing over TCP", truncated, "www.one", 3, ErrRefused},
	} {
		t.Run(row.rule, func(t *testing.T) {
			n := newInternet(t)
			n.serve("10.0.0.1", ".", "one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1")
			row.world(n)
			it := n.iterator()
			_, err := it.Lookup(row.name, TypeA, time.Time{})
			require.ErrorIs(t, err, row.kind)
			require.NotContains(t, err.Error(), "\n")
			asked := n.questions()
			require.LessOrEqual(t, len(asked), row.most, "%q", asked)
			if row.kind == ErrLoop {
				return
			}
			_, err = it.Lookup(row.name, TypeA, time.Time{})
			require.ErrorIs(t, err, row.kind)
			require.Empty(t, n.questions(), "the failure is remembered")
		})
	}
}

// A failure is remembered for five seconds, for twice as long each time it comes again, and for five minutes
// at most (RFC 9520 3.2).
func TestAttack_59_FailuresAreRemembered(t *testing.T) {
	n := newInternet(t)
	n.servers["10.0.0.1"] = func(Question, Transport) *Message { return &Message{RCode: 2} }
	it := n.iterator()
	for _, seconds := range []int{5, 10, 20, 40, 80, 160, 300, 300} {
		_, err := it.Lookup("www.one", TypeA, time.Time{})
		require.ErrorIs(t, err, ErrRefused)
		require.NotEmpty(t, n.questions())
		n.pass(time.Duration(seconds)*time.Second - time.Millisecond)
		_, err = it.Lookup("www.one", TypeA, time.Time{})
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "not tried again yet")
		require.Empty(t, n.questions(), "%d s", seconds)
		n.pass(2 * time.Millisecond)
	}
	n.serve("10.0.0.1", ".", "www.one. 300 A 192.0.2.1")
	require.Equal(t, []string{"192.0.2.1"}, look(t, it, "www.one", TypeA), "and then it works again")
	// Who has little time must not make others believe that it failed.
	n.servers["10.0.0.1"] = nil
	_, err := it.Lookup("other.one", TypeA, n.now().Add(10*time.Millisecond))
	require.ErrorIs(t, err, ErrTimeout)
	n.serve("10.0.0.1", ".", "other.one. 300 A 192.0.2.1")
	require.Equal(t, []string{"192.0.2.1"}, look(t, it, "other.one", TypeA))
}

func TestAttack_60_Lifetimes(t *testing.T) {
	n := newInternet(t)
	var ttl uint32
	n.servers["10.0.0.1"] = func(q Question, _ Transport) *Message {
		r := rr(q.Name + " 0 A 192.0.2.1")
		r.TTL = ttl
		return &Message{AA: true, Answers: []Record{r}}
	}
	it := n.iterator()
	for i, row := range []struct {
		rule string
		ttl  uint32
		kept int // seconds
	}{
		{"0: of this moment only (RFC 1035 3.2.1)", 0, 0},
		{"1", 1, 1},
		{"a day", 86400, 86400},
		{"more: a day", 86401, 86400},
		{"2^31-1: a day", 1<<31 - 1, 86400},
		{"2^31: 0 (RFC 2181 8)", 1 << 31, 0},
		{"2^32-1: 0", 1<<32 - 1, 0},
	} {
		t.Run(row.rule, func(t *testing.T) {
			name := fmt.Sprintf("n%d.one", i)
			ttl = row.ttl
			look(t, it, name, TypeA)
			n.questions()
			if row.kept > 0 {
				n.pass(time.Duration(row.kept)*time.Second - 20*time.Millisecond)
				look(t, it, name, TypeA)
				require.Empty(t, n.questions())
				n.pass(20 * time.Millisecond)
			}
			look(t, it, name, TypeA)
			require.Len(t, n.questions(), 1)
		})
	}
}

func TestAttack_61_NegativeAnswers(t *testing.T) {
	for _, row := range []struct {
		rule, soa string
		code      RCode
		kept      int // seconds
	}{
		{"NXDOMAIN: the SOA's minimum (RFC 2308 5)", "one. 3600 SOA ns.one. 60", 3, 60},
		{"NODATA: the same", "one. 3600 SOA ns.one. 60", 0, 60},
		{"the SOA's TTL, where that is less", "one. 30 SOA ns.one. 60", 3, 30},
		{"three hours at most", "one. 86400 SOA ns.one. 60000", 3, 10800},
		{"a minimum of 0: not at all", "one. 3600 SOA ns.one. 0", 3, 0},
		{"no SOA: not at all", "", 3, 0},
		{"an SOA that the name is not below: not at all", "x.one. 3600 SOA ns.one. 60", 3, 0},
	} {
		t.Run(row.rule, func(t *testing.T) {
			n := newInternet(t)
			n.servers["10.0.0.1"] = func(q Question, _ Transport) *Message {
				m := &Message{AA: true, RCode: row.code}
				if row.soa != "" {
					m.Authorities = rrs(row.soa)
				}
				return m
			}
			want := ErrNoData
			if row.code == 3 {
				want = ErrNXDomain
			}
			it := n.iterator()
			ask := func(name string, typ Type) []string {
				_, err := it.Lookup(name, typ, time.Time{})
				require.ErrorIs(t, err, want)
				return n.questions()
			}
			require.Len(t, ask("www.one", TypeA), 1)
			if row.kept > 0 {
				n.pass(time.Duration(row.kept)*time.Second - 20*time.Millisecond)
				require.Empty(t, ask("www.one", TypeA))
				if row.code == 3 {
					require.Empty(t, ask("www.one", TypeMX), "no name, no type")
					require.Empty(t, ask("a.b.www.one", TypeA), "nor anything below (RFC 8020)")
				} else {
					require.Len(t, ask("www.one", TypeMX), 1, "another type may be there")
				}
				n.pass(20 * time.Millisecond)
			}
			require.Len(t, ask("www.one", TypeA), 1)
		})
	}
}

// The SOA of a zone above is not the server's to give, and nothing is kept by it.
func TestAttack_61_AnotherZonesSOA(t *testing.T) {
	n := newInternet(t)
	n.serve("10.0.0.1", ".", "one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1")
	n.servers["10.0.1.1"] = func(Question, Transport) *Message {
		return &Message{AA: true, RCode: 3, Authorities: rrs(". 3600 SOA ns.root. 3600")}
	}
	it := n.iterator()
	for range 2 {
		a, err := it.Lookup("www.one", TypeA, time.Time{})
		require.ErrorIs(t, err, ErrNXDomain)
		require.Nil(t, a.Negative)
		require.Contains(t, n.questions(), "10.0.1.1 www.one. A")
	}
	// A name that is there after all is there for every type.
	c, soa, now := NewCache(0), rr("one. 300 SOA ns.one. 300"), n.now()
	c.putNothing("www.one.", TypeA, ErrNXDomain, &soa, Source{}, now)
	c.putRecords("www.one.", rrs("www.one. 300 A 192.0.2.1"), Source{}, now)
	require.Nil(t, c.find("www.one.", TypeMX, now))
}

// A cache takes the bytes that it was given and no more, whatever is asked for; what is used stays.
func TestAttack_63_MillionsOfNames(t *testing.T) {
	const most = 2 << 20
	c := NewCache(most)
	now := time.Unix(1e9, 0)
	count := 400_000
	if testing.Short() {
		count = 50_000
	}
	long := rr("x. 300 TXT " + strings.Repeat("x", 200))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	used := rr("used.one. 86400 A 192.0.2.1")
	c.putRecords("used.one.", []Record{used}, Source{}, now)
	for i := range count {
		name := fmt.Sprintf("n%d.one.", i)
		switch i % 4 {
		case 0:
			c.putRecords(name, []Record{rr(name + " 300 A 192.0.2.1")}, Source{}, now)
		case 1:
			long.Name = name
			c.putRecords(name, []Record{long}, Source{}, now)
		case 2:
			c.putFailure(name, TypeA, ErrTimeout, now)
		case 3:
			c.putDelegation(name, []Record{rr(name + " 300 NS ns.one.")}, nil, now)
		}
		if i%1000 == 0 {
			require.NotNil(t, c.find("used.one.", TypeA, now))
		}
		_, bytes := c.Size()
		require.LessOrEqual(t, bytes, most)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	entries, _ := c.Size()
	require.Greater(t, entries, most/1000, "it is used")
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(most)*5/4, "counted is what it takes")
	require.NotNil(t, c.find("used.one.", TypeA, now))
	require.Nil(t, c.find("n0.one.", TypeA, now))
	runtime.KeepAlive(c)
}
