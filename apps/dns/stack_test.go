package dns

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// world is two hosts joined in memory: a resolver on one, name servers on the other, at ports 53 and up.
func world(t *testing.T, answers ...func(q dnsmessage.Message, over Transport) [][]byte) (*Resolver, []*server) {
	ours, theirs := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	n := stdnet.New(theirs)
	r := &Resolver{API: socket.New(ours), Timeout: 30 * time.Second}
	var servers []*server
	for i, answer := range answers {
		at := fmt.Sprint("192.0.2.2:", 53+i)
		u, err := n.ListenPacket("udp", at)
		require.NoError(t, err)
		l, err := n.Listen("tcp", at)
		require.NoError(t, err)
		s := serveOn(t, u, l, answer)
		servers, r.Servers = append(servers, s), append(r.Servers, s.addr)
	}
	return r, servers
}

func TestOverOurStack(t *testing.T) {
	r, servers := world(t, func(q dnsmessage.Message, over Transport) [][]byte {
		switch name := text(&q.Questions[0].Name); {
		case ascii.EqualFold(name, www):
			return one(reply(q, []dnsmessage.Resource{cname(www, "host.test."), a("host.test.", "192.0.2.80")}))
		case ascii.EqualFold(name, "long.test.") && over == UDP:
			return one(reply(q, nil, func(m *dnsmessage.Message) { m.Truncated = true }))
		case ascii.EqualFold(name, "long.test."):
			var all []dnsmessage.Resource
			for i := range 3000 {
				all = append(all, a("long.test.", fmt.Sprintf("10.0.%d.%d", i/250, i%250)))
			}
			return one(reply(q, all))
		case ascii.EqualFold(name, "junk.test."):
			bad := reply(q, []dnsmessage.Resource{a("junk.test.", "203.0.113.66")})
			bad[1]++
			return [][]byte{bad, {}, reply(q, []dnsmessage.Resource{a("junk.test.", "192.0.2.80")})}
		case ascii.EqualFold(name, "silent.test."):
			return nil
		}
		return one(reply(q, nil, rcode(3)))
	})

	got, err := r.Lookup(www, TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, "[192.0.2.80]", fmt.Sprint(got.Addrs()))
	require.Equal(t, "host.test.", got.Canonical)
	require.Equal(t, "192.0.2.1", got.Last().Local.Addr().String())
	require.Equal(t, servers[0].asked()[0].from, got.Last().Local, "the port that the server sees")

	got, err = r.Lookup("long.test", TypeA, time.Time{})
	require.NoError(t, err)
	require.Len(t, got.Records, 3000, "48 KB over TCP")
	require.Equal(t, TCP, got.Last().Transport)

	got, err = r.Lookup("junk.test", TypeA, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, got.Last().Ignored)

	_, err = r.Lookup("none.test", TypeA, time.Time{})
	require.ErrorIs(t, err, ErrNXDomain)

	_, err = r.Lookup("silent.test", TypeA, time.Now().Add(50*time.Millisecond))
	require.ErrorIs(t, err, ErrTimeout)

	// Our own stack says that nobody listens there; the kernel's would too.
	r.Servers = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:54")}
	_, err = r.Lookup(www, TypeA, time.Time{})
	require.ErrorIs(t, err, ErrUnreachable)
}
