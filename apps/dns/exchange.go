package dns

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// A Transport carried an exchange.
type Transport uint8

// The transports.
const (
	UDP Transport = iota
	TCP
)

// String is "UDP" or "TCP".
func (t Transport) String() string {
	if t == TCP {
		return "TCP"
	}
	return "UDP"
}

// An Exchange is one question sent to one server, and what came of it.
type Exchange struct {
	Server    netip.AddrPort
	Local     netip.AddrPort // where we asked from
	Transport Transport
	Query     []byte        // the message sent
	Raw       []byte        // the message that answered, nil if none did
	Message   *Message      // Raw parsed; nil where Truncated or Err says why
	RoundTrip time.Duration // from sending to the answer
	Ignored   int           // messages that came meanwhile and were not believed
	Truncated bool          // the answer was cut short, or its name's letter case changed: TCP is next
	Err       error         // why there is no answer: a syscall.Errno or what was wrong with the message

	verdict verdict
}

// exchange sends one message and waits for what answers it.
func (r *Resolver) exchange(over Transport, server netip.AddrPort, q *query, deadline time.Time) *Exchange {
	x := &Exchange{Server: server, Transport: over, Query: q.msg}
	if r.Carry != nil {
		x.Err = r.carry(x, q, deadline)
	} else {
		x.Err = r.overSocket(x, q, deadline)
	}
	return x
}

// carry asks over what the resolver was given in place of sockets.
func (r *Resolver) carry(x *Exchange, q *query, deadline time.Time) error {
	sent := r.now()
	msg, err := r.Carry(x.Transport, x.Server, q.msg, deadline)
	if err != nil {
		return err
	}
	return x.settle(q, msg, x.Transport == UDP && len(msg) > udpSize, r.now().Sub(sent))
}

// overSocket asks over a socket of its own.
func (r *Resolver) overSocket(x *Exchange, q *query, deadline time.Time) error {
	typ := socket.SOCK_DGRAM
	if x.Transport == TCP {
		typ = socket.SOCK_STREAM
	}
	fd, err := r.API.Socket(socket.AF_INET, typ, 0)
	if err != nil {
		return err
	}
	defer r.API.Close(fd)
	if x.Transport == TCP {
		return r.askTCP(fd, x, q, deadline)
	}
	return r.askUDP(fd, x, q, deadline)
}

// connect connects to the server. A datagram socket then takes what comes from this address and port alone, and hears
// of ICMP errors.
func (r *Resolver) connect(fd int, x *Exchange) error {
	err := r.API.Connect(fd, x.Server)
	if err == nil {
		x.Local, _ = r.API.GetSockName(fd)
	}
	return err
}

// askUDP asks in a datagram. Whatever is no answer is ignored until the time is up (TuDoor).
func (r *Resolver) askUDP(fd int, x *Exchange, q *query, deadline time.Time) error {
	err := r.bindRandom(fd)
	if err == nil {
		err = r.connect(fd, x)
	}
	if err != nil {
		return err
	}
	sent := r.now()
	if _, err := r.API.Send(fd, q.msg, 0); err != nil {
		return err
	}
	buf := make([]byte, udpSize+1) // one more: longer than we said we take shows
	for {
		if err := r.until(fd, socket.SO_RCVTIMEO, deadline); err != nil {
			return err
		}
		n, err := r.API.Recv(fd, buf, 0)
		if err != nil {
			return err
		}
		if err = x.settle(q, buf[:n], n > udpSize, r.now().Sub(sent)); err == nil {
			return nil
		}
	}
}

// askTCP asks in a stream. One question, one stream: nothing better comes after what is no answer.
func (r *Resolver) askTCP(fd int, x *Exchange, q *query, deadline time.Time) error {
	err := r.until(fd, socket.SO_SNDTIMEO, deadline)
	if err == nil {
		err = r.connect(fd, x)
	}
	if err != nil {
		return err
	}
	sent := r.now()
	// Length and message in one write, so that they travel in one segment (RFC 7766 8).
	frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(q.msg))), q.msg...)
	if n, err := r.API.Send(fd, frame, socket.MSG_NOSIGNAL); err != nil || n < len(frame) {
		return orAgain(err)
	}
	msg, err := r.readFrame(fd, 0xFFFF, deadline)
	if err != nil {
		return err
	}
	return x.settle(q, msg, false, r.now().Sub(sent))
}

// readFrame reads a message of at most most bytes after its length, all of it by the deadline.
func (r *Resolver) readFrame(fd, most int, deadline time.Time) ([]byte, error) {
	var length [2]byte
	if err := r.fill(fd, length[:], deadline); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > most {
		return nil, errLongMessage
	}
	msg := make([]byte, n)
	return msg, r.fill(fd, msg, deadline)
}

// orAgain turns a short count without an error into the time-out that it was.
func orAgain(err error) error {
	if err == nil {
		return syscall.EAGAIN
	}
	return err
}

// fill reads until p is full.
func (r *Resolver) fill(fd int, p []byte, deadline time.Time) error {
	for len(p) > 0 {
		if err := r.until(fd, socket.SO_RCVTIMEO, deadline); err != nil {
			return err
		}
		n, err := r.API.Recv(fd, p, 0)
		if err != nil {
			return err
		}
		if n == 0 {
			return errShort
		}
		p = p[n:]
	}
	return nil
}

// settle takes a message if it is an answer; if it is junk, the error says so.
func (x *Exchange) settle(q *query, msg []byte, cut bool, took time.Duration) error {
	x.RoundTrip = took
	m, v, err := q.judge(msg, cut, x.Transport)
	if v == junk {
		x.Ignored++
		return err
	}
	x.Raw, x.Message, x.verdict = append([]byte(nil), msg...), m, v
	x.Truncated = v == truncated || v == wrongCase
	return nil
}
