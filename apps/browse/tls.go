package browse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
)

// secure is http.TLS's: TLS over a connected socket. Where the server would rather speak HTTP/2 it keeps the
// connection for that.
func (b *Browser) secure(to http.Peer, until time.Time) (http.Stream, error) {
	nc := newConn(b.API, to.FD, to.Addr)
	_ = nc.SetDeadline(until)
	s := tls.Client(nc, b.config(to.Host))
	if err := s.Handshake(); err != nil {
		return nil, distrust(to.Host, err)
	}
	_ = nc.SetDeadline(time.Time{})
	if b.Trusted != nil {
		b.Trusted(s.ConnectionState())
	}
	if s.ConnectionState().NegotiatedProtocol != "h2" {
		return stream{s}, nil
	}
	nc.owns = true
	if err := b.keepHTTP2(to, s); err != nil {
		nc.owns = false
		return nil, err
	}
	return nil, http.ErrTaken
}

// A stream is TLS as an http.Stream.
type stream struct{ *tls.Conn }

func (s stream) SetReadTimeout(d time.Duration) error  { return s.SetReadDeadline(by(d)) }
func (s stream) SetWriteTimeout(d time.Duration) error { return s.SetWriteDeadline(by(d)) }

// by is when d is over; zero: never.
func by(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

// config is how we do TLS.
func (b *Browser) config(host string) *tls.Config {
	c := &tls.Config{
		ServerName: host, RootCAs: b.Roots, InsecureSkipVerify: b.Insecure, KeyLogWriter: b.KeyLog,
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}
	if !b.OnlyHTTP1 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	return c
}

// distrust tells a certificate that is not believed from a handshake that failed.
func distrust(host string, err error) error {
	var (
		bad     *tls.CertificateVerificationError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	op := "agree on TLS with " + host
	switch {
	case errors.As(err, &unknown):
		return &http.Error{Kind: http.BadCertificate, Op: op, Text: "nobody that is trusted here vouches for it; -k goes on all the same, --cacert names who is to be trusted", Err: err}
	case errors.As(err, &bad), errors.As(err, &name), errors.As(err, &invalid):
		return &http.Error{Kind: http.BadCertificate, Op: op, Text: "its certificate is not good", Err: err}
	case errors.Is(err, http.ErrTruncated):
		return &http.Error{Kind: http.TLSFailed, Op: op, Text: "the server ended the connection"}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &http.Error{Kind: http.Timeout, Op: op, Text: "no answer in the time allowed; the server or the path is slow, or does not speak TLS there"}
	}
	return &http.Error{Kind: http.TLSFailed, Op: op, Err: err}
}
