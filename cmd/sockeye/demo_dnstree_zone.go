package main

import (
	"io"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// A keptZone is what a name server of the demo keeps: an authority over UDP, as small as one can be.
type keptZone struct {
	name    string
	records []dns.Record
}

// treeTTL is how long an answer of the tree may be kept, in seconds, and treeNo a No.
const (
	treeTTL = 300
	treeNo  = 60
)

func newKeptZone(name string, records ...dns.Record) *keptZone { return &keptZone{name, records} }

func record(name string, t dns.Type, data dnsmessage.ResourceBody) dns.Record {
	return dns.Record{Name: name, Type: t, Class: 1, TTL: treeTTL, Data: data}
}

func aRecord(name, addr string) dns.Record {
	return record(name, dns.TypeA, &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()})
}

func nsRecord(name, host string) dns.Record {
	return record(name, dns.TypeNS, &dnsmessage.NSResource{NS: dnsmessage.MustNewName(host)})
}

func cnameRecord(name, to string) dns.Record {
	return record(name, dns.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)})
}

// soa says how long it holds that there is nothing (RFC 2308 5).
func (z *keptZone) soa() dns.Record {
	r := record(z.name, dns.TypeSOA, &dnsmessage.SOAResource{NS: dnsmessage.MustNewName("ns." + strings.TrimPrefix(z.name, ".")),
		MBox: dnsmessage.MustNewName("admin." + strings.TrimPrefix(z.name, ".")), Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: treeNo})
	r.TTL = treeNo
	return r
}

// within reports whether a name is zone, or below it.
func within(name, zone string) bool {
	name, zone = strings.ToLower(name), strings.ToLower(zone)
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}

// answer fills in what the zone says to a question (RFC 1034 4.3.2).
func (z *keptZone) answer(m *dns.Message, q dns.Question) {
	if z.refer(m, q.Name) {
		return
	}
	m.AA = true
	exists := strings.EqualFold(q.Name, z.name)
	for _, r := range z.records {
		if within(r.Name, q.Name) {
			exists = true
		}
		if strings.EqualFold(r.Name, q.Name) && (r.Type == q.Type || r.Type == dns.TypeCNAME) {
			r.Name = q.Name // as it was asked
			m.Answers = append(m.Answers, r)
		}
	}
	if len(m.Answers) > 0 {
		return
	}
	m.Authorities = []dns.Record{z.soa()}
	if !exists {
		m.RCode = dnsmessage.RCodeNameError
	}
}

// refer hands on what is below a zone cut, with the glue (RFC 1034 4.3.2 3b).
func (z *keptZone) refer(m *dns.Message, name string) bool {
	for _, cut := range z.records {
		if cut.Type != dns.TypeNS || cut.Name == z.name || !within(name, cut.Name) {
			continue
		}
		m.Authorities = append(m.Authorities, cut)
		for _, r := range z.records {
			if r.Type == dns.TypeA && r.Name == cut.DataString() {
				m.Additionals = append(m.Additionals, r)
			}
		}
	}
	return len(m.Authorities) > 0
}

// serveTree is a name server; its Close ends it.
func serveTree(n listener, addr string, zones []*keptZone) (io.Closer, error) {
	c, err := n.ListenPacket("udp4", at(netip.MustParseAddr(addr), dns.Port))
	if err != nil {
		return nil, err
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := treeReply(buf[:n], zones); reply != nil {
				_, _ = c.WriteTo(reply, from) // lost like any datagram
			}
		}
	}()
	return c, nil
}

// treeReply is the answer to a message; nil: it is no question.
func treeReply(msg []byte, zones []*keptZone) []byte {
	q, err := dns.Parse(msg)
	if err != nil || q.Response || q.OpCode != 0 || len(q.Questions) != 1 {
		return nil
	}
	m := &dns.Message{ID: q.ID, Response: true, RD: q.RD, Questions: q.Questions, RCode: dnsmessage.RCodeRefused}
	if q.EDNS != nil {
		m.EDNS = &dns.EDNS{UDPSize: 1232}
	}
	for _, z := range zones {
		if within(q.Questions[0].Name, z.name) {
			m.RCode = dnsmessage.RCodeSuccess
			z.answer(m, q.Questions[0])
		}
	}
	return m.Append(nil)
}
