package socket

import (
	"encoding/binary"
	"math"
	"syscall"
	"time"
)

// setsockopt and getsockopt as they are in C, of bytes. A number is 4 bytes in the
// machine's order; struct linger two of them, struct timeval two of 8 bytes.
const (
	intSize     = 4
	lingerSize  = 8
	timevalSize = 16
)

var order = binary.NativeEndian

// SetSockOpt sets an option from bytes. EINVAL: too few of them; and what
// SetSockOptInt, SetSockOptTimeval, SetSockOptString and SetLinger say.
func (a *API) SetSockOpt(fd, level, opt int, value []byte) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.setBytes(level, opt, value)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: opt}, 0, err)
	return err
}

func (d *descriptor) setBytes(level, opt int, b []byte) error {
	switch {
	case level == SOL_SOCKET:
		return d.setSocketBytes(opt, b)
	case level == IPPROTO_IP && len(b) == 0 && (opt == IP_FREEBIND || opt == IP_TRANSPARENT):
		return syscall.EINVAL
	case level == IPPROTO_IP && len(b) == 0:
		return d.setInt(level, opt, 0)
	case level == IPPROTO_IP && len(b) < intSize:
		return d.setInt(level, opt, int(b[0]))
	case level == IPPROTO_TCP && d.stream() && opt == TCP_CONGESTION:
		return d.setString(level, opt, cString(b))
	case level == int(d.proto) && len(b) < intSize:
		return syscall.EINVAL
	case len(b) < intSize:
		return d.setInt(level, opt, 0)
	}
	return d.setInt(level, opt, getNumber(b))
}

func getNumber(b []byte) int { return int(int32(order.Uint32(b))) }

func cString(b []byte) string {
	for i := range b {
		if b[i] == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

func (d *descriptor) setSocketBytes(opt int, b []byte) error {
	if len(b) < intSize {
		return syscall.EINVAL
	}
	switch opt {
	case SO_LINGER:
		if len(b) < lingerSize {
			return syscall.EINVAL
		}
		return d.setLinger(getNumber(b) != 0, time.Duration(getNumber(b[4:]))*time.Second)
	case SO_RCVTIMEO, SO_SNDTIMEO:
		if len(b) < timevalSize {
			return syscall.EINVAL
		}
		sec, usec := int64(order.Uint64(b)), int64(order.Uint64(b[8:]))
		switch {
		case usec < 0 || usec >= 1e6:
			return syscall.EDOM
		case sec > math.MaxInt64/int64(time.Second)-1:
			sec, usec = 0, 0 // for ever
		}
		return d.setTimeval(SOL_SOCKET, opt, time.Duration(sec)*time.Second+time.Duration(usec)*time.Microsecond)
	case SO_MAX_PACING_RATE:
		if len(b) >= longSize {
			return d.setPacingBytes(b)
		}
	}
	return d.setInt(SOL_SOCKET, opt, getNumber(b))
}

// GetSockOpt puts an option into p and returns how many bytes it is: what does
// not fit is cut off. EBADF, ENOPROTOOPT, EOPNOTSUPP (unknown level).
func (a *API) GetSockOpt(fd, level, opt int, p []byte) (n int, err error) {
	d, err := a.get(fd)
	n = -1
	if err == nil {
		n, err = d.getBytes(level, opt, p)
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: opt}, n, err)
	return n, err
}

func (d *descriptor) getBytes(level, opt int, p []byte) (int, error) {
	switch {
	case level == SOL_SOCKET && opt == SO_LINGER:
		on, t, err := d.linger()
		b := order.AppendUint32(order.AppendUint32(nil, uint32(number(on))), uint32(t/time.Second))
		return put(p, b, err)
	case level == SOL_SOCKET && (opt == SO_RCVTIMEO || opt == SO_SNDTIMEO):
		t, err := d.timeval(level, opt)
		b := order.AppendUint64(nil, uint64(t/time.Second))
		return put(p, order.AppendUint64(b, uint64(t%time.Second/time.Microsecond)), err)
	case level == SOL_SOCKET && opt == SO_MAX_PACING_RATE && len(p) >= longSize:
		return d.pacingBytes(p)
	case level == IPPROTO_TCP && d.stream() && opt == TCP_CONGESTION:
		const most = 16 // TCP_CA_NAME_MAX
		name, err := d.getString(level, opt)
		return put(p, append([]byte(name), make([]byte, most-min(len(name), most))...), err)
	case level == IPPROTO_TCP && d.stream() && opt == TCP_INFO:
		i, err := d.sock.Info()
		return put(p, infoBytes(&i), d.errno(err))
	}
	v, err := d.getInt(level, opt)
	if level == IPPROTO_IP && err == nil && len(p) > 0 && len(p) < intSize && v >= 0 && v <= 255 {
		return put(p[:1], []byte{byte(v)}, nil)
	}
	return put(p, order.AppendUint32(nil, uint32(v)), err)
}

func put(p, b []byte, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	return copy(p, b), nil
}
