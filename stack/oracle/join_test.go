package oracle

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

var (
	ourPrefix    = netip.MustParsePrefix("192.0.2.2/24")
	gvisorPrefix = netip.MustParsePrefix("192.0.2.1/24")
)

// mtu and depth of the joining link: deep enough for the largest window.
const (
	mtu   = 1500
	depth = 16384
)

// A joint is our stack and gVisor's, joined by an in-memory link that loses
// packets by a seed. Every packet is parsed by the other side's code first.
type joint struct {
	net    *stdnet.Net
	gvisor *gstack.Stack
}

// join returns the two stacks; loss is a probability in each direction.
func join(t testing.TB, loss float64) *joint {
	t.Helper()
	near, far := link.NewPipe(link.Features{MTU: mtu}, depth)
	ep := channel.New(depth, mtu, "")
	ours, err := stack.New(stack.Config{Link: near, Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(t, err)
	j := &joint{net: stdnet.New(ours), gvisor: newGvisor(t, ep, gvisorPrefix, loss > 0)}
	ctx, cancel := context.WithCancel(context.Background())
	var pumps sync.WaitGroup
	pumps.Go(func() { toGvisor(t, far, ep, newDice(loss, 1)) })
	pumps.Go(func() { fromGvisor(ctx, t, far, ep, newDice(loss, 2)) })
	t.Cleanup(func() {
		require.NoError(t, ours.Close())
		cancel()
		require.NoError(t, far.Close())
		pumps.Wait()
	})
	return j
}

// dice says which packets are lost; it is used by one goroutine.
type dice struct {
	rnd  *rand.Rand
	loss float64
}

func newDice(loss float64, seed uint64) *dice {
	return &dice{rand.New(rand.NewPCG(seed, 0)), loss}
}

func (d *dice) lost() bool { return d.rnd.Float64() < d.loss }

func toGvisor(t testing.TB, far link.Link, ep *channel.Endpoint, d *dice) {
	ps := make([]link.Packet, 64)
	for far.Wait(true) == nil {
		n, err := far.TryRead(ps)
		if err != nil {
			return
		}
		for _, p := range ps[:n] {
			b := p.AppendTo(nil)
			judgeOurs(t, b)
			if d.lost() {
				continue
			}
			pkt := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
			ep.InjectInbound(ipv4.ProtocolNumber, pkt)
			pkt.DecRef()
		}
	}
}

func fromGvisor(ctx context.Context, t testing.TB, far link.Link, ep *channel.Endpoint, d *dice) {
	for {
		pkt := ep.ReadContext(ctx)
		if pkt == nil {
			return
		}
		v := pkt.ToView()
		b := append([]byte(nil), v.AsSlice()...)
		v.Release()
		pkt.DecRef()
		judgeGvisors(t, b)
		if !d.lost() {
			_ = far.WriteBatch([]link.Packet{{Head: b}}) // full: one more loss
		}
	}
}
