package stdnet_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// pair returns two hosts joined in memory: 192.0.2.1 and 192.0.2.2.
func pair(t testing.TB) (a, b *stdnet.Net) {
	t.Helper()
	sa, sb := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	return stdnet.New(sa), stdnet.New(sb)
}

// connected returns the two ends of a connection from a to b.
func connected(t testing.TB, a, b *stdnet.Net) (c, s *stdnet.Conn) {
	t.Helper()
	l, err := b.Listen("tcp", "192.0.2.2:0")
	require.NoError(t, err)
	cc, err := a.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	ss, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() {
		_ = cc.Close()
		_ = ss.Close()
	})
	return cc.(*stdnet.Conn), ss.(*stdnet.Conn)
}

func prefixes(s ...string) (ps []netip.Prefix) {
	for _, p := range s {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

func isAny(err error, these ...error) bool {
	return slices.ContainsFunc(these, func(e error) bool { return errors.Is(err, e) })
}
