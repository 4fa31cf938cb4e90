package http

import (
	"net/netip"
	"time"
)

// A StepKind names a step of a fetch.
type StepKind uint8

// The steps, in the order in which they come. Of Connecting to ConnectFailed there may be several.
const (
	Resolved      StepKind = 1 + iota // Host has Addrs, or Err says why not
	Connecting                        // to Remote
	Connected                         // to Remote, from Local
	ConnectFailed                     // to Remote, Err says why
	Reused                            // an idle connection from Local to Remote
	Tunnelled                         // a proxy has connected us, or Err says why not: Raw is what it said
	Secured                           // TLS is agreed, or Err says why not
	RequestSent                       // Raw is what was sent
	BodySent                          // Bytes bytes of the request's body
	HeadReceived                      // Raw is the final response's head as it came
	BodyEnded                         // after Bytes bytes; Err says why it ended early
	PeerClosed                        // the peer has sent its FIN
	KeptAlive                         // the connection waits for another request
	Closed                            // we have closed FD
)

var stepNames = [...]string{
	"", "resolved", "connecting", "connected", "connect failed", "reused", "tunnelled", "secured", "request sent",
	"body sent", "head received",
	"body ended", "peer closed", "kept alive", "closed",
}

// String names the step.
func (k StepKind) String() string {
	if int(k) < len(stepNames) {
		return stepNames[k]
	}
	return "unknown"
}

// A Step is told to Client.Observe when it is done. What a step does not speak of is zero.
type Step struct {
	Kind          StepKind
	At            time.Time
	FD            int // the descriptor; -1 before there is one
	Host          string
	Addrs         []netip.Addr
	Local, Remote netip.AddrPort
	Bytes         int64
	Raw           []byte // not to be changed
	Err           error
}

func (c *Client) observe(s *Step) {
	if c.Observe != nil {
		s.At = time.Now()
		c.Observe(*s)
	}
}

// observe tells a step of one connection.
// Not inlined: its callers are many.
//
//go:noinline
func (cn *conn) observe(s *Step) {
	s.FD, s.Local, s.Remote = cn.fd, cn.local, cn.remote
	cn.client.observe(s)
}
