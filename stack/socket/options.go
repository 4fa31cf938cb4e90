package socket

import (
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// To add an option: give it a constant, a case in the set and get functions of
// its level, and rows in options_test.go for its range and its default.

// SetSockOptInt sets an option that is a number; flags are 0 or not. EBADF,
// ENOPROTOOPT (unknown here, or not to be set), EINVAL (out of its range).
func (a *API) SetSockOptInt(fd, level, opt, value int) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.setInt(level, opt, value)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: opt}, 0, err)
	return err
}

func (d *descriptor) setInt(level, opt, value int) error {
	var set func(*host.Options)
	err := error(syscall.ENOPROTOOPT)
	switch {
	case level == SOL_SOCKET:
		set, err = d.socketOption(opt, value)
	case level == IPPROTO_IP:
		set, err = d.ipOption(opt, value)
	case level == IPPROTO_UDP && d.datagram() && opt == UDP_CORK:
		return d.setCork(value != 0)
	case level == IPPROTO_UDP && d.datagram():
		set, err = d.udpOption(opt, value)
	case level == IPPROTO_TCP && d.stream():
		return d.setTCP(opt, value)
	}
	if err != nil {
		return err
	}
	return d.errno(d.sock.SetOptions(set))
}

func (d *descriptor) socketOption(opt, v int) (func(*host.Options), error) {
	switch opt {
	case SO_REUSEADDR:
		return func(o *host.Options) { o.ReuseAddr = v != 0 }, nil
	case SO_BROADCAST:
		return func(o *host.Options) { o.Broadcast = v != 0 }, nil
	case SO_REUSEPORT:
		return func(o *host.Options) { o.ReusePort = v != 0 }, nil
	case SO_KEEPALIVE:
		d.keep(keptKeepAlive, v)
		return func(o *host.Options) { o.TCP.KeepAlive = v != 0 && d.stream() }, nil
	case SO_OOBINLINE:
		d.keep(keptOOBInline, v)
		return func(o *host.Options) { o.TCP.OOBInline = v != 0 && d.stream() }, nil
	case SO_RCVLOWAT:
		if v < 0 {
			v = math.MaxInt32
		}
		return func(o *host.Options) { o.RecvLowat = max(v, 1) }, nil
	case SO_MAX_PACING_RATE:
		return d.setPacing(v), nil
	case SO_DONTROUTE:
		return d.keep(keptDontRoute, v), nil
	case SO_DEBUG:
		return d.keep(keptDebug, v), nil
	case SO_TIMESTAMP:
		return d.keep(keptTimestamp, v), nil
	case SO_PRIORITY:
		d.more().priority.Store(int32(v))
		return nothing, nil
	case SO_SNDBUF:
		return func(o *host.Options) { d.setBuffer(&o.SendBuffer, &o.TCP.SendBuffer, v, minSendBuffer) }, nil
	case SO_RCVBUF:
		return func(o *host.Options) { d.setBuffer(&o.RecvBuffer, &o.TCP.RecvBuffer, v, minRecvBuffer) }, nil
	case SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO:
		return nil, syscall.EINVAL // larger than an int
	}
	return nil, syscall.ENOPROTOOPT
}

// What a descriptor keeps and tells, and the host knows nothing of: bits of
// descriptor.kept. Those of IPPROTO_IP are 1 << their number (see told).
const (
	keptKeepAlive = 1 << iota // as Linux does for datagrams too
	keptOOBInline
	keptDontRoute
	keptTimestamp
	keptDebug
)

func nothing(*host.Options) {}

func (d *descriptor) keep(bit uint32, v int) func(*host.Options) {
	if d.kept.And(^bit); v != 0 {
		d.kept.Or(bit)
	}
	return nothing
}

func (d *descriptor) keeps(bit uint32) bool { return d.kept.Load()&bit != 0 }

// What SO_SNDBUF and SO_RCVBUF may be. Linux doubles the value to pay for its own
// bookkeeping and returns the double; half of that is what the data get.
const (
	minSendBuffer   = 4608    // Linux's SOCK_MIN_SNDBUF, after doubling
	minRecvBuffer   = 2304    // SOCK_MIN_RCVBUF
	maxBuffer       = 4 << 20 // net.core.wmem_max and rmem_max, before doubling
	defaultDatagram = 208 << 10
)

func (d *descriptor) setBuffer(datagram, stream *int, v, least int) {
	if v < 0 {
		v = maxBuffer // Linux takes the number for unsigned
	}
	v = max(2*min(v, maxBuffer), least)
	if d.stream() {
		*stream = v / 2
		return
	}
	*datagram = v
}

