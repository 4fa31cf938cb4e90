package tcp

// Error says why a connection ended or could not be. Values are comparable
// constants with a text.
type Error uint8

// The errors.
const (
	_                   Error = iota
	ErrRefused                // the peer answered our SYN with RST (ECONNREFUSED)
	ErrReset                  // the peer reset the connection (ECONNRESET)
	ErrTimeout                // no answer within R2 or the user timeout (ETIMEDOUT)
	ErrHostUnreachable        // EHOSTUNREACH
	ErrNetUnreachable         // ENETUNREACH
	ErrProtoUnreachable       // ENOPROTOOPT, as Linux
	ErrPortUnreachable        // ECONNREFUSED
	ErrAborted                // we aborted it (ECONNABORTED)
	ErrProtocol               // a Parameter Problem: somebody could not read our header (EPROTO)
	numErrors
)

var errorTexts = [numErrors]string{
	ErrRefused:          "connection refused by the peer",
	ErrReset:            "connection reset by the peer",
	ErrTimeout:          "connection timed out",
	ErrHostUnreachable:  "host unreachable",
	ErrNetUnreachable:   "network unreachable",
	ErrProtoUnreachable: "protocol not available at the peer",
	ErrPortUnreachable:  "port unreachable",
	ErrAborted:          "connection aborted",
	ErrProtocol:         "protocol error: a header of ours was refused",
}

// Error returns what happened, in English.
func (e Error) Error() string {
	if e < numErrors && errorTexts[e] != "" {
		return errorTexts[e]
	}
	return "unknown TCP error"
}

// hard reports whether the error may end a connection that is not yet
// synchronized (RFC 1122 4.2.3.9: codes 2 to 4).
func (e Error) hard() bool {
	return e == ErrProtoUnreachable || e == ErrPortUnreachable || e == ErrRefused
}
