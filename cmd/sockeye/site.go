package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The site that the demo fetches. .test is nobody's (RFC 6761).
const (
	siteName = "www.sockeye.test."
	siteURL  = "http://www.sockeye.test/"
	siteTTL  = 60
)

// sitePage is small enough to be seen whole.
const sitePage = `<!doctype html>
<title>Sockeye</title>
<h1>It swims upstream.</h1>
<p>This page came through a TCP/IP stack that is a program:
every packet of it was made, sent and read in userspace.
`

// A listener is what the site needs of the network that it is on: the
// kernel's, or a stack of ours.
type listener interface {
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// kernelNet is the kernel's network.
type kernelNet struct{}

func (kernelNet) Listen(network, address string) (net.Listener, error) {
	return net.Listen(network, address)
}
func (kernelNet) ListenPacket(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}

// A site is a web server and a name server for it.
type site struct {
	addr netip.Addr
	http *http.Server
	tcp  net.Listener
	udp  net.PacketConn
}

// newSite runs a site on addr; close ends it.
func newSite(n listener, addr netip.Addr) (*site, error) {
	s := &site{addr: addr, http: &http.Server{Handler: http.HandlerFunc(page), ReadHeaderTimeout: 10 * time.Second}}
	web, err := n.Listen("tcp4", at(addr, 80))
	if err != nil {
		return nil, err
	}
	if s.tcp, err = n.Listen("tcp4", at(addr, 53)); err != nil {
		_ = web.Close()
		return nil, err
	}
	if s.udp, err = n.ListenPacket("udp4", at(addr, 53)); err != nil {
		_ = web.Close()
		_ = s.tcp.Close()
		return nil, err
	}
	go func() { _ = s.http.Serve(web) }()
	go s.serveUDP()
	go s.serveTCP()
	return s, nil
}

func at(a netip.Addr, port int) string { return netip.AddrPortFrom(a, uint16(port)).String() }

func (s *site) close() {
	_ = s.http.Close()
	_ = s.tcp.Close()
	_ = s.udp.Close()
}

func page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(sitePage)))
	fmt.Fprint(w, sitePage)
}

func (s *site) serveUDP() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := s.answer(buf[:n]); answer != nil {
			_, _ = s.udp.WriteTo(answer, from) // lost like any datagram
		}
	}
}

func (s *site) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		go s.serveStream(c)
	}
}

// serveStream answers questions that come with their length before them (RFC 1035 4.2.2).
func (s *site) serveStream(c net.Conn) {
	defer c.Close()
	for {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		a := s.answer(q)
		if a == nil {
			return
		}
		if _, err := c.Write(append([]byte{byte(len(a) >> 8), byte(len(a))}, a...)); err != nil {
			return
		}
	}
}

// answer answers one question as the authority for the zone sockeye.test; nil: it is none.
func (s *site) answer(msg []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response || h.OpCode != 0 {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	known := strings.EqualFold(q.Name.String(), siteName)
	code := dnsmessage.RCodeSuccess
	if !known {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: h.ID, Response: true, Authoritative: true, RecursionDesired: h.RecursionDesired, RCode: code})
	b.EnableCompression()
	_ = b.StartQuestions() // these fail only when called out of order
	_ = b.Question(q)
	_ = b.StartAnswers()
	if known && q.Type == dnsmessage.TypeA && q.Class == dnsmessage.ClassINET {
		_ = b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: siteTTL}, dnsmessage.AResource{A: s.addr.As4()})
	}
	answer, err := b.Finish()
	if err != nil {
		return nil
	}
	return answer
}
