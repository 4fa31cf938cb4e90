package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// Every kind has its sentence, without a place that was not filled; the limits that are told are the ones that hold.
func TestSentences(t *testing.T) {
	says := func(k Kind, with ...func(*Error)) string {
		e := &Error{Kind: k, Name: "www.a%n.test.", Type: TypeMX, RCode: dnsmessage.RCodeServerFailure, why: "it is 5% bad"}
		for _, f := range with {
			f(e)
		}
		return e.Error()
	}
	for k := ErrBadName; int(k) < len(kindTexts); k++ {
		require.Contains(t, says(k), "www.a%n.test", k)
		require.NotContains(t, strings.ReplaceAll(strings.ReplaceAll(says(k), "a%n", ""), "5% bad", ""), "%", k)
		require.Contains(t, says(k), "; ", k)
	}
	require.Contains(t, says(ErrLoop), fmt.Sprint(" ", maxChain, " steps"))
	require.Contains(t, says(ErrBudget), fmt.Sprint(" ", maxPackets, " packets"))
	require.Contains(t, says(ErrTooLong), fmt.Sprint(" ", maxName, " bytes"))
	require.Equal(t, "asking for www.a%n.test MX led to nothing a short while ago (no answer in time) and is not tried again yet; wait a little",
		says(ErrTimeout, func(e *Error) { e.Err = errRemembered }))
	require.Equal(t, "cannot ask 192.0.2.1:53, 192.0.2.2:53 for .: 100%w; check the address and the route, or ask another server",
		says(ErrUnreachable, func(e *Error) {
			e.Name, e.Err = ".", errors.New("100%w")
			e.Servers = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("192.0.2.2:53")}
		}))
	require.Contains(t, says(ErrNoData, func(e *Error) { e.cached = true }), "has no MX record (says the cache)")
	require.Equal(t, "", says(0), "no kind, no words")
	require.Equal(t, "unknown", says(ErrTooLong+1))
}