// buffer is what getsockopt says; a stream's that nobody has set follows the
// flow, and live knows how large it is now.
func (d *descriptor) buffer(datagram, stream int, live func(*TCPInfo) int) int {
	switch {
	case d.stream() && stream == 0:
		if i, err := d.sock.Info(); err == nil && live(&i) > 0 {
			return 2 * live(&i)
		}
		return 2 * tcp.FirstBuffer
	case d.stream():
		return 2 * stream
	case datagram == 0:
		return defaultDatagram
	}
	return datagram
}

func (d *descriptor) ipOption(opt, v int) (func(*host.Options), error) {
	const ecn = 3 // the two bits that belong to the transport
	switch opt {
	case IP_TOS:
		if d.stream() {
			return func(o *host.Options) { o.TOS = uint8(v)&^ecn | o.TOS&ecn }, nil
		}
		return func(o *host.Options) { o.TOS = uint8(v) }, nil
	case IP_TTL:
		if v == -1 {
			return func(o *host.Options) { o.TTL = 0 }, nil
		}
		if v < 1 || v > 255 {
			return nil, syscall.EINVAL
		}
		return func(o *host.Options) { o.TTL = uint8(v) }, nil
	}
	return d.pathOption(opt, v)
}

// GetSockOptInt returns an option that is a number. SO_ERROR gives the pending
// error's errno and clears it; SO_LINGER whether it is on. EBADF, ENOPROTOOPT,
// EOPNOTSUPP (unknown level), EINVAL (SO_RCVTIMEO and SO_SNDTIMEO: GetSockOptTimeval).
func (a *API) GetSockOptInt(fd, level, opt int) (value int, err error) {
	d, err := a.get(fd)
	value = -1
	if err == nil {
		value, err = d.getInt(level, opt)
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: opt}, value, err)
	return value, err
}

func (d *descriptor) getInt(level, opt int) (int, error) {
	if level == SOL_SOCKET {
		if v, ok, err := d.fact(opt); ok {
			return v, err
		}
	}
	o, err := d.sock.Options()
	if err != nil {
		return -1, d.errno(err)
	}
	v := -1
	switch {
	case level == SOL_SOCKET:
		v, err = d.getSocket(&o, opt)
	case level == IPPROTO_IP:
		v, err = d.getIP(&o, opt)
	case level == IPPROTO_UDP && d.datagram():
		v, err = d.getUDP(&o, opt)
	case level == IPPROTO_TCP && d.stream():
		v, err = d.getTCP(&o.TCP, opt)
	default:
		err = syscall.EOPNOTSUPP // Linux's word for an unknown level, here but not in setsockopt
	}
	return v, err
}

// fact returns what can only be asked for at level SOL_SOCKET.
func (d *descriptor) fact(opt int) (v int, ok bool, err error) {
	switch opt {
	case SO_TYPE:
		return int(d.typ), true, nil
	case SO_DOMAIN:
		return AF_INET, true, nil
	case SO_PROTOCOL:
		return int(d.proto), true, nil
	case SO_ACCEPTCONN:
		return number(d.is(listening)), true, nil
	case SO_ERROR:
		return d.takeError()
	}
	return -1, false, nil
}

func (d *descriptor) takeError() (int, bool, error) {
	if e, is := d.takeSendErr().(syscall.Errno); is {
		return int(e), true, nil
	}
	if d.is(closed) {
		return -1, true, syscall.EBADF
	}
	return int(Errno(d.sock.SocketError())), true, nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *descriptor) getSocket(o *host.Options, opt int) (int, error) {
	switch opt {
	case SO_REUSEADDR:
		return number(o.ReuseAddr), nil
	case SO_BROADCAST:
		return number(o.Broadcast), nil
	case SO_REUSEPORT:
		return number(o.ReusePort), nil
	case SO_KEEPALIVE:
		return number(d.keeps(keptKeepAlive)), nil
	case SO_OOBINLINE:
		return number(d.keeps(keptOOBInline)), nil
	case SO_MAX_PACING_RATE:
		return d.pacingNumber(o), nil
	case SO_RCVLOWAT:
		return max(o.RecvLowat, 1), nil
	case SO_SNDLOWAT:
		return 1, nil
	case SO_DONTROUTE:
		return number(d.keeps(keptDontRoute)), nil
	case SO_DEBUG:
		return number(d.keeps(keptDebug)), nil
	case SO_TIMESTAMP:
		return number(d.keeps(keptTimestamp)), nil
	case SO_PRIORITY:
		if r := d.rest.Load(); r != nil {
			return int(r.priority.Load()), nil
		}
		return 0, nil
	case SO_SNDBUF:
		return d.buffer(o.SendBuffer, o.TCP.SendBuffer, func(i *TCPInfo) int { return i.SndBuf }), nil
	case SO_RCVBUF:
		return d.buffer(o.RecvBuffer, o.TCP.RecvBuffer, func(i *TCPInfo) int { return i.RcvBuf }), nil
	case SO_LINGER:
		return number(o.LingerOn), nil
	case SO_RCVTIMEO, SO_SNDTIMEO:
		return -1, syscall.EINVAL
	}
	return -1, syscall.ENOPROTOOPT
}

