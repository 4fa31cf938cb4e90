package socket

// Constants with Linux's names and values, the same on every system.

// For Socket.
const (
	AF_UNSPEC     = 0
	AF_INET       = 2
	SOCK_STREAM   = 1
	SOCK_DGRAM    = 2
	SOCK_RAW      = 3
	SOCK_NONBLOCK = 0x800
	SOCK_CLOEXEC  = 0x80000 // without effect: descriptors are never inherited
	IPPROTO_IP    = 0
	IPPROTO_ICMP  = 1 // with SOCK_DGRAM: an echo socket
	IPPROTO_TCP   = 6
	IPPROTO_UDP   = 17
)

// SOMAXCONN is the backlog that a program without a wish gives Listen.
const SOMAXCONN = 4096

// For Shutdown.
const (
	SHUT_RD   = 0
	SHUT_WR   = 1
	SHUT_RDWR = 2
)

// Of Fcntl.
const (
	F_GETFL    = 3
	F_SETFL    = 4
	O_RDWR     = 0x2
	O_NONBLOCK = SOCK_NONBLOCK
)

// Flags of one Send or Recv.
const (
	MSG_OOB      = 0x1 // streams: Send's last byte is urgent; Recv takes the urgent byte
	MSG_PEEK     = 0x2
	MSG_TRUNC    = 0x20 // Recv: return a datagram's whole length; drop a stream's bytes instead of copying them. In Msg.Flags: p was too short
	MSG_DONTWAIT = 0x40
	MSG_WAITALL  = 0x100  // Recv, streams: fill the buffer
	MSG_ERRQUEUE = 0x2000 // Recv, datagrams: take an error that IP_RECVERR has queued
	MSG_NOSIGNAL = 0x4000 // without effect: EPIPE never comes with a signal
	MSG_MORE     = 0x8000 // Send: more is sent at once. A stream's partial segment waits for it; datagrams become one
)

// Options at level SOL_SOCKET.
const (
	SOL_SOCKET    = 1
	SO_DEBUG      = 1 // without effect: kept and told
	SO_REUSEADDR  = 2
	SO_TYPE       = 3 // get only
	SO_ERROR      = 4 // get only; getting clears it
	SO_DONTROUTE  = 5 // without effect: kept and told
	SO_BROADCAST  = 6
	SO_SNDBUF     = 7 // bytes; as on Linux, getting gives the double
	SO_RCVBUF     = 8
	SO_KEEPALIVE  = 9
	SO_OOBINLINE  = 10
	SO_PRIORITY   = 12 // 0 to 6; without effect: kept and told
	SO_LINGER     = 13 // SetLinger
	SO_REUSEPORT  = 15 // several sockets at one address and port, which share what comes by a hash of the flow
	SO_RCVLOWAT   = 18 // bytes, streams: what poll and a call that waits wait for
	SO_SNDLOWAT   = 19 // get only: 1
	SO_RCVTIMEO   = 20 // SetSockOptTimeval
	SO_SNDTIMEO   = 21
	SO_TIMESTAMP  = 29 // Msg.Time of datagrams
	SO_ACCEPTCONN = 30 // get only
	SO_PROTOCOL   = 38 // get only
	SO_DOMAIN     = 39 // get only

	SO_MAX_PACING_RATE = 47 // bytes per second, -1: no bound
)

// Options at level IPPROTO_IP.
const (
	IP_TOS = 1
	IP_TTL = 2 // 1 to 255; -1: the default

	IP_PKTINFO      = 8  // RecvMsg tells the destination in any case, and Msg.Src where it is set
	IP_MTU_DISCOVER = 10 // one of IP_PMTUDISC
	IP_RECVERR      = 11 // soft ICMP errors become the pending error, of datagram sockets without a peer too
	IP_RECVTTL      = 12
	IP_RECVTOS      = 13
	IP_MTU          = 14 // get only, connected sockets: the known path MTU, bytes
	IP_FREEBIND     = 15 // Bind to an address that is not ours
	IP_TRANSPARENT  = 19 // the same, and send from it
)

// UDP_CORK, at level IPPROTO_UDP, is MSG_MORE until it is taken off.
const UDP_CORK = 1

// Values of IP_MTU_DISCOVER. Of streams, all but the first are the second.
const (
	IP_PMTUDISC_DONT      = 0 // DF never
	IP_PMTUDISC_WANT      = 1 // the default: DF on what fits the known path MTU, fragments of what does not
	IP_PMTUDISC_DO        = 2 // DF always; EMSGSIZE beyond the known path MTU
	IP_PMTUDISC_PROBE     = 3 // DF always; EMSGSIZE beyond the link's MTU
	IP_PMTUDISC_INTERFACE = 4 // DF never, no ICMP message is believed; EMSGSIZE beyond the link's MTU
	IP_PMTUDISC_OMIT      = 5 // the same, but with fragments
)

// Options at level IPPROTO_TCP.
const (
	TCP_NODELAY       = 1
	TCP_MAXSEG        = 2 // bytes, 88 to 32767; 0: from the MTU
	TCP_CORK          = 3
	TCP_KEEPIDLE      = 4  // seconds, 1 to 32767
	TCP_KEEPINTVL     = 5  // seconds, 1 to 32767
	TCP_KEEPCNT       = 6  // 1 to 127
	TCP_SYNCNT        = 7  // 1 to 127; of a listener: how often its SYN-ACKs are repeated
	TCP_LINGER2       = 8  // seconds an orphan stays in FIN-WAIT-2, up to 120; 0: the default; below: none
	TCP_DEFER_ACCEPT  = 9  // listeners: seconds that a connection waits for data before it is accepted, rounded up to SYN-ACK timeouts
	TCP_WINDOW_CLAMP  = 10 // bytes, at least 1152; 0, before there is a connection: no bound
	TCP_INFO          = 11 // GetTCPInfo
	TCP_QUICKACK      = 12 // from now on, and not for good
	TCP_CONGESTION    = 13 // a name: SetSockOptString
	TCP_USER_TIMEOUT  = 18 // milliseconds; 0: the default
	TCP_NOTSENT_LOWAT = 25 // bytes; as unsigned, 0: no bound
)

// Requests of Ioctl.
const (
	FIONREAD    = 0x541B // is SIOCINQ
	SIOCINQ     = 0x541B // bytes to be read, up to an urgent one; of datagrams the first one's
	SIOCOUTQ    = 0x5411 // bytes that the peer has not acknowledged
	SIOCOUTQNSD = 0x894B // bytes that were never sent
	SIOCATMARK  = 0x8905 // 1: the next byte to be read is the urgent one
)

// Events of Poll.
const (
	POLLIN    = 0x1
	POLLPRI   = 0x2 // an urgent byte was not read
	POLLOUT   = 0x4
	POLLERR   = 0x8
	POLLHUP   = 0x10
	POLLNVAL  = 0x20 // no such descriptor
	POLLRDHUP = 0x2000
)
