package stack

import (
	"net/netip"
	"sync/atomic"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Links are several links of one stack, for Config.Links: Queues is the only kind. As
// with congestion control, what nobody names is not linked: a program with one
// link is without what several need.
type Links interface {
	links() []link.Link
	join(*Stack, *Config) several
}

// Queues are the queues of one device (tun.Device.Links): any of them may bring any
// packet. The stack has a shard for each, with a lock and a reader of its own; doc.go
// says what that is good for. One queue is as good as a Config.Link.
type Queues []link.Link

func (q Queues) links() []link.Link { return q }

// join makes s, which is to have a shard for each of q, one of several.
func (q Queues) join(s *Stack, cfg *Config) several {
	steer := host.NewSteer(cfg.Seed, len(q))
	all := many{s, new(atomic.Pointer[host.Steer])}
	all.steer.Store(&steer)
	if cfg.Trace != nil {
		s.post = &postman{deliver: cfg.Trace}
		cfg.Trace = s.post.take
	}
	return all
}

// several is what a stack does otherwise, and besides, where it has several shards.
// The spread of a call is the one that the socket has.
type several interface {
	// Of a shard (shards.go).

	// share is the part of the host that the shard with that index has.
	share(index int) host.Share
	// sort gives each of the n packets in lead.in to its owner and moves our own to
	// the front, in their order; it returns how many they are. The leader calls it,
	// without the lock.
	sort(sh *shard, n int) int
	// open takes what is in the box. The lock is held; the leader calls it.
	open(sh *shard)
	// post takes what the host has for others to their boxes. The lock is held.
	post(sh *shard)

	// Of a socket (spread.go).

	bind(s *Socket, local netip.AddrPort) error
	listen(s *Socket, backlog int) error
	// settleFor brings a bound stream to the shard that owns its connection to remote.
	settleFor(s *Socket, remote netip.AddrPort) error
	// told notes news of a listener for its primary, and reports whether that is
	// another socket. The lock of s.sh is held.
	told(s *Socket, sp *spread, m host.Mask) bool
	// gather is what follows Disconnect: the siblings do not listen any more, and
	// where s is not bound any more there are none.
	gather(s *Socket, sp *spread)
	// hush is Shutdown of what is received: the siblings do not listen any more.
	hush(s *Socket, sp *spread, how host.How) error
	// endSiblings closes what a stream was spread to, if it was.
	endSiblings(s *Socket, abort bool)
	// setOptions is SetOptions of a stream with siblings: they have the same.
	setOptions(s *Socket, sp *spread, set func(*host.Options)) error
	poll(s *Socket, sp *spread) (host.Mask, error)
	// info is Info of a stream with siblings: a listener's connections that wait are
	// those of all shards.
	info(s *Socket, sp *spread) (tcp.Info, error)

	// For forwarders (forward.go).

	forward(s *Socket, forward func(*shard, host.Handle) error) error
	takeForeign(take func(*shard)) error
	// owner is the index of the shard that has a flow.
	owner(flow tcp.Flow) int
	// lookAgain is what follows a change of what the shards' hosts have to themselves:
	// the packets' readers learn of it. Stack.mu is held.
	lookAgain()
}

// many is the only several there is.
type many struct {
	*Stack
	steer *atomic.Pointer[host.Steer] // who has which packet
}
