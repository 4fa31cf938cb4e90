package dns

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// ServerSockets are the Berkeley calls that a Server makes. *socket.API has them.
type ServerSockets interface {
	Sockets
	RecvFrom(fd int, p []byte, flags int) (int, netip.AddrPort, error)
	SendTo(fd int, p []byte, flags int, to netip.AddrPort) (int, error)
	SetSockOptInt(fd, level, opt, value int) error
	Listen(fd, backlog int) error
	Accept(fd int) (nfd int, from netip.AddrPort, err error)
	Shutdown(fd, how int) error
}

var _ ServerSockets = (*socket.API)(nil)

// A Server answers others over UDP and TCP with what its Client knows or finds out. API, Client and Addr are
// required; every other zero value is a default. Its fields are not changed while it serves.
type Server struct {
	API    ServerSockets
	Client *Client

	// Addr is where it listens. Port 0 means 53.
	Addr netip.AddrPort

	// Allow says who may ask; others get REFUSED. nil: whoever has a private address (RFC 1918) or is this
	// host. A server that answers everybody is an amplifier for forgers.
	Allow []netip.Prefix

	// Rate is how many answers a second one /24 gets over UDP; beyond it every other question is answered with
	// "too long", which leads who really is there to TCP. 0: 1000; negative: no bound.
	Rate int

	// Asking is how many questions may be under way to other servers. 0: 512. Those beyond are dropped.
	Asking int

	// Streams is how many connections are held, an eighth of them for one address. 0: 128.
	Streams int

	// Idle is how long a connection may be silent, and how long a question on it may take to come. 0: 10 s.
	Idle time.Duration

	// Readers is how many goroutines read datagrams. 0: 2.
	Readers int

	stats   serverCounts
	limit   limiter
	asking  chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	streams streams
	done    sync.WaitGroup
	mu      sync.Mutex
	udp     int
	tcp     int
	serving bool
	closed  bool
}

// Stats are what a Server has done.
type Stats struct {
	Questions uint64 // that came, over UDP and TCP
	Known     uint64 // answered from the hosts file or the cache
	Asked     uint64 // for which others were asked
	Refused   uint64 // answered with a code alone
	Dropped   uint64 // not answered: no questions, or too many of them
	Limited   uint64 // over the rate
	Streams   uint64 // connections that were taken
}

type serverCounts struct {
	questions, known, asked, refused, dropped, limited, streams atomic.Uint64
}

// Stats are the counts so far.
func (s *Server) Stats() Stats {
	c := &s.stats
	return Stats{c.questions.Load(), c.known.Load(), c.asked.Load(), c.refused.Load(), c.dropped.Load(), c.limited.Load(), c.streams.Load()}
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Listen opens the sockets. The error is a syscall.Errno.
func (s *Server) Listen() error {
	s.limit.rate = orDefault(s.Rate, 1000)
	s.asking = make(chan struct{}, orDefault(s.Asking, 512))
	s.streams.most = orDefault(s.Streams, 128)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.Addr.Port() == 0 {
		s.Addr = netip.AddrPortFrom(s.Addr.Addr(), Port)
	}
	var err error
	if s.udp, err = s.API.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0); err != nil {
		return err
	}
	if s.tcp, err = s.API.Socket(socket.AF_INET, socket.SOCK_STREAM, 0); err != nil {
		_ = s.API.Close(s.udp)
		return err
	}
	_ = s.API.SetSockOptInt(s.tcp, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) // or it waits for what was here before
	_ = s.API.SetSockOptInt(s.udp, socket.SOL_SOCKET, socket.SO_RCVBUF, 1<<20)
	for _, fd := range []int{s.udp, s.tcp} {
		if err == nil {
			err = s.API.Bind(fd, s.Addr)
		}
	}
	if err == nil {
		err = s.API.Listen(s.tcp, 128)
	}
	if err != nil {
		_ = s.API.Close(s.udp)
		_ = s.API.Close(s.tcp)
	}
	return err
}

