// Package socket offers the Berkeley calls over descriptors: socket bind listen
// accept connect send recv shutdown close, with the names, values and errors
// that a programmer knows from Linux (socket(2), socket(7), tcp(7), udp(7)).
package socket

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack"
)

// API is the descriptors of one program on one stack. Errors are syscall.Errno values.
type API struct{ contract struct{} }

// New returns an API on s. Descriptors begin at 3, as after standard input, output and error.
func New(s *stack.Stack) *API { panic("contract") }

// SockAddr is the address of a call: netip's AddrPort.
type SockAddr = netip.AddrPort

// Constants with Linux's names and values.
const (
	AF_INET                     = 2
	SOCK_STREAM                 = 1
	SOCK_DGRAM                  = 2
	SOCK_NONBLOCK               = 0x800
	IPPROTO_IP                  = 0
	IPPROTO_ICMP                = 1
	IPPROTO_TCP                 = 6
	IPPROTO_UDP                 = 17
	SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2
	MSG_PEEK                    = 0x2
	MSG_TRUNC                   = 0x20
	MSG_DONTWAIT                = 0x40
	MSG_WAITALL                 = 0x100
	MSG_NOSIGNAL                = 0x4000
	SOL_SOCKET                  = 1
	SO_REUSEADDR                = 2
	SO_TYPE                     = 3
	SO_ERROR                    = 4
	SO_BROADCAST                = 6
	SO_SNDBUF                   = 7
	SO_RCVBUF                   = 8
	SO_KEEPALIVE                = 9
	SO_LINGER                   = 13
	SO_RCVTIMEO                 = 20
	SO_SNDTIMEO                 = 21
	SO_ACCEPTCONN               = 30
	IP_TOS                      = 1
	IP_TTL                      = 2
	TCP_NODELAY                 = 1
	TCP_MAXSEG                  = 2
	TCP_CORK                    = 3
	TCP_KEEPIDLE                = 4
	TCP_KEEPINTVL               = 5
	TCP_KEEPCNT                 = 6
	TCP_SYNCNT                  = 7
	TCP_QUICKACK                = 12
	TCP_USER_TIMEOUT            = 18
)

func (a *API) Socket(domain, typ, proto int) (fd int, err error)            { panic("contract") }
func (a *API) Bind(fd int, addr SockAddr) error                             { panic("contract") }
func (a *API) Listen(fd, backlog int) error                                 { panic("contract") }
func (a *API) Accept(fd int) (nfd int, from SockAddr, err error)            { panic("contract") }
func (a *API) Connect(fd int, addr SockAddr) error                          { panic("contract") }
func (a *API) Send(fd int, p []byte, flags int) (int, error)                { panic("contract") }
func (a *API) SendTo(fd int, p []byte, flags int, to SockAddr) (int, error) { panic("contract") }
func (a *API) Recv(fd int, p []byte, flags int) (int, error)                { panic("contract") }
func (a *API) RecvFrom(fd int, p []byte, flags int) (int, SockAddr, error)  { panic("contract") }
func (a *API) Shutdown(fd, how int) error                                   { panic("contract") }
func (a *API) Close(fd int) error                                           { panic("contract") }
func (a *API) GetSockName(fd int) (SockAddr, error)                         { panic("contract") }
func (a *API) GetPeerName(fd int) (SockAddr, error)                         { panic("contract") }
func (a *API) SetNonblock(fd int, nonblock bool) error                      { panic("contract") }
func (a *API) SetSockOptInt(fd, level, opt, value int) error                { panic("contract") }
func (a *API) GetSockOptInt(fd, level, opt int) (int, error)                { panic("contract") }

// SetSockOptTimeval sets SO_RCVTIMEO or SO_SNDTIMEO; zero: wait for ever. A call that it ends fails with EAGAIN
// (Connect: EINPROGRESS), as on Linux.
func (a *API) SetSockOptTimeval(fd, level, opt int, d time.Duration) error { panic("contract") }

// SetLinger sets SO_LINGER.
func (a *API) SetLinger(fd int, on bool, d time.Duration) error { panic("contract") }

// A Call is what Observe is told about one finished call.
type Call struct {
	Name   string   // "socket", "connect", ...
	FD     int      // the descriptor it was made on; -1: socket()
	Addr   SockAddr // address given or got, where the call has one
	Len    int      // length of the buffer, or backlog, how, domain ...
	Result int      // what it returned: 0, a descriptor, a count; -1 with Err
	Err    error    // nil, or the errno
	Socket uint64   // stack.Socket.ID, to find it in trace events
}

// Observe makes f hear of every finished call, in the goroutine that made it. nil: nobody.
func (a *API) Observe(f func(Call)) { panic("contract") }
