package oracle

import (
	"context"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sockeye-net/sockeye/stack/link"
)

// A channelLink is the far end of gVisor's in-memory link, as one of ours.
type channelLink struct {
	ep     *channel.Endpoint
	ctx    context.Context
	cancel context.CancelFunc
	first  *gstack.PacketBuffer // what a Wait has found
	flat   []byte
}

var _ link.Link = (*channelLink)(nil)

func newChannelLink() *channelLink {
	l := &channelLink{ep: channel.New(depth, mtu, "")}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *channelLink) Wait(bool) error {
	if l.first == nil {
		l.first = l.ep.ReadContext(l.ctx)
	}
	if l.first == nil {
		return link.ErrClosed
	}
	return nil
}

func (l *channelLink) TryRead(ps []link.Packet) (n int, err error) {
	l.flat = l.flat[:0]
	var ends [64]int
	for n < min(len(ps), len(ends)) {
		p := l.first
		if l.first = nil; p == nil {
			if p = l.ep.Read(); p == nil {
				break
			}
		}
		v := p.ToView()
		l.flat = append(l.flat, v.AsSlice()...)
		v.Release()
		p.DecRef()
		ends[n] = len(l.flat)
		n++
	}
	start := 0
	for i := range n {
		ps[i] = link.Packet{Head: l.flat[start:ends[i]]}
		start = ends[i]
	}
	return n, nil
}

func (l *channelLink) WriteBatch(ps []link.Packet) error {
	for i := range ps {
		b := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithData(ps[i].AppendTo(nil))})
		l.ep.InjectInbound(ipv4.ProtocolNumber, b)
		b.DecRef()
	}
	return nil
}

func (l *channelLink) Wake()                   {}
func (l *channelLink) Room() int               { return depth }
func (l *channelLink) Features() link.Features { return link.Features{MTU: mtu} }

func (l *channelLink) Close() error {
	l.cancel()
	return nil
}
