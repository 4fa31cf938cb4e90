package http

import (
	"io"
	"net/netip"
	"time"
)

// A conn is one connection to a server. One request at a time has it, or several in a pipeline.
type conn struct {
	client        *Client
	fd            int
	stream        Stream // over fd; nil: the bare socket
	lane          *lane  // that it counts in; nil: none yet
	local, remote netip.AddrPort
	reader

	reused   bool          // it has served a request before
	got      bool          // bytes of the response at hand have come
	interim  int           // 1xx responses that came before it
	since    time.Time     // idle since
	until    time.Time     // no wait goes beyond this; zero: no bound
	idle     time.Duration // no single wait is longer than this; 0: no bound
	rcv, snd time.Duration // what SO_RCVTIMEO and SO_SNDTIMEO are set to
	atEOF    bool          // the peer has closed
	doing    string        // for errors: "send the request to" our peer
	closing  bool          // one of us said Connection: close, or the framing needs it
	taken    bool          // the descriptor is the Securer's
}

// patience is how long the next call may wait. 0: for ever; false: not at all.
func (cn *conn) patience() (time.Duration, bool) {
	if cn.until.IsZero() {
		return cn.idle, true
	}
	left := time.Until(cn.until)
	if left <= 0 {
		return 0, false
	}
	// A timeval counts microseconds, and zero would mean for ever.
	left = max(left, time.Millisecond)
	if cn.idle > 0 {
		left = min(left, cn.idle)
	}
	return left, true
}

// awaitHead is how long a request may take, and then the head of its response.
func (cn *conn) awaitHead(r *Request) {
	cn.until, cn.idle = within(r.Deadline, cn.client.HeaderTimeout, defaultHeader), 0
}

// awaitBody is how long a body may take.
func (cn *conn) awaitBody(r *Request) {
	cn.until, cn.idle = r.Deadline, orElse(cn.client.IdleTimeout, defaultIdle)
}

// recv is the reader's fill: one read that waits no longer than it may.
func (cn *conn) recv(p []byte) (int, error) {
	if cn.atEOF {
		return 0, io.EOF
	}
	wait, ok := cn.patience()
	if !ok {
		return 0, cn.late(nil)
	}
	n, err := cn.receive(p, wait)
	switch {
	case err == ErrTruncated:
		cn.atEOF = true
		return 0, cn.problem(Partial, "the connection was cut and not closed", err)
	case timedOut(err):
		return 0, cn.late(err)
	case err != nil:
		return 0, cn.problem(RecvFailed, "", err)
	case n == 0:
		cn.atEOF = true
		cn.observe(&Step{Kind: PeerClosed})
		return 0, io.EOF
	}
	cn.got = true
	return n, nil
}

// send sends all of p.
func (cn *conn) send(p []byte) error {
	for len(p) > 0 {
		wait, ok := cn.patience()
		if !ok {
			return cn.late(nil)
		}
		n, err := cn.transmit(p, wait)
		switch {
		case timedOut(err):
			return cn.late(err)
		case err != nil:
			return cn.problem(SendFailed, "", err)
		}
		p = p[n:]
	}
	return nil
}

func (cn *conn) late(err error) error {
	return cn.problem(Timeout, "no progress in the time allowed; the server or the path is slow, try again or wait longer", err)
}

// problem makes an Error of what is being done.
func (cn *conn) problem(k Kind, text string, err error) error { return problem(k, cn.op(), text, err) }

// op is what is being done, and with whom.
func (cn *conn) op() string { return cn.doing + " " + cn.remote.String() }

// close gives the descriptor back, after the stream has had its last word.
func (cn *conn) close() {
	if cn.taken {
		return
	}
	if cn.stream != nil {
		_ = cn.stream.SetWriteTimeout(lingerWait)
		_ = cn.stream.Close()
	}
	err := cn.client.API.Close(cn.fd)
	if cn.lane != nil {
		cn.client.free(cn.lane)
		cn.lane = nil
	}
	cn.observe(&Step{Kind: Closed, Err: err})
}

// linger waits a moment for the peer's end, so that who said it would close first does.
func (cn *conn) linger() {
	cn.until, cn.idle = within(cn.until, lingerWait, 0), 0
	var scrap [512]byte
	for range 8 { // and not for ever where the peer goes on sending
		if _, err := cn.recv(scrap[:]); err != nil {
			return
		}
	}
}
