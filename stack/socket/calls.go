package socket

import (
	"net/netip"
	"syscall"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// SockAddr is the address of a call: netip's AddrPort. The zero value stands for
// AF_UNSPEC; IPv4 addresses in IPv6 form are taken for what they mean.
type SockAddr = netip.AddrPort

// Socket makes a socket and returns its descriptor, the lowest free one. domain is
// AF_INET; typ SOCK_STREAM or SOCK_DGRAM, with SOCK_NONBLOCK or without; proto 0
// or the type's own, or IPPROTO_ICMP for an echo socket, whose port is the ICMP
// identifier. EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EINVAL, EPERM,
// EMFILE, ENFILE, ENOBUFS, ENETDOWN (the stack has ended).
func (a *API) Socket(domain, typ, proto int) (fd int, err error) {
	fd, d, err := a.socket(domain, typ, proto)
	a.tell(d, Call{Name: "socket", FD: -1, Len: typ}, fd, err)
	return fd, err
}

func (a *API) socket(domain, typ, proto int) (int, *descriptor, error) {
	kind, err := kindOf(domain, typ, proto)
	if err != nil {
		return -1, nil, err
	}
	fd, err := a.reserve()
	if err != nil {
		return -1, nil, err
	}
	d := &descriptor{typ: SOCK_DGRAM, proto: uint16(protoOf(kind))}
	if kind == host.Stream {
		d.typ = SOCK_STREAM
	}
	d.mark(nonblock, typ&SOCK_NONBLOCK != 0)
	if d.sock, err = a.stack.Socket(kind); err != nil {
		a.set(fd, nil)
		return -1, nil, d.errno(err)
	}
	a.set(fd, d)
	return fd, d, nil
}

func protoOf(k host.Kind) int {
	switch k {
	case host.Stream:
		return IPPROTO_TCP
	case host.Datagram:
		return IPPROTO_UDP
	}
	return IPPROTO_ICMP
}

// Bind gives the socket a local address; port 0 picks a free one, and the zero
// addr both. EBADF, EINVAL (bound already), EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT.
func (a *API) Bind(fd int, addr SockAddr) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.bind(addr)
	}
	a.tell(d, Call{Name: "bind", FD: fd, Addr: addr}, 0, err)
	return err
}

func (d *descriptor) bind(addr SockAddr) error {
	addr, err := clean(addr)
	if err != nil {
		return err
	}
	if !addr.Addr().IsValid() {
		addr = netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
	}
	return d.errno(d.sock.Bind(addr))
}

// clean takes IPv4 addresses out of their IPv6 form. EAFNOSUPPORT: a real IPv6 address.
func clean(addr SockAddr) (SockAddr, error) {
	ip := addr.Addr().Unmap()
	if ip.Is6() {
		return addr, syscall.EAFNOSUPPORT
	}
	return netip.AddrPortFrom(ip, addr.Port()), nil
}

// Listen makes a stream accept connections, up to backlog of them waiting; it is
// bound to a free port if it was not bound. EBADF, EOPNOTSUPP, EINVAL
// (connected), EADDRINUSE.
func (a *API) Listen(fd, backlog int) error {
	d, err := a.get(fd)
	if err == nil {
		if !d.stream() {
			err = syscall.EOPNOTSUPP
		} else if d.is(unfit) {
			err = syscall.EINVAL
		} else if err = d.errno(d.sock.Listen(backlog)); err == nil {
			d.mark(listening, true)
		}
	}
	a.tell(d, Call{Name: "listen", FD: fd, Len: backlog}, 0, err)
	return err
}

// Accept waits for a connection and returns a descriptor for it, reserved before
// the wait, and its peer. Options are inherited, SetNonblock is not. EBADF,
// EOPNOTSUPP, EINVAL (not listening), EMFILE, EAGAIN.
func (a *API) Accept(fd int) (nfd int, from SockAddr, err error) {
	d, err := a.get(fd)
	nfd = -1
	if err == nil {
		nfd, from, err = a.accept(d)
	}
	a.tell(d, Call{Name: "accept", FD: fd, Addr: from}, nfd, err)
	return nfd, from, err
}

func (a *API) accept(d *descriptor) (nfd int, from SockAddr, err error) {
	if !d.stream() {
		return -1, from, syscall.EOPNOTSUPP
	}
	if nfd, err = a.reserve(); err != nil {
		return -1, from, err
	}
	child := &descriptor{typ: d.typ, proto: d.proto}
	if err = d.beginRecv(); err == nil {
		child.sock, err = d.sock.Accept(d.flags(0))
	}
	if err != nil {
		a.set(nfd, nil)
		return -1, from, d.errno(err)
	}
	child.inherit(d)
	// A connection may be over before it is accepted. As on Linux it is
	// accepted all the same, and the next call on it says how it ended.
	from, _ = child.sock.PeerAddr()
	a.set(nfd, child)
	return nfd, from, nil
}

// inherit takes over what the listener's descriptor keeps.
func (d *descriptor) inherit(from *descriptor) {
	d.setTimeout(SO_RCVTIMEO, from.timeout(SO_RCVTIMEO))
	d.setTimeout(SO_SNDTIMEO, from.timeout(SO_SNDTIMEO))
	d.told.Store(from.told.Load())
	d.kept.Store(from.kept.Load())
}

