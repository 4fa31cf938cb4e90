package journey

import (
	"fmt"
	"strings"
	"time"
)

// A Handshake is what TLS has agreed on, or why it has not.
type Handshake struct {
	Host      string   // as the URL has it
	SNI       string   // what we said it is; "": nothing, because it is an address
	Offered   []string // protocols, by ALPN
	ALPN      string   // the one that the server chose; "": none
	Version   string   // "TLS 1.3"
	Cipher    string
	Group     string // of the key exchange; "": not known
	Resumed   bool
	Chain     []Certificate // as the server sent it, its own first
	Anchor    string        // who is trusted and vouches for the last one; "": nobody
	Trusts    string        // whom we trust: "the system" or a file
	Unchecked bool          // we were told to believe anybody
	Err       error
}

// A Certificate is what is told of one.
type Certificate struct {
	Subject, Issuer string
	Names           []string // that it is good for
	From, Until     time.Time
	Key             string // "RSA, 2048 bits"
}

// Secure begins the chapter of TLS.
func (j *Journey) Secure() { j.end(func() { j.heading("TLS") }) }

// Secured tells what the handshake brought.
func (j *Journey) Secured(h Handshake) {
	j.end(func() {
		j.tls = true
		j.blank()
		j.tellTLS(&h)
		j.blank()
	})
}

func (j *Journey) tellTLS(h *Handshake) {
	if h.SNI == "" {
		j.fact("SNI", j.t("none: the URL has an address, and only names are said"))
	} else {
		j.fact("SNI", j.t("%s: said in the clear, so that a server of several names knows which certificate to show", clean(h.SNI, 60)))
	}
	offered := strings.Join(h.Offered, ", ")
	switch {
	case h.Err != nil:
		j.fact("ALPN", j.t("we offered %s", offered))
	case h.ALPN == "":
		j.fact("ALPN", j.t("we offered %s; the server chose none of them, so it is HTTP/1.1", offered))
	default:
		j.fact("ALPN", j.t("we offered %s; the server chose %s", offered, clean(h.ALPN, 20)))
	}
	if h.Version != "" {
		j.fact("version", h.Version+": "+j.t(rounds(h)))
		j.fact("cipher", h.Cipher)
	}
	if h.Group != "" {
		j.fact("key exchange", j.t("%s: both make the same secret, and nobody who listens can", h.Group))
	}
	for i := range h.Chain {
		j.certificate(i, &h.Chain[i])
	}
	j.fact("believed", j.belief(h))
}

// rounds says what the handshake cost.
func rounds(h *Handshake) string {
	switch {
	case h.Resumed:
		return "an earlier session was resumed; the certificate was seen then"
	case h.Version == "TLS 1.3":
		return "one round trip, and all but the first message of each side encrypted"
	}
	return "two round trips, the certificate in the clear"
}

func (j *Journey) certificate(i int, c *Certificate) {
	name := fmt.Sprintf("%s %d", j.t("certificate"), i+1)
	j.fact(name, j.t("of %s, signed by %s", clean(c.Subject, 60), clean(c.Issuer, 60)))
	if len(c.Names) > 0 && i == 0 {
		j.fact("", j.t("for %s", clean(strings.Join(c.Names, ", "), 120)))
	}
	j.fact("", j.t("from %s to %s; %s", c.From.Format(time.DateOnly), c.Until.Format(time.DateOnly), c.Key))
}

// belief says why the chain was believed, or why not.
func (j *Journey) belief(h *Handshake) string {
	switch {
	case h.Err != nil:
		return j.t("no: %s. Nothing was sent but the handshake.", clean(h.Err.Error(), 200))
	case h.Unchecked:
		return j.t("unchecked, as you asked (-k): whoever sits between may have shown any certificate.")
	case h.Anchor == "":
		return j.t("yes")
	case len(h.Chain) == 1 && h.Chain[0].Subject == h.Anchor:
		return j.t("yes: the first one is good for %s and today, and it is itself one that %s trusts.", clean(h.Host, 60), j.t(h.Trusts))
	}
	return j.t("yes: the first one is good for %s and today, each is signed by the next, and the last by %s, which %s trusts.", clean(h.Host, 60), clean(h.Anchor, 60), j.t(h.Trusts))
}

// tlsRecord names the record of TLS that begins a segment (RFC 8446 5.1, 4), "" where none does.
func (j *Journey) tlsRecord(b []byte) string {
	if len(b) < 6 || b[1] != 3 || b[2] > 4 || int(b[3])<<8|int(b[4]) > 1<<14+256 {
		return ""
	}
	switch {
	case b[0] == 22 && b[5] == 1:
		return "TLS: ClientHello"
	case b[0] == 22 && b[5] == 2:
		return "TLS: ServerHello"
	case b[0] == 20 && b[5] == 1:
		return "TLS: ChangeCipherSpec"
	case b[0] == 21:
		return j.t("TLS: alert")
	case b[0] == 23:
		return j.t("TLS: encrypted")
	}
	return ""
}
