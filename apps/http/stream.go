package http

import (
	"errors"
	"io"
	"time"
)

// A Stream is a connection that is more than a socket: TLS over one. A Read that ends with io.EOF is an end
// that the peer has vouched for; where the connection ends without close_notify the error is ErrTruncated
// (RFC 9112 9.8). A *tls.Conn is most of one if the connection below it says ErrTruncated for io.EOF.
//
// An error of it that says true when asked for its Timeout is a time-out; one that is wrapped in it is not looked for.
// It has time-outs and no deadlines: a call of net.Conn's SetReadDeadline through an interface would have every program
// link os.File's too, and with it time.Time's formats and zones.
type Stream interface {
	io.ReadWriteCloser
	SetReadTimeout(time.Duration) error  // of what is read from now on; 0: none
	SetWriteTimeout(time.Duration) error // of what is written
}

// receive is one recv(2), or a Stream's Read, that waits no longer than wait; 0: for ever. The error is ErrTruncated
// itself where a part of the response had come, and there is none where nothing had: that is as good an end as any.
func (cn *conn) receive(p []byte, wait time.Duration) (int, error) {
	if cn.stream == nil {
		if err := cn.bound(&cn.rcv, soRcvTimeo, wait); err != nil {
			return 0, err
		}
		return cn.client.API.Recv(cn.fd, p, 0)
	}
	if err := cn.stream.SetReadTimeout(wait); err != nil {
		return 0, err
	}
	n, err := cn.stream.Read(p)
	switch {
	case n > 0:
		return n, nil // the error comes again
	case err == io.EOF, errors.Is(err, ErrTruncated) && !cn.got:
		return 0, nil
	case errors.Is(err, ErrTruncated):
		return 0, ErrTruncated
	}
	return 0, err
}

// transmit is one send(2), or a Stream's Write.
func (cn *conn) transmit(p []byte, wait time.Duration) (int, error) {
	if cn.stream == nil {
		if err := cn.bound(&cn.snd, soSndTimeo, wait); err != nil {
			return 0, err
		}
		return cn.client.API.Send(cn.fd, p, msgNoSignal)
	}
	if err := cn.stream.SetWriteTimeout(wait); err != nil {
		return 0, err
	}
	return cn.stream.Write(p)
}

// bound sets a time-out of the socket unless it is set so already.
func (cn *conn) bound(now *time.Duration, opt int, wait time.Duration) error {
	if wait == *now {
		return nil
	}
	err := cn.client.API.SetSockOptTimeval(cn.fd, solSocket, opt, wait)
	if err == nil {
		*now = wait
	}
	return err
}
