package dns

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func seeds(f *testing.F) {
	f.Add(packet(1, 1, 0, 0, qA, "\xc0\x0c", fixed, data4))
	f.Add(packet(1, 1, 0, 1, qA, "\x01b\xc0\x0c", txt, "\x00\x02\x01x", opt, "\x00\x00"))
	f.Add((&Message{Response: true, AA: true, Questions: []Question{{"www.one.", TypeA, 1}},
		Answers: rrs("www.one. 300 CNAME x.one.", "x.one. 300 MX 10 mail.one.", "one. 60 DNAME two.", "x.one. 5 SOA ns.one. 60"),
		EDNS:    &EDNS{UDPSize: 1232, DO: true}}).Append(nil))
	f.Add((&Message{RD: true, Questions: []Question{{"www.one.", TypeHTTPS, 1}}}).Append(nil))
}

// Whatever is parsed and written again says the same; nothing panics.
func FuzzMessage(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(m.Append(nil))
		require.NoError(t, err)
		if m.EDNS == nil {
			m.RCode &= 15
		}
		require.Equal(t, m, again)
		for _, r := range m.Answers {
			require.NotContains(t, r.String(), "\n")
			kept := setOf([]Record{r}).records(1<<31 - 1)[0]
			kept.Class = r.Class
			require.Equal(t, r.String(), kept.String(), "as the cache keeps it")
		}
	})
}

// A server that sends anything neither makes an iterator ask for more than it may, nor makes the cache take more.
func FuzzResponse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := newInternet(t)
		n.serve("10.0.0.1", ".", "one. 3600 NS ns.one.", "ns.one. 3600 A 10.0.1.1", "two. 3600 NS ns.two.", "ns.two. 3600 A 10.0.2.1")
		n.serve("10.0.2.1", "two.", "two. 3600 SOA ns.two. 60", "www.two. 300 A 192.0.2.2")
		evil, err := Parse(raw)
		if err != nil {
			return
		}
		n.servers["10.0.1.1"] = func(Question, Transport) *Message { m := *evil; return &m }
		it := n.iterator()
		it.Cache = NewCache(64 << 10)
		a, err := it.Lookup("www.one", TypeA, time.Time{})
		require.Equal(t, err == nil, len(a.Records) > 0)
		require.LessOrEqual(t, len(n.questions()), maxPackets)
		_, bytes := it.Cache.Size()
		require.LessOrEqual(t, bytes, 64<<10)
		require.Equal(t, []string{"192.0.2.2"}, look(t, it, "www.two", TypeA), "another zone is none of its business")
	})
}

// A server answers whatever comes with one message that is none too long, or with none.
func FuzzRequest(f *testing.F) {
	seeds(f)
	n := newInternet(f)
	it := n.iterator()
	it.Cache.putRecords("www.one.", rrs("www.one. 300 A 192.0.2.1"), Source{}, n.now())
	c := &Client{Upstream: it, Cache: it.Cache}
	s := &Server{Client: c, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, over := range []Transport{UDP, TCP} {
			r, ok := parseRequest(raw, over)
			if !ok {
				continue
			}
			out := s.atOnce(&packer{}, &r, netip.MustParseAddrPort("10.9.9.9:999"))
			if out == nil {
				continue
			}
			require.LessOrEqual(t, len(out), max(r.size, len(raw)+11))
			require.Equal(t, raw[:2], out[:2])
			require.NotZero(t, out[2]&0x80)
			require.NoError(t, checkMessage(out))
		}
	})
}
