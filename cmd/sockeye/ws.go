//go:build !js

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/stomp"
	"github.com/sockeye-net/sockeye/apps/url"
)

// wsFlags are ws's own flags; those that get has too mean the same.
type wsFlags struct {
	getFlags
	binary    bool
	protocols []string
	stomp     string
}

func (p *program) ws() *cobra.Command {
	f := &wsFlags{}
	cmd := &cobra.Command{
		Use:   "ws URL",
		Short: "Talk over a WebSocket",
		Long: `Ws opens a WebSocket: each line of standard input is sent as a text message, and
each message that comes is printed as a line. The end of the input closes it, with
a handshake. With --binary the input is one message of bytes, and bytes are printed
as they come. With --stomp the messages are STOMP 1.2: what a destination gets is
printed, and lines are sent to it. Exit codes are those of get, and so is what
SSLKEYLOGFILE does.`,
		Example: `  sockeye ws ws://192.0.2.1/chat
  echo hello | sockeye ws --stomp /topic/news ws://192.0.2.1:15674/ws`,
		Args: oneArgument("a URL, such as ws://192.0.2.1/chat"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.url = args[0]
			return p.runWS(cmd, f)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.binary, "binary", false, "send the input as one message of bytes")
	fl.StringArrayVar(&f.protocols, "protocol", nil, "offer this `SUBPROTOCOL`")
	fl.StringVar(&f.stomp, "stomp", "", "speak STOMP, with this `DESTINATION`")
	f.sharedFlags(cmd)
	f.out = true
	f.register(cmd)
	return cmd
}

func (p *program) runWS(cmd *cobra.Command, f *wsFlags) error {
	u, err := url.Parse(f.url)
	if err != nil {
		return fail(3, err)
	}
	u = u.Undotted()
	r := &http.Request{}
	if f.stomp != "" {
		f.protocols = append(f.protocols, "v12.stomp")
	}
	user := f.user
	if f.stomp != "" {
		f.user = "" // it is the broker's
	}
	if err := f.fields(r, p.in); err != nil {
		return unasked(cmd, err)
	}
	if f.most < 0 || f.connect <= 0 {
		return usage(cmd, errors.New("-m must not be negative, and --connect-timeout must be more than 0"))
	}
	failBrokenPipes()
	return p.within(&f.linkFlags, unusable(cmd), func(s *session, stop *interruption) error {
		ctx, cancel := f.lasting(stop)
		defer cancel()
		c, err := p.openWS(ctx, s, f, u, r)
		if err != nil {
			return stop.interrupted(fail(curlCode(err), err))
		}
		defer c.CloseNow()
		if s.tell != nil {
			s.chapter("Messages", "메시지")
		}
		if f.stomp != "" {
			err = p.talkSTOMP(ctx, c, f, u.Host, user)
		} else {
			err = p.talkWS(ctx, c, f.binary)
		}
		if s.tell != nil && wsError(ctx, err) == nil {
			s.tell.Heading("The close")
			s.closed()
			s.tell.End() // the rest is cleaning up
		}
		return stop.interrupted(finish(wsError(ctx, err), 0))
	})
}

// openWS connects within the time for that.
func (p *program) openWS(ctx context.Context, s *session, f *wsFlags, u *url.URL, r *http.Request) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, f.connect)
	defer cancel()
	job := newFetch(s)
	known, err := f.known()
	if err != nil {
		return nil, err
	}
	job.known = known
	if err := f.equip(job.browser); err != nil {
		return nil, err
	}
	if job.browser.Jar, err = f.cookies(); err != nil {
		return nil, err
	}
	if s.tell != nil {
		job.browser.OnlyHTTP1 = true // RFC 6455 is HTTP/1.1's, and that is all that is offered
		return job.openTold(ctx, f.url, u, r.Fields, f.protocols)
	}
	return job.browser.WebSocket(ctx, job.dial, u, r.Fields, f.protocols)
}

// wsError is how a conversation ended: not at all badly where both sides have closed it.
func wsError(ctx context.Context, err error) error {
	switch status := websocket.CloseStatus(err); {
	case err == nil, status == websocket.StatusNormalClosure, status == websocket.StatusGoingAway,
		status == websocket.StatusNoStatusRcvd: // a CLOSE need not say why (RFC 6455 7.1.5)
		return nil
	case status != -1:
		var c websocket.CloseError
		errors.As(err, &c)
		return &http.Error{Kind: http.RecvFailed, Text: strings.TrimSpace(fmt.Sprintf("the server closed with %d %s", int(c.Code), c.Reason))}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &http.Error{Kind: http.Timeout, Text: "the time allowed is over"}
	}
	var told *exit
	var call *net.OpError
	var mine *http.Error
	switch {
	case errors.As(err, &told):
		return err
	case errors.As(err, &mine):
		return mine
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &call):
		return &http.Error{Kind: http.RecvFailed, Text: "the connection ended without a word: " + atBottom(err)}
	}
	if text, ok := strings.CutPrefix(err.Error(), "stomp: "); ok { // the broker says No, or is none
		return &http.Error{Kind: http.RecvFailed, Text: text}
	}
	return &http.Error{Kind: http.RecvFailed, Text: "the server says what it must not: " + atBottom(err)}
}

