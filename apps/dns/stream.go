package dns

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Streams are the connections that a server holds, each with its address.
type streams struct {
	most int
	mu   sync.Mutex
	open map[int]netip.Addr
	shut bool
}

// add takes one more, unless there are too many, or too many of one address (RFC 7766 6.2.2).
func (s *streams) add(fd int, from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut || len(s.open) >= s.most {
		return false
	}
	same := 0
	for _, a := range s.open {
		if a == from {
			same++
		}
	}
	if same >= max(s.most/8, 1) {
		return false
	}
	if s.open == nil {
		s.open = map[int]netip.Addr{}
	}
	s.open[fd] = from
	return true
}

// end closes one. Only who takes it out closes it: the number may be another's by then.
func (s *streams) end(api ServerSockets, fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[fd]; ok {
		delete(s.open, fd)
		_ = api.Close(fd)
	}
}

// closeAll ends what is read and written on all of them; who reads then closes.
func (s *streams) closeAll(api ServerSockets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	for fd := range s.open {
		_ = api.Shutdown(fd, socket.SHUT_RDWR)
	}
}

// accept takes connections.
func (s *Server) accept() error {
	for {
		fd, from, err := s.API.Accept(s.tcp)
		switch {
		case err == nil:
		case err == errClosed:
			return errClosed
		case err == syscall.ECONNABORTED:
			continue
		case err == syscall.EMFILE || err == syscall.ENFILE || err == syscall.ENOBUFS:
			select { // others will end
			case <-time.After(10 * time.Millisecond):
				continue
			case <-s.ctx.Done():
				return errClosed
			}
		default:
			return err
		}
		if !s.streams.add(fd, from.Addr()) {
			_ = s.API.Close(fd)
			continue
		}
		s.stats.streams.Add(1)
		s.done.Go(func() { s.stream(fd, from) })
	}
}

// inParallel is how many questions of one connection are asked at once (RFC 7766 6.2.1.1).
const inParallel = 8

// mostQuestion is how long a question may be: a name, a type, and some options.
const mostQuestion = 4096

// stream answers the questions of one connection, each when its answer is there.
func (s *Server) stream(fd int, from netip.AddrPort) {
	var asking sync.WaitGroup
	var writing sync.Mutex
	room := make(chan struct{}, inParallel)
	defer s.streams.end(s.API, fd)
	defer asking.Wait()
	idle := orDefault(s.Idle, 10*time.Second)
	write := func(msg []byte) {
		writing.Lock()
		defer writing.Unlock()
		frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
		_ = s.API.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, idle)
		if n, err := s.API.Send(fd, frame, socket.MSG_NOSIGNAL); err != nil || n < len(frame) {
			_ = s.API.Shutdown(fd, socket.SHUT_RDWR) // who does not read is not written to again
		}
	}
	reader := &Resolver{API: s.API}
	p := &packer{}
	for {
		msg, err := reader.readFrame(fd, mostQuestion, time.Now().Add(idle))
		if err != nil {
			return
		}
		s.stats.questions.Add(1)
		r, ok := parseRequest(msg, TCP)
		if !ok {
			s.stats.dropped.Add(1)
			return // it is no client
		}
		if out := s.atOnce(p, &r, from); out != nil {
			write(out)
			continue
		}
		room <- struct{}{}
		s.stats.asked.Add(1)
		asking.Go(func() {
			defer func() { <-room }()
			write(s.Client.slow(s.ctx, &packer{}, &r))
		})
	}
}
