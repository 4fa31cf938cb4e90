package stomp

import (
	"context"
	"fmt"
	"strconv"
)

// A Carrier carries messages, each a frame: a WebSocket with text messages.
type Carrier interface {
	Write(ctx context.Context, message string) error
	Read(ctx context.Context) (string, error)
}

// A Conn is a session with a broker. One goroutine may send while another receives.
type Conn struct {
	c    Carrier
	subs int
}

// Dial begins a session (CONNECT). user "" gives no login.
func Dial(ctx context.Context, c Carrier, host, user, password string) (*Conn, error) {
	f := &Frame{Command: "CONNECT", Headers: []Header{{"accept-version", "1.2"}, {"host", host}, {"heart-beat", "0,0"}}}
	if user != "" {
		f.Headers = append(f.Headers, Header{"login", user}, Header{"passcode", password})
	}
	s := &Conn{c: c}
	if err := s.write(ctx, f); err != nil {
		return nil, err
	}
	got, err := s.next(ctx)
	if err != nil {
		return nil, err
	}
	if got.Command != "CONNECTED" {
		return nil, fmt.Errorf("stomp: the broker answered %s to CONNECT", got.Command)
	}
	if v := got.Get("version"); v != "1.2" {
		return nil, fmt.Errorf("stomp: the broker speaks version %q and not 1.2", v)
	}
	return s, nil
}

// Subscribe asks for a destination's messages.
func (s *Conn) Subscribe(ctx context.Context, destination string) error {
	s.subs++
	return s.write(ctx, &Frame{Command: "SUBSCRIBE", Headers: []Header{
		{"id", strconv.Itoa(s.subs)}, {"destination", destination}, {"ack", "auto"}}})
}

// Send sends a text to a destination.
func (s *Conn) Send(ctx context.Context, destination, text string) error {
	return s.write(ctx, &Frame{Command: "SEND", Headers: []Header{
		{"destination", destination}, {"content-type", "text/plain;charset=utf-8"}}, Body: text})
}

// Receive returns the next MESSAGE, or nil after Disconnect's receipt.
func (s *Conn) Receive(ctx context.Context) (*Frame, error) {
	for {
		f, err := s.next(ctx)
		if err != nil {
			return nil, err
		}
		switch f.Command {
		case "MESSAGE":
			return f, nil
		case "RECEIPT":
			if f.Get("receipt-id") == receipt {
				return nil, nil
			}
		}
	}
}

// receipt names the one that Disconnect asks for.
const receipt = "bye"

// Disconnect says that nothing more will be sent, and asks for a receipt: when Receive has seen that, all
// that was sent has arrived.
func (s *Conn) Disconnect(ctx context.Context) error {
	return s.write(ctx, &Frame{Command: "DISCONNECT", Headers: []Header{{"receipt", receipt}}})
}

func (s *Conn) write(ctx context.Context, f *Frame) error {
	text, err := f.Encode()
	if err != nil {
		return err
	}
	return s.c.Write(ctx, text)
}

// next reads a frame that is one; an ERROR is an error.
func (s *Conn) next(ctx context.Context) (*Frame, error) {
	for {
		text, err := s.c.Read(ctx)
		if err != nil {
			return nil, err
		}
		f, err := Parse(text)
		if err != nil {
			return nil, err
		}
		if f != nil && f.Command == "ERROR" {
			return nil, fmt.Errorf("stomp: the broker says: %s", f.Get("message"))
		}
		if f != nil {
			return f, nil
		}
	}
}
