package balance

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// A dial that ends because our own side does says nothing of the target: it neither counts as its failure nor takes it
// out, and no other target is asked after it.
func TestWeEndAndNotTheTarget(t *testing.T) {
	for _, row := range []struct {
		rule string
		end  func(t *testing.T, ours *stack.Stack, b *Balancer)
	}{
		{"the balancer is closed", func(t *testing.T, _ *stack.Stack, b *Balancer) { require.NoError(t, b.Close()) }},
		{"the stack is closed", func(t *testing.T, ours *stack.Stack, _ *Balancer) { require.NoError(t, ours.Close()) }},
		{"the stack is shut in good order", func(t *testing.T, ours *stack.Stack, _ *Balancer) {
			require.NoError(t, ours.Shutdown(t.Context()))
		}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			theirs, ours := stdnettest.Pair(t, stack.Config{}, stack.Config{})
			here, there := stdnet.New(ours), stdnet.New(theirs)
			front, err := here.Listen("tcp", "192.0.2.2:80")
			require.NoError(t, err)
			dialing := make(chan netip.AddrPort, 2)
			b := &Balancer{
				Targets: targets(0, 0), // where nobody is: the dials hang
				Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
					dialing <- to
					return here.DialContext(ctx, "tcp", "192.0.2.77:80")
				},
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := b.Serve(front); err != nil {
					t.Error(err)
				}
			})
			client, err := there.Dial("tcp", "192.0.2.2:80")
			require.NoError(t, err)
			first := <-dialing
			require.NoError(t, client.Close()) // who stays would be waited for
			row.end(t, ours, b)
			_ = front.Close() // the stack's end may have been its own
			require.NoError(t, b.Close())
			wg.Wait()
			require.Empty(t, dialing, "another was asked than "+first.String())
			counts, refused := b.Counts()
			require.Equal(t, []Count{{To: b.Targets[0].To}, {To: b.Targets[1].To}}, counts)
			require.Zero(t, refused, "nobody found all of them dead")
		})
	}
}