// atBottom is what went wrong, without all that could not be done because of it.
func atBottom(err error) string {
	text := err.Error()
	for strings.HasPrefix(text, "failed to ") {
		_, rest, ok := strings.Cut(text, ": ")
		if !ok {
			break
		}
		text = rest
	}
	return text
}

// errNotUTF8 is a text message that is no text (RFC 6455 8.1).
var errNotUTF8 = &http.Error{Kind: http.RecvFailed, Text: "the server says what it must not: a text message that is not UTF-8"}

// readMessage reads a message; of one that is no text it tells the server so.
func readMessage(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
	kind, m, err := c.Read(ctx)
	if err == nil && kind == websocket.MessageText && !utf8.Valid(m) {
		_ = c.Close(websocket.StatusInvalidFramePayloadData, "a text is UTF-8")
		return 0, nil, errNotUTF8
	}
	return kind, m, err
}

// mostMessage bounds what is taken in one message.
const mostMessage = 16 << 20

// talkWS sends the input and prints what comes, until one side closes.
func (p *program) talkWS(ctx context.Context, c *websocket.Conn, bytes bool) error {
	c.SetReadLimit(mostMessage)
	sent := make(chan error, 1)
	go func() { sent <- p.sendAll(ctx, c, bytes) }()
	got := make(chan error, 1)
	go func() { got <- p.printAll(ctx, c) }()
	select {
	case err := <-got:
		return err
	case err := <-sent:
		if err != nil {
			return err
		}
	}
	if err := settle(ctx, c, got); err != nil {
		return err
	}
	err := sayClose(c)
	<-got
	return err
}

// settle waits until what we have sent was answered, as far as one can know: the answer to a ping comes after
// those of the messages before it. got ends early where the other side closes.
func settle(ctx context.Context, c *websocket.Conn, got chan error) error {
	const patience = 5 * time.Second
	all := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pong := make(chan error, 1)
	go func() { pong <- c.Ping(ctx) }()
	select {
	case err := <-got:
		got <- err
		return err
	case err := <-pong:
		switch {
		case err != nil && all.Err() != nil:
			return err
		case err == nil, ctx.Err() != nil:
			return nil
		}
		err = <-got // the connection has ended, and the reader knows why
		got <- err
		return err
	}
}

// sayClose is the close handshake (RFC 6455 7.1.2).
func sayClose(c *websocket.Conn) error {
	err := c.Close(websocket.StatusNormalClosure, "")
	if websocket.CloseStatus(err) != -1 {
		return nil // the other side was first, or says something else
	}
	return err
}

func (p *program) sendAll(ctx context.Context, c *websocket.Conn, bytes bool) error {
	if bytes {
		all, err := io.ReadAll(io.LimitReader(p.in, mostMessage))
		if err != nil || len(all) == 0 {
			return err
		}
		return c.Write(ctx, websocket.MessageBinary, all)
	}
	return eachLine(p.in, func(line string) error { return c.Write(ctx, websocket.MessageText, []byte(line)) })
}

// eachLine calls f with each line of in.
func eachLine(in io.Reader, f func(string) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostMessage)
	for lines.Scan() {
		if err := f(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (p *program) printAll(ctx context.Context, c *websocket.Conn) error {
	for {
		kind, m, err := readMessage(ctx, c)
		if err != nil {
			return err
		}
		if kind == websocket.MessageText {
			m = append(m, '\n')
		}
		if _, err := p.out.Write(m); err != nil {
			return pageLost(err)
		}
	}
}

// A carrier carries STOMP's frames in text messages.
type carrier struct{ *websocket.Conn }

func (c carrier) Write(ctx context.Context, m string) error {
	return c.Conn.Write(ctx, websocket.MessageText, []byte(m))
}

func (c carrier) Read(ctx context.Context) (string, error) {
	_, m, err := readMessage(ctx, c.Conn)
	return string(m), err
}

// talkSTOMP subscribes, sends the input's lines and prints what comes, until all has arrived.
func (p *program) talkSTOMP(ctx context.Context, c *websocket.Conn, f *wsFlags, host, user string) error {
	c.SetReadLimit(mostMessage)
	name, password := user, ""
	for i := range user {
		if user[i] == ':' {
			name, password = user[:i], user[i+1:]
			break
		}
	}
	s, err := stomp.Dial(ctx, carrier{c}, host, name, password)
	if err != nil {
		return err
	}
	if err := s.Subscribe(ctx, f.stomp); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		err := eachLine(p.in, func(line string) error { return s.Send(ctx, f.stomp, line) })
		if err == nil {
			err = s.Disconnect(ctx)
		}
		sent <- err
	}()
	for {
		m, err := s.Receive(ctx)
		switch {
		case err != nil:
			return err
		case m == nil: // all has arrived
			if err := <-sent; err != nil {
				return err
			}
			return sayClose(c)
		}
		if _, err := fmt.Fprintln(p.out, m.Body); err != nil {
			return pageLost(err)
		}
	}
}
