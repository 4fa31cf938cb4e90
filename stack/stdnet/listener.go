package stdnet

import (
	"net"
	"time"

	"github.com/sockeye-net/sockeye/stack"
)

// A Listener accepts connections. It is safe for concurrent use.
type Listener struct {
	sock *stack.Socket
	flow flow
}

var _ net.Listener = (*Listener)(nil)

// Socket returns the socket behind l.
func (l *Listener) Socket() *stack.Socket { return l.sock }

// Accept waits for a connection, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	s, err := l.sock.Accept(0)
	if err != nil {
		return nil, l.flow.failLocal("accept", "accept", err)
	}
	f, err := addresses(s, l.flow.network)
	if err != nil {
		_ = s.Close()
		return nil, l.flow.failLocal("accept", "accept", err)
	}
	if f.remote == nil {
		f.remote = &net.TCPAddr{}
	}
	return &Conn{sock: s, flow: f}, nil
}

// Close stops listening; connections that nobody accepted are reset.
func (l *Listener) Close() error { return l.flow.failLocal("close", "close", l.sock.Close()) }

// Addr returns where the listener listens, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return l.flow.local }

// SetDeadline makes Accept fail with os.ErrDeadlineExceeded from t on; zero: never.
func (l *Listener) SetDeadline(t time.Time) error {
	if err := l.sock.SetReadDeadline(t); err != nil {
		return cause("", err) // bare, as package net's
	}
	return nil
}
