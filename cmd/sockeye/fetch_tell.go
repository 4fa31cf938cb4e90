package main

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/apps/url"
)

// A telling is how far the story of one exchange of a fetch has come.
type telling struct {
	mu     sync.Mutex
	begun  bool     // its chapter is there
	secure bool     // it goes over TLS
	at     *url.URL // what is fetched
	method string
}

// tellMore has the browser tell what it does beside HTTP/1.
func (f *fetch) tellMore() {
	if f.s.tell == nil {
		return
	}
	b := f.browser
	b.Trusted = func(st tls.ConnectionState) {
		if f.brief || f.page.Load() {
			return
		}
		f.s.tell.Secured(f.handshake(&st, nil))
		f.talks()
	}
	b.Frames = f.frame
}

// sets notes what is fetched.
func (f *fetch) sets(r *http.Request) {
	f.talk.method = cmp.Or(r.Method, "GET")
	if u, err := url.Parse(r.URL); err == nil {
		f.aims(u)
	}
}

func (f *fetch) aims(u *url.URL) {
	f.talk.mu.Lock()
	defer f.talk.mu.Unlock()
	f.talk.at, f.talk.secure, f.talk.begun = u, u.Scheme == "https", false
}

// talks begins the chapter of an exchange, once.
func (f *fetch) talks() {
	f.talk.mu.Lock()
	begun := f.talk.begun
	f.talk.begun = true
	f.talk.mu.Unlock()
	if !begun {
		f.s.tell.Talk()
	}
}

// hopped tells the exchange that ended with a redirect, and begins the next one's.
func (f *fetch) hopped(h browse.Hop, next *url.URL) {
	if f.page.Load() {
		return
	}
	f.timed.hopped, f.timed.method = f.timed.since(), h.Then
	if f.s.tell == nil || f.brief {
		return
	}
	tell := f.s.tell
	request, head := f.heard(h.Raw)
	tell.Messages(request, head, nil, 0)
	method := ""
	if h.Then != f.talk.method {
		method, f.talk.method = h.Then, h.Then
	}
	tell.Redirect(h.Code, next.Public(), method)
	f.request = nil
	f.aims(next)
	tell.URL(next.Public())
}

// heard are the heads of an exchange as they were said, those of HTTP/2 with its own fields.
func (f *fetch) heard(head []byte) (request, reply []byte) {
	if f.request != nil {
		return f.request, head
	}
	request, reply = f.s.tell.StreamHeads()
	if reply == nil {
		reply = head
	}
	return request, reply
}

// frame tells a frame of HTTP/2.
func (f *fetch) frame(x browse.Frame) {
	if x.Sent && x.Type == browse.FrameHeaders {
		if !f.brief && !f.page.Load() {
			f.request = nil
			f.talks()
		}
	}
	t := journey.Frame{Local: x.Local, Sent: x.Sent, Type: x.Type, Stream: x.Stream, Length: x.Length, Packed: x.Packed, Plain: x.Plain}
	switch x.Type {
	case browse.FrameData, browse.FrameHeaders:
		t.EndStream = x.Flags&browse.FlagEndStream != 0
	case browse.FrameSettings, browse.FramePing:
		t.Acknowledges = x.Flags&browse.FlagAck != 0
	}
	for _, h := range x.Fields {
		t.Fields = append(t.Fields, [2]string{h.Name, h.Value})
	}
	f.s.tell.Frame(f.s.stack.Now(), t)
}

// handshake is what is to be told of TLS; st is nil where it failed.
func (f *fetch) handshake(st *tls.ConnectionState, err error) journey.Handshake {
	h := journey.Handshake{Offered: []string{"h2", "http/1.1"}, Trusts: "the system", Err: err, Unchecked: f.browser.Insecure}
	if f.browser.OnlyHTTP1 {
		h.Offered = h.Offered[1:]
	}
	if f.browser.Roots != nil {
		h.Trusts = "the file of --cacert"
	}
	if f.trusts != "" {
		h.Trusts = f.trusts
	}
	if f.talk.at != nil {
		h.Host = f.talk.at.Host
		if _, e := netip.ParseAddr(h.Host); e != nil {
			h.SNI = h.Host
		}
	}
	var bad *tls.CertificateVerificationError
	chain := []*x509.Certificate(nil)
	switch {
	case st != nil:
		h.ALPN, h.Version, h.Cipher, h.Resumed = st.NegotiatedProtocol, tls.VersionName(st.Version), tls.CipherSuiteName(st.CipherSuite), st.DidResume
		if st.CurveID != 0 {
			h.Group = st.CurveID.String()
		}
		chain = st.PeerCertificates
		if len(st.VerifiedChains) > 0 {
			c := st.VerifiedChains[0]
			h.Anchor = name(c[len(c)-1])
		}
	case errors.As(err, &bad):
		chain, h.Err = bad.UnverifiedCertificates, bad.Err
	}
	for _, c := range chain {
		h.Chain = append(h.Chain, certificate(c))
	}
	return h
}

func certificate(c *x509.Certificate) journey.Certificate {
	names := c.DNSNames
	for _, a := range c.IPAddresses {
		names = append(names, a.String())
	}
	return journey.Certificate{Subject: name(c), Issuer: cmp.Or(c.Issuer.CommonName, c.Issuer.String()),
		Names: names, From: c.NotBefore, Until: c.NotAfter, Key: keyName(c)}
}

func name(c *x509.Certificate) string {
	return cmp.Or(c.Subject.CommonName, c.Subject.String(), "(no name)")
}

func keyName(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA, " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