func (d *descriptor) getIP(o *host.Options, opt int) (int, error) {
	const defaultTTL = 64
	switch {
	case opt == IP_TOS:
		return int(o.TOS), nil
	case opt == IP_TTL && o.TTL == 0:
		return defaultTTL, nil
	case opt == IP_TTL:
		return int(o.TTL), nil
	}
	return d.getPath(o, opt)
}

func orDefault(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

// SetSockOptTimeval sets SO_RCVTIMEO (Recv, RecvFrom, Accept) or SO_SNDTIMEO (Send,
// SendTo, Connect); zero: wait for ever. A call that it ends fails with EAGAIN
// (Connect: EINPROGRESS), as on Linux. It does not end a call that waits already.
// A negative time is none at all: calls do not wait. EBADF, ENOPROTOOPT.
func (a *API) SetSockOptTimeval(fd, level, opt int, t time.Duration) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.setTimeval(level, opt, t)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: opt}, 0, err)
	return err
}

func (d *descriptor) setTimeval(level, opt int, t time.Duration) error {
	if level != SOL_SOCKET || opt != SO_RCVTIMEO && opt != SO_SNDTIMEO {
		return syscall.ENOPROTOOPT
	}
	if was := d.setTimeout(opt, t); was == 0 || t != 0 {
		return nil
	}
	disarm := d.sock.SetReadDeadline
	if opt == SO_SNDTIMEO {
		disarm = d.sock.SetWriteDeadline
	}
	return d.errno(disarm(time.Time{})) // the last call's may have passed
}

// GetSockOptTimeval returns SO_RCVTIMEO or SO_SNDTIMEO. EBADF, ENOPROTOOPT.
func (a *API) GetSockOptTimeval(fd, level, opt int) (t time.Duration, err error) {
	d, err := a.get(fd)
	if err == nil {
		t, err = d.timeval(level, opt)
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: opt}, 0, err)
	return t, err
}

func (d *descriptor) timeval(level, opt int) (time.Duration, error) {
	if level != SOL_SOCKET || opt != SO_RCVTIMEO && opt != SO_SNDTIMEO {
		return 0, syscall.ENOPROTOOPT
	}
	return max(d.timeout(opt), 0), nil
}

// timeout returns SO_RCVTIMEO or SO_SNDTIMEO; 0: for ever, below: not at all.
func (d *descriptor) timeout(opt int) time.Duration {
	if r := d.rest.Load(); r != nil {
		return time.Duration(r.timeout(opt).Load())
	}
	return 0
}

// setTimeout sets SO_RCVTIMEO or SO_SNDTIMEO and returns what it was.
func (d *descriptor) setTimeout(opt int, t time.Duration) (was time.Duration) {
	if t == 0 && d.rest.Load() == nil {
		return 0
	}
	return time.Duration(d.more().timeout(opt).Swap(int64(t)))
}

func (r *rest) timeout(opt int) *atomic.Int64 {
	if opt == SO_SNDTIMEO {
		return &r.sendTimeo
	}
	return &r.recvTimeo
}

// SetLinger sets SO_LINGER: off, Close returns at once and the connection ends in
// the background; on, Close waits up to t for the peer to have everything; on with
// zero, Close resets the connection. A negative t is the longest there is. EBADF.
func (a *API) SetLinger(fd int, on bool, t time.Duration) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.setLinger(on, t)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: SO_LINGER}, 0, err)
	return err
}

func (d *descriptor) setLinger(on bool, t time.Duration) error {
	if t < 0 {
		t = math.MaxInt64
	}
	return d.errno(d.sock.SetOptions(func(o *host.Options) {
		if o.LingerOn = on; on { // off leaves the time, as on Linux
			o.Linger = t
		}
	}))
}

// GetLinger returns SO_LINGER. EBADF.
func (a *API) GetLinger(fd int) (on bool, t time.Duration, err error) {
	d, err := a.get(fd)
	if err == nil {
		on, t, err = d.linger()
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: SO_LINGER}, 0, err)
	return on, t, err
}

func (d *descriptor) linger() (on bool, t time.Duration, err error) {
	o, err := d.sock.Options()
	return o.LingerOn, max(o.Linger, 0), d.errno(err)
}
