package socket

import (
	"math"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// intRange is what Linux takes for the numbers of IPPROTO_TCP.
var intRange = [...]struct{ opt, min, max int }{
	{TCP_KEEPIDLE, 1, 32767},
	{TCP_KEEPINTVL, 1, 32767},
	{TCP_KEEPCNT, 1, 127},
	{TCP_SYNCNT, 1, 127},
	{TCP_USER_TIMEOUT, 0, math.MaxInt32},
}

// What Linux has where nobody said otherwise, and bounds that it puts numbers into.
const (
	defaultMaxSeg    = 536
	minMaxSeg        = 88    // TCP_MIN_MSS
	maxMaxSeg        = 32767 // MAX_TCP_WINDOW
	minWindowClamp   = 1152  // SOCK_MIN_RCVBUF / 2
	maxLinger2       = 120   // TCP_FIN_TIMEOUT_MAX, seconds
	defaultLinger2   = 60
	defaultKeepIdle  = 7200
	defaultKeepIntvl = 75
	defaultKeepCount = 9
	defaultSYNCount  = 7 // Linux: 6, which is too few for RFC 9293 MUST-23
)

// setTCP sets an option of IPPROTO_TCP.
func (d *descriptor) setTCP(opt, v int) error {
	for _, r := range intRange {
		if r.opt == opt && (v < r.min || v > r.max) {
			return syscall.EINVAL
		}
	}
	switch opt {
	case TCP_NODELAY:
		return d.setNoDelay(v != 0)
	case TCP_QUICKACK: // not an option but something to do
		return d.errno(d.sock.SetQuickACK(v != 0))
	case TCP_WINDOW_CLAMP:
		return d.setWindowClamp(v)
	case TCP_MAXSEG:
		if v != 0 && (v < minMaxSeg || v > maxMaxSeg) {
			return syscall.EINVAL
		}
	}
	set := tcpOption(opt, v)
	if set == nil {
		return syscall.ENOPROTOOPT
	}
	return d.errno(d.sock.SetOptions(func(o *host.Options) { set(&o.TCP) }))
}

// SetNoDelay sets TCP_NODELAY as SetSockOptInt does, without what all the other options
// bring into a small program. EBADF, ENOPROTOOPT (not a stream).
func (a *API) SetNoDelay(fd int, on bool) error {
	d, err := a.get(fd)
	switch {
	case err != nil:
	case !d.stream():
		err = syscall.ENOPROTOOPT
	default:
		err = d.setNoDelay(on)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: TCP_NODELAY}, 0, err)
	return err
}

func (d *descriptor) setNoDelay(on bool) error {
	err := d.sock.SetOptions(func(o *host.Options) { o.TCP.NoDelay = on })
	if err == nil && on {
		err = d.sock.Push() // as on Linux: each time it is set, and even what is corked
	}
	return d.errno(err)
}

// tcpOption returns what setting an option to v does, nil: unknown.
func tcpOption(opt, v int) func(*tcp.Options) {
	switch opt {
	case TCP_CORK:
		return func(o *tcp.Options) { o.Cork = v != 0 }
	case TCP_MAXSEG:
		return func(o *tcp.Options) { o.MaxSeg = v }
	case TCP_KEEPIDLE:
		return func(o *tcp.Options) { o.KeepIdle = time.Duration(v) * time.Second }
	case TCP_KEEPINTVL:
		return func(o *tcp.Options) { o.KeepIntvl = time.Duration(v) * time.Second }
	case TCP_KEEPCNT:
		return func(o *tcp.Options) { o.KeepCount = v }
	case TCP_SYNCNT:
		return func(o *tcp.Options) { o.SYNRetries = v }
	case TCP_LINGER2:
		return func(o *tcp.Options) { o.FinWait2 = time.Duration(min(max(v, -1), maxLinger2)) * time.Second }
	case TCP_DEFER_ACCEPT:
		n := tcp.DeferTimeouts(time.Duration(v) * time.Second)
		return func(o *tcp.Options) { o.DeferAccept = n }
	case TCP_USER_TIMEOUT:
		return func(o *tcp.Options) { o.UserTimeout = time.Duration(v) * time.Millisecond }
	case TCP_NOTSENT_LOWAT:
		return func(o *tcp.Options) { o.NotSentLowat = v } // below 0: Linux's huge number, no bound either
	}
	return nil
}

// setWindowClamp is TCP_WINDOW_CLAMP. EINVAL: 0 where there is a connection.
func (d *descriptor) setWindowClamp(v int) error {
	if v == 0 {
		if st, err := d.sock.State(); err != nil || st != tcp.StateClosed {
			return orEINVAL(d.errno(err))
		}
	} else {
		v = max(v, minWindowClamp)
	}
	return d.errno(d.sock.SetOptions(func(o *host.Options) { o.TCP.WindowClamp = v }))
}

func orEINVAL(err error) error {
	if err == nil {
		return syscall.EINVAL
	}
	return err
}

// getTCP returns an option of IPPROTO_TCP.
func (d *descriptor) getTCP(t *tcp.Options, opt int) (int, error) {
	switch opt {
	case TCP_NODELAY:
		return number(t.NoDelay), nil
	case TCP_CORK:
		return number(t.Cork), nil
	case TCP_KEEPIDLE:
		return orDefault(int(t.KeepIdle/time.Second), defaultKeepIdle), nil
	case TCP_KEEPINTVL:
		return orDefault(int(t.KeepIntvl/time.Second), defaultKeepIntvl), nil
	case TCP_KEEPCNT:
		return orDefault(t.KeepCount, defaultKeepCount), nil
	case TCP_SYNCNT:
		return orDefault(t.SYNRetries, defaultSYNCount), nil
	case TCP_LINGER2:
		if t.FinWait2 < 0 {
			return -1, nil
		}
		return orDefault(int(t.FinWait2/time.Second), defaultLinger2), nil
	case TCP_DEFER_ACCEPT:
		return int(tcp.DeferPeriod(t.DeferAccept) / time.Second), nil
	case TCP_USER_TIMEOUT:
		return int(t.UserTimeout / time.Millisecond), nil
	case TCP_NOTSENT_LOWAT:
		return t.NotSentLowat, nil
	}
	return d.getLive(t, opt)
}

// getLive returns what is the connection's, where there is one.
func (d *descriptor) getLive(t *tcp.Options, opt int) (int, error) {
	switch opt {
	case TCP_QUICKACK:
		on, err := d.sock.QuickACK()
		return number(on), d.errno(err)
	case TCP_MAXSEG, TCP_WINDOW_CLAMP:
	default:
		return -1, syscall.ENOPROTOOPT
	}
	i, err := d.sock.Info()
	if err != nil {
		return -1, d.errno(err)
	}
	live := i.State != tcp.StateClosed && i.State != tcp.StateListen
	switch {
	case live && opt == TCP_MAXSEG:
		return i.SndMSS, nil
	case opt == TCP_MAXSEG:
		return orDefault(t.MaxSeg, defaultMaxSeg), nil
	case live && t.WindowClamp == 0:
		return i.RcvSsthresh, nil
	}
	return t.WindowClamp, nil
}

// TCPInfo is what Linux's struct tcp_info says of a stream.
type TCPInfo = tcp.Info

// GetSockOptTCPInfo returns TCP_INFO. EBADF, EOPNOTSUPP (not a stream).
func (a *API) GetSockOptTCPInfo(fd int) (i TCPInfo, err error) {
	d, err := a.get(fd)
	if err == nil {
		i, err = d.sock.Info()
		err = d.errno(err)
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: TCP_INFO}, 0, err)
	return i, err
}
