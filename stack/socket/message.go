package socket

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A Msg is what sendmsg and recvmsg take: msghdr, without the packing.
type Msg struct {
	Name  SockAddr     // to whom, zero: the peer; or from whom
	Src   netip.Addr   // IP_PKTINFO's ipi_spec_dst, of datagrams: see below
	Iov   [][]byte     // gathered from, or scattered to, in order
	Meta  Meta         // received: what the headers said, IP_PKTINFO and the like set or not
	Time  time.Time    // received, where SO_TIMESTAMP is set: when a datagram came
	Err   *ExtendedErr // received with MSG_ERRQUEUE
	Flags int          // received: MSG_TRUNC, MSG_OOB, MSG_ERRQUEUE
}

// Src of a datagram sent is the address of ours that it leaves from: ENETUNREACH where it
// is not ours, but for IP_TRANSPARENT; 0.0.0.0 is whichever the route says, wherever the
// socket is bound, and the zero Addr, without IP_PKTINFO, the socket's own. Of one received
// it is set where IP_PKTINFO is: the address that the answer leaves from, so that SendMsg of
// the Msg that RecvMsg has filled answers. (Of echo sockets it is then 0.0.0.0, as on Linux.)

// A Meta is what the headers of a datagram said: from whom to which address of
// ours, its whole length, its TTL and TOS, as recvmsg's IP_PKTINFO, IP_RECVTTL
// and IP_RECVOS give them. Of a stream only Size and TOS are set.
type Meta = host.Meta

// An ExtendedErr is an entry of the error queue (IP_RECVERR, MSG_ERRQUEUE):
// sock_extended_err. Msg.Name is then where the datagram went, and what is
// received is its payload, as far as the ICMP message quoted it.
type ExtendedErr struct {
	Errno      syscall.Errno
	Local      bool // ours: EMSGSIZE; otherwise a router's, or the peer's
	Type, Code uint8
	Info       uint32 // EMSGSIZE: the MTU
	Offender   netip.Addr
}

func total(iov [][]byte) (n int) {
	for _, b := range iov {
		n += len(b)
	}
	return n
}

// gather returns the buffers as one.
func gather(iov [][]byte) []byte {
	if len(iov) == 1 {
		return iov[0]
	}
	b := make([]byte, 0, total(iov))
	for _, p := range iov {
		b = append(b, p...)
	}
	return b
}

// scatter copies b to the buffers.
func scatter(iov [][]byte, b []byte) {
	for _, p := range iov {
		b = b[copy(p, b):]
	}
}

// room returns one buffer as large as all of them.
func room(iov [][]byte) []byte {
	if len(iov) == 1 {
		return iov[0]
	}
	return make([]byte, total(iov))
}

// takeFault takes an entry of the error queue, of which only who has set
// IP_RECVERR has one. Others' programs are smaller without what it takes.
func (d *descriptor) takeFault(p []byte) (int, host.Fault, error) {
	r := d.rest.Load()
	if r == nil || r.fault.Load() == nil {
		return -1, host.Fault{}, syscall.EAGAIN
	}
	n, f, err := (*r.fault.Load())(p)
	if err != nil {
		n = -1
	}
	return n, f, d.errno(err)
}

// recvFault takes an entry of the error queue.
func (d *descriptor) recvFault(m *Msg, p []byte) (int, error) {
	n, f, err := d.takeFault(p)
	if err != nil {
		return -1, err
	}
	m.Err = &ExtendedErr{Errno: Errno(f.Err), Local: f.Local, Type: f.Type, Code: f.Code, Info: f.Info, Offender: f.By}
	m.Name, m.Flags = f.To, MSG_ERRQUEUE
	if f.Size > n {
		m.Flags |= MSG_TRUNC
	}
	return n, nil
}

// SendMsg is SendTo from several buffers: one datagram, or a piece of a stream
// that nothing gets between. Errors are SendTo's.
func (a *API) SendMsg(fd int, m *Msg, flags int) (int, error) {
	n := -1
	d, err := a.get(fd)
	p := gather(m.Iov)
	if err == nil {
		n, err = d.send(p, flags, m.Src, m.Name)
	}
	a.tell(d, Call{Name: "sendmsg", FD: fd, Addr: m.Name, Len: len(p)}, n, err)
	return n, err
}

// RecvMsg is RecvFrom into several buffers, that also gives what the headers
// said. With MSG_ERRQUEUE it takes an error that IP_RECVERR has queued: EAGAIN
// where there is none. Other errors are RecvFrom's.
func (a *API) RecvMsg(fd int, m *Msg, flags int) (n int, err error) {
	n = -1
	d, err := a.get(fd)
	if err == nil {
		n, err = d.recvMsg(m, flags)
	}
	a.tell(d, Call{Name: "recvmsg", FD: fd, Addr: m.Name, Len: total(m.Iov)}, n, err)
	return n, err
}

func (d *descriptor) recvMsg(m *Msg, flags int) (n int, err error) {
	iov := m.Iov
	*m = Msg{Iov: iov}
	p := room(iov)
	if flags&MSG_ERRQUEUE != 0 {
		if n, err = d.recvFault(m, p); err == nil && len(iov) != 1 {
			scatter(iov, p[:n])
		}
		return n, err
	}
	if n, m.Meta, err = d.recv(p, flags); err != nil {
		return -1, err
	}
	if len(iov) != 1 {
		scatter(iov, p[:min(n, len(p))])
	}
	m.Name = m.Meta.From
	if !d.stream() && d.told.Load()&(1<<IP_PKTINFO) != 0 {
		m.Src = netip.IPv4Unspecified()
		if d.proto == IPPROTO_UDP {
			m.Src = d.sock.AnswerFrom(&m.Meta)
		}
	}
	if d.keeps(keptTimestamp) && !d.stream() {
		m.Time = d.sock.WallTime(m.Meta.At)
	}
	if !d.stream() && m.Meta.Size > len(p) {
		m.Flags |= MSG_TRUNC
	}
	if flags&MSG_OOB != 0 && d.stream() {
		m.Flags |= MSG_OOB
	}
	return n, nil
}