// Serve listens, where Listen was not called, and serves until Close, or until a socket fails. Then it returns
// nil, or the failure, when nothing of it is left.
func (s *Server) Serve() error {
	s.mu.Lock()
	if s.ctx == nil {
		if err := s.Listen(); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	s.serving = true
	s.mu.Unlock()
	readers := orDefault(s.Readers, 2)
	failed := make(chan error, readers+1)
	for range readers {
		s.done.Go(func() { failed <- s.datagrams() })
	}
	s.done.Go(func() { failed <- s.accept() })
	err := <-failed
	s.shut()
	s.done.Wait()
	if err == errClosed {
		return nil
	}
	return err
}

// Close ends Serve.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil && !s.closed {
		s.closeAll()
	}
}

func (s *Server) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closeAll()
	}
}

func (s *Server) closeAll() {
	s.closed = true
	s.stop()
	_ = s.API.Close(s.udp)
	_ = s.API.Close(s.tcp)
	s.streams.closeAll(s.API)
}

const errClosed = syscall.EBADF // what a call on a closed descriptor returns

// allowed says whether a source may ask.
func (s *Server) allowed(from netip.Addr) bool {
	if s.Allow == nil {
		return from.IsPrivate() || from.IsLoopback() || from.IsLinkLocalUnicast()
	}
	return slices.ContainsFunc(s.Allow, func(p netip.Prefix) bool { return p.Contains(from) })
}

// datagrams answers what comes over UDP.
func (s *Server) datagrams() error {
	buf, p := make([]byte, 4096), &packer{}
	for {
		n, from, err := s.API.RecvFrom(s.udp, buf, 0)
		if err == errClosed || err == nil && s.ctx.Err() != nil {
			return errClosed
		}
		if err == syscall.ECONNREFUSED || err == syscall.EHOSTUNREACH || err == syscall.ENETUNREACH {
			continue // an answer of ours found nobody
		}
		if err != nil {
			return err
		}
		s.datagram(p, buf[:n], from)
	}
}

// datagram answers one, at once where the answer is known.
func (s *Server) datagram(p *packer, msg []byte, from netip.AddrPort) {
	r, ok := parseRequest(msg, UDP)
	s.stats.questions.Add(1)
	if !ok || from.Port() == 0 {
		s.stats.dropped.Add(1)
		return
	}
	switch s.limit.take(from.Addr(), time.Now()) {
	case none:
		s.stats.limited.Add(1)
		return
	case slip:
		s.stats.limited.Add(1)
		r.size = 0
		s.send(r.fails(p, 0), from)
		return
	}
	if out := s.atOnce(p, &r, from); out != nil {
		s.send(out, from)
		return
	}
	select {
	case s.asking <- struct{}{}:
	default:
		s.stats.dropped.Add(1) // who has no answer asks again
		return
	}
	r.name = append([]byte(nil), r.name...)
	s.done.Go(func() {
		defer func() { <-s.asking }()
		s.stats.asked.Add(1)
		out := s.Client.slow(s.ctx, &packer{}, &r)
		if s.ctx.Err() == nil {
			s.send(out, from)
		}
	})
}

// atOnce is the answer that needs no waiting, nil where there is none.
func (s *Server) atOnce(p *packer, r *request, from netip.AddrPort) []byte {
	code := r.refusal()
	if code == 0 && !s.allowed(from.Addr()) {
		code = 5 // REFUSED
	}
	if code != 0 {
		s.stats.refused.Add(1)
		return r.fails(p, code)
	}
	out, ok := s.Client.quick(p, r)
	if !ok {
		return nil
	}
	s.stats.known.Add(1)
	return out
}

func (s *Server) send(msg []byte, to netip.AddrPort) {
	_, _ = s.API.SendTo(s.udp, msg, 0, to) // lost like any datagram
}
