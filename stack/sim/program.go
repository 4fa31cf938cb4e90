package sim

import (
	"crypto/sha256"
	"hash"
	"io"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A Plan says what a Program does with its connection. The zero Plan sends
// nothing and reads to the end.
type Plan struct {
	Seed    uint64        // of the bytes that it sends
	Send    int           // bytes to send before it ends its direction
	Chunk   int           // bytes per call at most, at random; 0: 64 KiB
	Pause   time.Duration // it reads, then waits up to this long, at random; 0: reads all there is
	Quit    time.Duration // closes this long after the start, whatever has happened; 0: never
	Abort   bool          // when it quits, it resets
	Options host.Options  // of a socket that Dial or Serve opens
}

// A Program is an application on one stream socket: it sends what its Plan
// says, ends its direction, reads to the end, and closes.
type Program struct {
	Plan
	Host     *Host
	Socket   host.Handle
	Sent     int
	Received int
	EOF      bool  // the peer ended its direction
	Err      error // why the connection ended, nil where it ended well
	Done     bool  // the socket is closed

	src    *Bytes
	sum    hash.Hash
	unsent []byte // taken from src, not by the socket
	buf    []byte
	ended  bool // our direction
	paused bool
}

// Start runs a program on a socket that is connected or connecting.
func (h *Host) Start(s host.Handle, plan Plan) *Program {
	if plan.Chunk <= 0 {
		plan.Chunk = 64 << 10
	}
	p := &Program{Plan: plan, Host: h, Socket: s, src: NewBytes(plan.Seed), sum: sha256.New(),
		buf: make([]byte, plan.Chunk)}
	h.On(s, func(host.Mask) { p.run() })
	if plan.Quit > 0 {
		h.World.After(plan.Quit, p.quit)
	}
	return p
}

// Dial opens a socket, connects it and starts a program on it.
func (h *Host) Dial(to netip.AddrPort, plan Plan) (*Program, error) {
	now := h.World.now
	s, err := h.Open(now, host.Stream)
	if err != nil {
		return nil, err
	}
	if err := h.SetOptions(now, s, plan.Options); err != nil {
		return nil, err
	}
	if err := h.Connect(now, s, to); err != nil && err != host.ErrInProgress {
		return nil, err
	}
	return h.Start(s, plan), nil
}

// A Server accepts connections and starts a program on each.
type Server struct {
	Socket   host.Handle
	Programs []*Program // in the order of Accept
}

// Serve listens on a port with the options of plan(0) and starts plan(i) on
// the i-th connection.
func (h *Host) Serve(port uint16, plan func(i int) Plan) (*Server, error) {
	now := h.World.now
	s, err := h.Open(now, host.Stream)
	if err != nil {
		return nil, err
	}
	if err := h.SetOptions(now, s, plan(0).Options); err != nil {
		return nil, err
	}
	if err := h.Bind(now, s, netip.AddrPortFrom(netip.IPv4Unspecified(), port)); err != nil {
		return nil, err
	}
	if err := h.Listen(now, s, 128); err != nil {
		return nil, err
	}
	v := &Server{Socket: s}
	h.On(s, func(host.Mask) {
		for {
			c, err := h.Accept(h.World.now, s)
			if err != nil {
				return
			}
			v.Programs = append(v.Programs, h.Start(c, plan(len(v.Programs))))
		}
	})
	return v, nil
}

// Sum returns the SHA-256 of what was received; SumOf(seed, Received) of the
// peer's plan is what it has to be.
func (p *Program) Sum() [sha256.Size]byte { return [sha256.Size]byte(p.sum.Sum(nil)) }

// SumOf returns the SHA-256 of the first n bytes of a seed.
func SumOf(seed uint64, n int) [sha256.Size]byte {
	s := sha256.New()
	_, _ = io.CopyN(s, NewBytes(seed), int64(n)) // neither side fails
	return [sha256.Size]byte(s.Sum(nil))
}

// run does what can be done now.
func (p *Program) run() {
	if p.Done {
		return
	}
	p.write()
	p.read()
	if p.Err != nil || p.EOF && p.ended {
		p.close(false)
	}
}

func (p *Program) write() {
	now := p.Host.World.now
	for !p.ended && p.Err == nil {
		if len(p.unsent) == 0 {
			if p.Sent == p.Send {
				p.endSending()
				return
			}
			n := min(1+p.Host.World.Intn(p.Chunk), p.Send-p.Sent)
			p.unsent = append(p.unsent[:0], p.buf[:n]...)
			_, _ = p.src.Read(p.unsent)
		}
		n, err := p.Host.Send(now, p.Socket, p.unsent)
		p.Sent += n
		p.unsent = p.unsent[n:]
		if !p.carryOn(err) {
			return
		}
	}
}

// endSending ends our direction, but not while the handshake goes on: as on
// Linux, that would give the connection up.
func (p *Program) endSending() {
	now := p.Host.World.now
	if _, err := p.Host.Send(now, p.Socket, nil); !p.carryOn(err) {
		return
	}
	p.ended = p.carryOn(p.Host.Shutdown(now, p.Socket, host.ShutWrite))
}

func (p *Program) read() {
	for !p.EOF && !p.paused && p.Err == nil {
		b := p.buf[:1+p.Host.World.Intn(len(p.buf))]
		n, err := p.Host.Recv(p.Host.World.now, p.Socket, b, 0)
		if !p.carryOn(err) {
			return
		}
		p.EOF = n == 0
		p.Received += n
		p.sum.Write(b[:n])
		if p.Pause > 0 {
			p.paused = true
			p.Host.World.After(time.Duration(p.Host.World.rng.Uint64()%uint64(p.Pause)), func() {
				p.paused = false
				p.run()
			})
		}
	}
}

// carryOn keeps the error of a call and reports whether there is none.
func (p *Program) carryOn(err error) bool {
	if err != nil && err != host.ErrWouldBlock {
		p.Err = err
	}
	return err == nil
}

// quit is the application that goes away in the middle.
func (p *Program) quit() {
	if !p.Done {
		p.close(p.Abort)
	}
}

func (p *Program) close(abort bool) {
	p.Done = true
	p.Host.On(p.Socket, nil)
	end := p.Host.Close
	if abort {
		end = p.Host.Abort
	}
	if err := end(p.Host.World.now, p.Socket); err != nil && p.Err == nil {
		p.Err = err
	}
}
