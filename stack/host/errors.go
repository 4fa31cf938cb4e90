package host

// Error says why a call could not be done. Values are comparable constants with a
// text; why a connection ended is a tcp.Error instead.
type Error uint8

// The errors, with the errno that package socket makes of them.
const (
	_                   Error = iota
	ErrSeed                   // New: the seed is zero
	ErrPrefix                 // New, SetAddresses: not an IPv4 address with its network
	ErrRoute                  // New, SetAddresses: not an IPv4 network, or a gateway that is not on-link
	ErrBadHandle              // EBADF
	ErrWouldBlock             // EAGAIN
	ErrInProgress             // EINPROGRESS
	ErrAlready                // EALREADY
	ErrIsConnected            // EISCONN
	ErrNotConnected           // ENOTCONN
	ErrInvalid                // EINVAL
	ErrAddrInUse              // EADDRINUSE
	ErrAddrNotAvail           // EADDRNOTAVAIL
	ErrNoRoute                // ENETUNREACH
	ErrMsgSize                // EMSGSIZE
	ErrDestAddrRequired       // EDESTADDRREQ
	ErrPipe                   // EPIPE
	ErrNoMemory               // ENOBUFS
	ErrTooMany                // ENFILE
	ErrNotSupported           // EOPNOTSUPP
	ErrAccess                 // EACCES: broadcast without leave
	ErrClosed                 // the whole host was closed (ECONNABORTED)
	numErrors
)

// Error returns the error as a short English sentence.
func (e Error) Error() string {
	if e == 0 || e >= numErrors {
		return "host: unknown error"
	}
	return errorTexts[e]
}

var errorTexts = [numErrors]string{
	ErrSeed:             "host: the seed is zero",
	ErrPrefix:           "host: not an IPv4 address with the length of its network",
	ErrRoute:            "host: not an IPv4 route through an on-link gateway",
	ErrBadHandle:        "host: no such socket",
	ErrWouldBlock:       "host: not now, try again",
	ErrInProgress:       "host: the connection is being made",
	ErrAlready:          "host: the connection is already being made",
	ErrIsConnected:      "host: already connected",
	ErrNotConnected:     "host: not connected",
	ErrInvalid:          "host: invalid argument",
	ErrAddrInUse:        "host: address already in use",
	ErrAddrNotAvail:     "host: address or port not available",
	ErrNoRoute:          "host: no route to the destination",
	ErrMsgSize:          "host: message too long",
	ErrDestAddrRequired: "host: a destination address is required",
	ErrPipe:             "host: sending has ended",
	ErrNoMemory:         "host: memory budget used up",
	ErrTooMany:          "host: too many sockets",
	ErrNotSupported:     "host: not supported by this kind of socket",
	ErrAccess:           "host: broadcast is not allowed on this socket",
	ErrClosed:           "host: the host was closed",
}
