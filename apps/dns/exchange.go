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

// carry asks one server once, over what the resolver was given in place of sockets.
func (r *Resolver) carry(over Transport, server netip.AddrPort, q *query, deadline time.Time) *Exchange {
	x := &Exchange{Server: server, Transport: over, Query: q.msg}
	sent := r.now()
	msg, err := r.Carry(over, server, q.msg, deadline)
	if err != nil {
		return x.fail(err)
	}
	if !x.settle(q, msg, over == UDP && len(msg) > udpSize, r.now().Sub(sent)) {
		x.Ignored++
	}
	return x
}

// askUDP asks one server once. Whatever is no answer is ignored until the time is up (TuDoor).
func (r *Resolver) askUDP(server netip.AddrPort, q *query, deadline time.Time) *Exchange {
	x := &Exchange{Server: server, Transport: UDP, Query: q.msg}
	fd, err := r.API.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	if err != nil {
		return x.fail(err)
	}
	defer r.API.Close(fd)
	if err := r.bindRandom(fd); err != nil {
		return x.fail(err)
	}
	// Connected, the socket takes datagrams from this address and port alone, and hears of ICMP errors.
	if err := r.API.Connect(fd, server); err != nil {
		return x.fail(err)
	}
	x.Local, _ = r.API.GetSockName(fd)
	sent := r.now()
	if _, err := r.API.Send(fd, q.msg, 0); err != nil {
		return x.fail(err)
	}
	buf := make([]byte, udpSize+1) // one more: longer than we said we take shows
	for {
		if err := r.until(fd, socket.SO_RCVTIMEO, deadline); err != nil {
			return x.fail(err)
		}
		n, err := r.API.Recv(fd, buf, 0)
		if err != nil {
			return x.fail(err)
		}
		if x.settle(q, buf[:n], n > udpSize, r.now().Sub(sent)) {
			return x
		}
		x.Ignored++
	}
}

// askTCP asks one server once over a stream of its own.
func (r *Resolver) askTCP(server netip.AddrPort, q *query, deadline time.Time) *Exchange {
	x := &Exchange{Server: server, Transport: TCP, Query: q.msg}
	fd, err := r.API.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	if err != nil {
		return x.fail(err)
	}
	defer r.API.Close(fd)
	if err := r.until(fd, socket.SO_SNDTIMEO, deadline); err != nil {
		return x.fail(err)
	}
	if err := r.API.Connect(fd, server); err != nil {
		return x.fail(err)
	}
	x.Local, _ = r.API.GetSockName(fd)
	sent := r.now()
	// Length and message in one write, so that they travel in one segment (RFC 7766 8).
	frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(q.msg))), q.msg...)
	if n, err := r.API.Send(fd, frame, socket.MSG_NOSIGNAL); err != nil || n < len(frame) {
		return x.fail(orAgain(err))
	}
	msg, err := r.readFrame(fd, 0xFFFF, deadline)
	if err != nil {
		return x.fail(err)
	}
	if !x.settle(q, msg, false, r.now().Sub(sent)) {
		x.Ignored++ // one question, one stream: nothing better will come
	}
	return x
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

// settle judges a message; false: it is junk.
func (x *Exchange) settle(q *query, msg []byte, cut bool, took time.Duration) bool {
	x.RoundTrip = took
	m, v, err := q.judge(msg, cut, x.Transport)
	if v == junk {
		x.Err = err
		return false
	}
	x.Raw, x.Message, x.verdict, x.Err = append([]byte(nil), msg...), m, v, nil
	x.Truncated = v == truncated || v == wrongCase
	return true
}

// fail notes why there is no answer.
func (x *Exchange) fail(err error) *Exchange {
	x.Err = err
	return x
}
