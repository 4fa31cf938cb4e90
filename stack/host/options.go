package host

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Options of any socket.
type Options struct {
	TTL        uint8 // 0: the host's
	TOS        uint8 // the two ECN bits are TCP's
	ReuseAddr  bool
	Broadcast  bool          // SendTo a broadcast address is allowed
	Linger     time.Duration // Close, where LingerOn: 0 resets; above 0 the caller waits for Gone. -1 by Open
	LingerOn   bool
	RecvBuffer int         // datagrams: bytes of memory queued at most; 0: 208 KiB as Linux
	SendBuffer int         // datagrams: likewise on their way out
	Segment    int         // datagrams: what one call sends goes as datagrams of so many bytes (UDP_SEGMENT); 0: as one
	Discover   Discovery   // path MTU discovery and DF; 0: DiscoverWant
	RecvErr    bool        // soft ICMP errors become the pending error (IP_RECVERR); off by default
	TCP        tcp.Options // streams

	ReusePort   bool // sockets that all have it share an address and port by a hash of the flow
	FreeBind    bool // Bind takes addresses that are not ours (IP_FREEBIND)
	Transparent bool // likewise, and packets leave from them (IP_TRANSPARENT); what comes for them: TakeForeign
	RecvLowat   int  // streams: bytes that make it Readable; 0: 1
}

// Options returns a socket's options.
func (h *Host) Options(s Handle) (Options, error) {
	e := h.lookup(s)
	if e == nil {
		return Options{}, ErrBadHandle
	}
	o := Options{TTL: e.ttl, TOS: e.tos, ReuseAddr: e.reuse, Broadcast: e.broadcast,
		Linger: e.lingerTime(), LingerOn: e.lingerOn, Discover: e.discover, RecvErr: e.recvErr, TCP: e.tcpOptions(),
		ReusePort: e.has(sharesPort), FreeBind: e.has(anyAddr), Transparent: e.has(through), RecvLowat: h.lowat(e)}
	if e.dg != nil {
		o.RecvBuffer, o.SendBuffer, o.Segment = e.dg.recvLimit, e.dg.sendLimit, e.dg.segment
	}
	return o, nil
}

// tcpOptions returns the options that the stream s has, or will have.
func (s *socket) tcpOptions() tcp.Options {
	switch {
	case s.conn != nil:
		return s.conn.Options()
	case s.preset != nil:
		return *s.preset
	}
	return tcp.Options{}
}

// SetOptions replaces a socket's options. Accepted sockets inherit the
// listener's. ErrNotSupported: an option of another kind; ErrInvalid: no such Discovery, or Segment.
func (h *Host) SetOptions(now clock.Instant, s Handle, o Options) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	if e.kind != Stream && o.TCP != (tcp.Options{}) {
		return ErrNotSupported
	}
	if !o.Discover.valid() || o.Segment < 0 || o.Segment > maxMTU {
		return ErrInvalid
	}
	if e.kind != Datagram && o.Segment != 0 {
		return ErrNotSupported
	}
	e.ttl, e.tos, e.reuse, e.broadcast = o.TTL, o.TOS, o.ReuseAddr, o.Broadcast
	e.discover, e.recvErr = o.Discover, o.RecvErr
	e.let(sharesPort, o.ReusePort)
	e.let(anyAddr, o.FreeBind)
	e.let(through, o.Transparent)
	h.setLowat(e, o.RecvLowat)
	o.TCP.NoDF = e.kind == Stream && o.Discover == DiscoverDont
	e.linger, e.lingerOn = lingerFor(o.Linger), o.LingerOn
	if e.dg != nil {
		if !o.RecvErr {
			h.dropFaults(e)
		}
		full := e.dg.sendRoom() <= 0
		e.dg.recvLimit, e.dg.sendLimit, e.dg.segment = o.RecvBuffer, o.SendBuffer, o.Segment
		if full && e.dg.sendRoom() > 0 {
			h.raise(e)
		}
		return nil
	}
	if e.conn != nil {
		e.conn.SetOptions(now, o.TCP)
		if !e.ended {
			h.tellPath(now, e)
			h.touch(e)
		}
		return nil
	}
	h.setPreset(e, o.TCP)
	if e.lis != nil {
		e.lis.tcp.SetOptions(o.TCP)
	}
	return nil
}

// setPreset keeps TCP options for a stream that has no connection yet. Not inlined, for it is large.
//
//go:noinline
func (h *Host) setPreset(e *socket, o tcp.Options) {
	if e.preset == nil {
		if o == (tcp.Options{}) {
			return
		}
		if n := len(h.freePresets); n > 0 {
			e.preset = h.freePresets[n-1]
			h.freePresets = h.freePresets[:n-1]
		} else {
			e.preset = new(tcp.Options)
		}
	}
	*e.preset = o
}

// PathMTU returns the MTU of the path to the peer of a connected socket in bytes, as
// far as it is known (IP_MTU). ErrNotConnected.
func (h *Host) PathMTU(s Handle) (int, error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return 0, ErrBadHandle
	case !e.remote.IsValid() || e.conn != nil && e.ended:
		return 0, ErrNotConnected
	case e.conn != nil:
		return e.conn.PathMTU(), nil
	case h.net.isOwn(number(e.remote.Addr())):
		return h.feat.MTU, nil
	}
	mtu, _ := h.pathMTU(e.remote.Addr(), datagramPaths)
	return mtu, nil
}

// lingerFor is d as a socket has it: milliseconds, so that it takes little, rounded
// up; -1 below 0.
func lingerFor(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	return int32(min(d/time.Millisecond+min(d%time.Millisecond, 1), math.MaxInt32))
}

func (s *socket) lingerTime() time.Duration {
	if s.linger < 0 {
		return -1
	}
	return time.Duration(s.linger) * time.Millisecond
}