// Connect opens a connection and waits for it, or fixes the peer of a datagram
// socket (the zero addr dissolves it). A non-blocking one returns EINPROGRESS:
// wait until the connection is made or has failed and ask SO_ERROR, or Connect again.
// EBADF, EINPROGRESS, EALREADY, EISCONN, ECONNREFUSED, ETIMEDOUT, ECONNRESET,
// ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL (no port left), EAFNOSUPPORT, EACCES.
// Where SO_SNDTIMEO ends it: EINPROGRESS, or what an ICMP error said meanwhile.
func (a *API) Connect(fd int, addr SockAddr) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.connect(addr)
	}
	a.tell(d, Call{Name: "connect", FD: fd, Addr: addr}, 0, err)
	return err
}

func (d *descriptor) connect(addr SockAddr) error {
	addr, err := clean(addr)
	if err != nil {
		return err
	}
	if !addr.Addr().IsValid() {
		d.mark(connecting|listening|unfit, false)
		return d.errno(d.sock.Disconnect())
	}
	if d.is(unfit) {
		return syscall.EINVAL
	}
	if d.is(listening) {
		return syscall.EISCONN
	}
	again := d.is(connecting)
	if again {
		if over, err := d.outcome(); over {
			return err
		}
	}
	if err := d.beginSend(); err != nil {
		return d.errno(err)
	}
	flags := d.flags(0)
	err = d.errno(d.sock.Connect(addr, flags))
	late := err == syscall.EAGAIN && d.stream() // SO_SNDTIMEO, or another call waits for it
	switch {
	case late && (again || flags&stack.DontWait != 0):
		err = syscall.EALREADY
	case late:
		err = syscall.EINPROGRESS
	}
	d.mark(connecting, err == syscall.EINPROGRESS || err == syscall.EALREADY)
	if late {
		// Linux ends the attempt as soon as a router says that there is no way.
		// On the wire we go on trying (RFC 9293 MUST-56), but say so in the end.
		if _, why := d.sock.SoftError(); why != nil {
			err = d.errno(why)
		}
	}
	return err
}

// outcome reports whether a connect that was in progress is over, and how it
// went, as Linux tells the next connect.
func (d *descriptor) outcome() (over bool, err error) {
	m, err := d.sock.Poll()
	if err != nil {
		return true, d.errno(err)
	}
	if m&(host.Writable|host.Failed|host.Hangup) == 0 {
		return false, nil
	}
	if st, err := d.sock.State(); err == nil && (st == tcp.StateSynSent || st == tcp.StateSynReceived) {
		return false, nil // it was shut down before it began to connect
	}
	d.mark(connecting, false)
	if err = d.errno(d.sock.SocketError()); err == nil && m&host.Hangup != 0 {
		if _, e := d.sock.RemoteAddr(); e != nil {
			err = syscall.ECONNABORTED // SO_ERROR has been asked for
		}
	}
	if err != nil {
		_ = d.sock.Disconnect() // who was told may try again
	}
	return true, err
}

// SoftError returns who sent the latest ICMP error about the socket, and what it
// says, as an errno; nil where there is none. It did not end a connection,
// but may be why none is made. As IP_RECVERR's error queue on Linux.
func (a *API) SoftError(fd int) (by netip.Addr, why error) {
	d, err := a.get(fd)
	if err != nil {
		return by, err
	}
	by, why = d.sock.SoftError()
	return by, d.errno(why)
}

// Shutdown ends receiving (SHUT_RD), sending (SHUT_WR) or both. EBADF, EINVAL, ENOTCONN.
func (a *API) Shutdown(fd, how int) error {
	d, err := a.get(fd)
	if err == nil {
		if how < SHUT_RD || how > SHUT_RDWR {
			err = syscall.EINVAL
		} else {
			err = d.shutdown(host.How(how + 1)) // as in Linux: 0, 1, 2 are the bits 1, 2, 3
		}
	}
	a.tell(d, Call{Name: "shutdown", FD: fd, Len: how}, 0, err)
	return err
}

func (d *descriptor) shutdown(how host.How) error {
	if d.mark(connecting, false) { // as on Linux; what came of an attempt is no longer connect's to tell
		if st, err := d.sock.State(); err == nil && st == tcp.StateClosed {
			d.mark(unfit, true)
		}
	}
	err := d.errno(d.sock.Shutdown(how))
	if err == nil && how&host.ShutRead != 0 {
		d.mark(listening, false)
	}
	return err
}

// GetSockName returns the address the socket is bound to: 0.0.0.0:0 before it is. EBADF.
func (a *API) GetSockName(fd int) (addr SockAddr, err error) {
	d, err := a.get(fd)
	if err == nil {
		addr, err = d.sock.LocalAddr()
		err = d.errno(err)
		if err == nil && !addr.Addr().IsValid() {
			addr = netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
		}
	}
	a.tell(d, Call{Name: "getsockname", FD: fd, Addr: addr}, 0, err)
	return addr, err
}

// GetPeerName returns the peer's address. EBADF, ENOTCONN.
func (a *API) GetPeerName(fd int) (addr SockAddr, err error) {
	d, err := a.get(fd)
	if err == nil {
		addr, err = d.sock.RemoteAddr()
		err = d.errno(err)
	}
	a.tell(d, Call{Name: "getpeername", FD: fd, Addr: addr}, 0, err)
	return addr, err
}
