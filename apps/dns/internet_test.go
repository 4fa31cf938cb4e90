package dns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An internet is name servers that are functions, in a time of its own. A server that says nothing lets the
// time run to the end of the wait.
type internet struct {
	t       testing.TB
	mu      sync.Mutex
	clock   time.Time
	servers map[string]answerer
	log     []string // "server name type", of each question
	asking  int      // questions that asked for recursion
}

// An answerer is a name server; nil: silence.
type answerer func(q Question, over Transport) *Message

func newInternet(t testing.TB) *internet {
	return &internet{t: t, clock: time.Unix(1e9, 0), servers: map[string]answerer{}}
}

func (n *internet) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.clock
}

func (n *internet) pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock = n.clock.Add(d)
}

// questions are how many have been asked since the last time.
func (n *internet) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	log := n.log
	n.log = nil
	return log
}

// carry is a Resolver's Carry.
func (n *internet) carry(over Transport, to netip.AddrPort, raw []byte, deadline time.Time) ([]byte, error) {
	q, err := Parse(raw)
	require.NoError(n.t, err)
	at := to.Addr().String()
	n.mu.Lock()
	n.log = append(n.log, at+" "+ascii.Lower(q.Questions[0].Name)+" "+TypeString(q.Questions[0].Type))
	server := n.servers[at]
	if q.RD {
		n.asking++
	}
	n.mu.Unlock()
	var m *Message
	if server != nil {
		m = server(q.Questions[0], over)
	}
	if m == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		if deadline.After(n.clock) {
			n.clock = deadline
		}
		return nil, syscall.EAGAIN
	}
	n.pass(10 * time.Millisecond)
	m.ID, m.Response, m.RD, m.Questions = q.ID, true, q.RD, q.Questions
	return m.Append(nil), nil
}

// iterator begins at the server at 10.0.0.1.
func (n *internet) iterator() *Iterator {
	return &Iterator{
		Resolver: Resolver{Carry: n.carry, Now: n.now},
		Roots:    []Hint{{"ns.root.", netip.MustParseAddr("10.0.0.1")}},
		Cache:    NewCache(0),

		WholeNames: true,
	}
}

// rr reads a record: "name ttl type data".
func rr(line string) Record {
	f := strings.Fields(line)
	ttl, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		panic(line)
	}
	t, ok := ParseType(f[2])
	if !ok {
		panic(line)
	}
	return Record{Name: f[0], Type: t, Class: 1, TTL: uint32(ttl), Data: rdata(t, f[3:])}
}

func rdata(t Type, f []string) dnsmessage.ResourceBody {
	n := func(i int) uint16 { v, _ := strconv.Atoi(f[i]); return uint16(v) }
	var b []byte
	switch t {
	case TypeA, TypeAAAA:
		b = netip.MustParseAddr(f[0]).AsSlice()
	case TypeMX:
		b = appendName([]byte{byte(n(0) >> 8), byte(n(0))}, f[1])
	case TypeSOA:
		b = append(appendName(appendName(nil, f[0]), f[0]), make([]byte, 18)...)
		b = append(b, byte(n(1)>>8), byte(n(1)))
	case TypeTXT:
		b = append([]byte{byte(len(f[0]))}, f[0]...)
	default:
		b = appendName(nil, f[0])
	}
	return readData(t, b)
}

func rrs(lines ...string) []Record {
	var out []Record
	for _, l := range lines {
		out = append(out, rr(l))
	}
	return out
}

// serve makes a server at an address that keeps a zone: the lines are its records, those that delegate included.
func (n *internet) serve(at, zone string, lines ...string) {
	records := rrs(lines...)
	n.servers[at] = func(q Question, _ Transport) *Message { return keep(zone, records, q) }
}

// keep answers as the server of one zone does.
func keep(zone string, rs []Record, q Question) *Message {
	if !within(q.Name, zone) {
		return &Message{RCode: dnsmessage.RCodeRefused}
	}
	if m := refers(zone, rs, q.Name); m != nil {
		return m
	}
	m := &Message{AA: true}
	name, exists := q.Name, false
	for range 20 {
		i := slices.IndexFunc(rs, func(r Record) bool {
			return ascii.EqualFold(r.Name, name) && (r.Type == TypeCNAME || r.Type == q.Type) ||
				r.Type == typeDNAME && within(name, r.Name) && !ascii.EqualFold(name, r.Name)
		})
		if i < 0 {
			break
		}
		if rs[i].Type == q.Type && ascii.EqualFold(rs[i].Name, name) {
			for _, r := range rs {
				if ascii.EqualFold(r.Name, name) && r.Type == q.Type {
					m.Answers = append(m.Answers, r)
				}
			}
			return m
		}
		m.Answers = append(m.Answers, rs[i])
		if rs[i].Type == typeDNAME {
			name = substitute(name, rs[i].Name, dname(&rs[i]))
		} else {
			name = target2(&rs[i])
		}
		if !within(name, zone) {
			return m
		}
		if below := refers(zone, rs, name); below != nil { // it keeps what leads there, and not what is there
			m.Authorities, m.Additionals = below.Authorities, below.Additionals
			return m
		}
	}
	for _, r := range rs {
		exists = exists || within(r.Name, name)
		if r.Type == TypeSOA {
			m.Authorities = []Record{r}
		}
	}
	if !exists {
		m.RCode = dnsmessage.RCodeNameError
	}
	return m
}

// refers is the referral to the zone that a name is in, nil where it is in none below.
func refers(zone string, rs []Record, name string) *Message {
	m := &Message{}
	for _, r := range rs {
		if r.Type == TypeNS && !ascii.EqualFold(r.Name, zone) && within(name, r.Name) {
			m.Authorities = append(m.Authorities, r)
		}
	}
	if m.Authorities == nil {
		return nil
	}
	for _, g := range rs {
		if g.Type == TypeA && namesHost(m.Authorities, g.Name) {
			m.Additionals = append(m.Additionals, g)
		}
	}
	return m
}

func target2(r *Record) string {
	if d, ok := r.Data.(*dnsmessage.CNAMEResource); ok {
		return text(&d.CNAME)
	}
	return target(r)
}

// look looks a name up and gives the data of its records.
func look(t testing.TB, it *Iterator, name string, typ Type) []string {
	t.Helper()
	a, err := it.Lookup(name, typ, time.Time{})
	require.NoError(t, err)
	return datas(a)
}

func datas(a *Answer) []string {
	var out []string
	for _, r := range a.Records {
		out = append(out, r.DataString())
	}
	return out
}
