package dns

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// www is the name that most tests ask for.
const www = "www.example.test."

// A server is a name server on loopback, UDP and TCP on one port, that answers as a test says.
type server struct {
	t    *testing.T
	udp  net.PacketConn
	tcp  net.Listener
	addr netip.AddrPort

	// answer gives the messages to send back, in order; nil: silence.
	answer func(q dnsmessage.Message, over Transport) [][]byte

	mu  sync.Mutex
	log []asked
}

type asked struct {
	msg  dnsmessage.Message
	from netip.AddrPort
	over Transport
}

// serveOn serves on sockets of any make.
func serveOn(t *testing.T, u net.PacketConn, l net.Listener, answer func(q dnsmessage.Message, over Transport) [][]byte) *server {
	s := &server{t: t, answer: answer, udp: u, tcp: l, addr: addrOf(u.LocalAddr())}
	var wg sync.WaitGroup
	wg.Go(s.serveUDP)
	wg.Go(s.serveTCP)
	t.Cleanup(func() { s.udp.Close(); s.tcp.Close(); wg.Wait() })
	return s
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

func (s *server) note(raw []byte, from netip.AddrPort, over Transport) (dnsmessage.Message, bool) {
	var m dnsmessage.Message
	if m.Unpack(raw) != nil {
		return m, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, asked{m, from, over})
	return m, true
}

func (s *server) asked() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.log...)
}

func (s *server) serveUDP() {
	buf := make([]byte, 65535)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if m, ok := s.note(buf[:n], addrOf(from), UDP); ok {
			for _, a := range s.answer(m, UDP) {
				s.udp.WriteTo(a, from)
			}
		}
	}
}

func (s *server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.serveConn(c)
	}
}

func (s *server) serveConn(c net.Conn) {
	defer c.Close()
	var length [2]byte
	for {
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		raw := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, raw); err != nil {
			return
		}
		m, ok := s.note(raw, addrOf(c.RemoteAddr()), TCP)
		if !ok {
			return
		}
		answers := s.answer(m, TCP)
		if answers == nil {
			return
		}
		for _, a := range answers {
			if _, err := c.Write(frame(a)); err != nil {
				return
			}
		}
	}
}

func frame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// reply makes an answer to q with these records, changed by each of with.
func reply(q dnsmessage.Message, answers []dnsmessage.Resource, with ...func(*dnsmessage.Message)) []byte {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: q.Questions, Answers: answers,
	}
	for _, f := range with {
		f(&m)
	}
	raw, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return raw
}

func one(raw []byte) [][]byte { return [][]byte{raw} }

func header(name string) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 300}
}

func a(name, addr string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(name), Body: &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()}}
}

func cname(name, to string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(name), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)}}
}

func rcode(r RCode) func(*dnsmessage.Message) { return func(m *dnsmessage.Message) { m.RCode = r } }
