package browse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
)

// An ftpTalk is one dialogue with an FTP server. The library speaks; we make its connections and listen to them,
// so that what went wrong can be told by the command that was sent last.
type ftpTalk struct {
	f       *FTP
	ctx     context.Context
	control *ftpConn
	data    *ftpConn
	copy    *counted // of what comes over the data connection; nil: nobody wants it twice
	command string   // the last one
	code    int      // of the last reply
	reply   string   // its last line
	several int      // the code of a reply of several lines that has begun; 0: none has
	moving  bool     // the server has begun to send the file
}

// mostFTPLine bounds a line of a reply.
const mostFTPLine = 8 << 10

// dial is the library's: the control connection first, then one for data.
func (t *ftpTalk) dial(network, address string) (net.Conn, error) {
	nc, err := t.f.Dial(t.ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &ftpConn{Conn: nc, talk: t, data: t.control != nil}
	if c.data {
		t.data = c
	} else {
		t.control = c
	}
	if t.f.Joined != nil {
		t.f.Joined(c.data, nc)
	}
	return c, nil
}

// An ftpConn is a connection whose waits have an end. It hears the dialogue, or copies the data.
type ftpConn struct {
	net.Conn
	talk   *ftpTalk
	data   bool
	line   []byte // of the server, not yet whole
	closed bool
}

// patient sets how long the next call may take.
func (c *ftpConn) patient() {
	wait := c.talk.f.IdleTimeout
	if wait <= 0 {
		wait = ftpIdle
	}
	until := time.Now().Add(wait)
	if d, ok := c.talk.ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	_ = c.SetDeadline(until) // of a connection that has ended: the call says so
}

func (c *ftpConn) Read(p []byte) (int, error) {
	c.patient()
	n, err := c.Conn.Read(p)
	switch {
	case !c.data && !c.hear(p[:n]):
		return 0, errFTPNoise
	case c.data && c.talk.copy != nil && n > 0:
		if _, e := c.talk.copy.Write(p[:n]); e != nil {
			return 0, e
		}
	}
	return n, err
}

func (c *ftpConn) Write(p []byte) (int, error) {
	if !c.data {
		for line := range strings.Lines(string(p)) {
			c.talk.said(strings.TrimRight(line, "\r\n"))
		}
	}
	c.patient()
	return c.Conn.Write(p)
}

func (c *ftpConn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.Conn.Close()
}

// said notes a command.
func (t *ftpTalk) said(line string) {
	t.command, _, _ = strings.Cut(line, " ")
	if t.f.Said == nil {
		return
	}
	if t.command == "PASS" {
		line = "PASS (not shown)"
	}
	t.f.Said(true, line)
}

// hear takes bytes of the server. It is false where a line is too long.
func (c *ftpConn) hear(p []byte) bool {
	c.line = append(c.line, p...)
	for {
		i := bytes.IndexByte(c.line, '\n')
		if i < 0 {
			return len(c.line) <= mostFTPLine
		}
		line := strings.TrimRight(string(c.line[:i]), "\r")
		c.line = c.line[i+1:]
		if !c.talk.heard(line) {
			return false
		}
	}
}

// heard notes a line. "331-Who?" begins a reply of several, "331 Who?" ends one (RFC 959 4.2); it is false for a line
// that does neither and is not between the two.
func (t *ftpTalk) heard(line string) bool {
	if t.f.Said != nil {
		t.f.Said(false, line)
	}
	code, ok := replyCode(line)
	switch {
	case t.several != 0 && (code != t.several || strings.HasPrefix(line[3:], "-")):
		return true
	case !ok:
		return false
	case len(line) > 3 && line[3] == '-':
		t.several = code
	default:
		t.several, t.code, t.reply = 0, code, strings.TrimSpace(line[3:])
	}
	return true
}

// replyCode reads the three digits of a line, of which there may be no more.
func replyCode(line string) (int, bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	code, err := strconv.Atoi(line[:3])
	return code, err == nil && code >= 100
}

// leave says good-bye, and closes what is open.
func (t *ftpTalk) leave() {
	const goodbye = 2 * time.Second
	if t.data != nil {
		_ = t.data.Close()
	}
	c := t.control
	if c == nil {
		return
	}
	code, reply := t.code, t.reply
	if t.command != "" && t.ctx.Err() == nil {
		if _, err := c.Write([]byte("QUIT\r\n")); err == nil {
			scrap := make([]byte, 512)
			until := time.Now().Add(goodbye)
			for err == nil && time.Now().Before(until) {
				_ = c.SetDeadline(until)
				var n int
				n, err = c.Conn.Read(scrap)
				c.hear(scrap[:n])
			}
		}
	}
	t.code, t.reply = code, reply
	_ = c.Close()
}

// broken: err is not a reply, so that nothing more can be said.
func (t *ftpTalk) broken(err error) bool {
	var refused *textproto.Error
	var number *strconv.NumError // what was said is no size
	return !errors.As(err, &refused) && !errors.As(err, &number)
}

func (t *ftpTalk) op() string { return "fetch " + t.f.URL.Public() }

// why names an error of the library.
func (t *ftpTalk) why(err error) error {
	var mine *http.Error
	var refused *FTPError
	var reply *textproto.Error
	var odd textproto.ProtocolError
	var at *net.OpError
	fail := func(k http.Kind, text string) error { return &http.Error{Kind: k, Op: t.op(), Text: text, Err: err} }
	switch {
	case err == nil, errors.As(err, &mine), errors.As(err, &refused):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fail(http.Timeout, "no progress in the time allowed")
	case errors.As(err, &reply) && t.moving:
		return &http.Error{Kind: http.Partial, Op: t.op(), Text: "the server did not send all of it: " + strconv.QuoteToASCII(err.Error()), Err: http.ErrTruncated}
	case errors.As(err, &odd), errors.Is(err, errFTPNoise):
		return fail(http.WeirdReply, "what came is not FTP")
	case errors.As(err, &reply):
		return &FTPError{t.command, t.code, t.reply}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fail(http.RecvFailed, "the server ended the connection")
	case errors.As(err, &at):
		return fail(http.RecvFailed, "the connection failed")
	case t.command != "" && t.copy == nil && !t.moving:
		return &FTPError{t.command, t.code, t.reply} // the library says some refusals in words only
	}
	return err
}
