package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"time"

	"github.com/sockeye-net/sockeye/apps/browse"
	apphttp "github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
)

// demoHost is the name of the demos' web server. .test is nobody's (RFC 6761).
const demoHost = "www.sockeye.test"

// serve serves the web on a port of the other side, over TLS where secure is given; its Close ends it.
func (st *stage) serve(port int, h http.Handler, secure *tls.Config) (io.Closer, error) {
	l, err := st.other.Listen("tcp4", at(st.peer, port))
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: h, TLSConfig: secure, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0)} // who does not believe our certificate is meant to
	go func() {
		if secure != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	}()
	return s, nil
}

// fetch is one that knows where the demos' web server is.
func (st *stage) fetch() *fetch {
	f := newFetch(st.session)
	f.known = knownHosts{{demoHost, 80}: {st.peer}, {demoHost, 443}: {st.peer}}
	return f
}

// visited notes a request that has ended for the waterfall of the page.
func (st *stage) visited(resp *browse.Response, begun, first time.Time, n int64, err error) {
	st.begin.Do(func() { st.from = begun })
	st.tell.Requested(journey.Request{URL: resp.URL.Public(), Proto: resp.Proto, Code: resp.Code, Bytes: n, Kind: apphttp.Get(resp.Fields, "Content-Type"),
		Reused: resp.Reused, Via: resp.Local.String(), Err: err, Begun: begun.Sub(st.from), First: first.Sub(st.from), End: time.Since(st.from)})
}

// An authority is a CA made for one demo, with a certificate for the demos' web server.
type authority struct {
	pool *x509.CertPool  // whom to trust
	leaf tls.Certificate // the server's chain and key
}

// newAuthority makes a root that signs an intermediate that signs the server.
func newAuthority() (*authority, error) {
	root, rootKey, err := certify("Sockeye Demo Root", nil, nil, true)
	if err != nil {
		return nil, err
	}
	middle, middleKey, err := certify("Sockeye Demo Intermediate", root, rootKey, true)
	if err != nil {
		return nil, err
	}
	leaf, leafKey, err := certify(demoHost, middle, middleKey, false)
	if err != nil {
		return nil, err
	}
	a := &authority{pool: x509.NewCertPool()}
	a.pool.AddCert(root)
	a.leaf = tls.Certificate{Certificate: [][]byte{leaf.Raw, middle.Raw}, PrivateKey: leafKey, Leaf: leaf}
	return a, nil
}

// certify makes a certificate, signed by another one or, where there is none, by itself.
func certify(name string, by *x509.Certificate, byKey *ecdsa.PrivateKey, ca bool) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageDigitalSignature}
	if ca {
		c.KeyUsage |= x509.KeyUsageCertSign
	} else {
		c.DNSNames = []string{name}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if by == nil {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(der)
	return made, key, err
}
