package dns

import (
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Type is a record type, with dnsmessage's numbers.
type Type = dnsmessage.Type

// The types that Lookup is asked for most; any other number works too.
const (
	TypeA     = dnsmessage.TypeA
	TypeNS    = dnsmessage.TypeNS
	TypeCNAME = dnsmessage.TypeCNAME
	TypeSOA   = dnsmessage.TypeSOA
	TypePTR   = dnsmessage.TypePTR
	TypeMX    = dnsmessage.TypeMX
	TypeTXT   = dnsmessage.TypeTXT
	TypeAAAA  = dnsmessage.TypeAAAA
	TypeSRV   = dnsmessage.TypeSRV
	TypeHTTPS = dnsmessage.Type(65)  // RFC 9460
	TypeCAA   = dnsmessage.Type(257) // RFC 8659

	typeDNAME = dnsmessage.Type(39) // RFC 6672
	typeDS    = dnsmessage.Type(43)
	typeSVCB  = dnsmessage.Type(64)
)

var typeNames = []struct {
	t    Type
	name string
}{
	{TypeA, "A"}, {TypeNS, "NS"}, {TypeCNAME, "CNAME"}, {TypeSOA, "SOA"}, {TypePTR, "PTR"},
	{TypeMX, "MX"}, {TypeTXT, "TXT"}, {TypeAAAA, "AAAA"}, {TypeSRV, "SRV"},
	{typeDNAME, "DNAME"}, {dnsmessage.TypeOPT, "OPT"}, {typeDS, "DS"}, {46, "RRSIG"}, {47, "NSEC"},
	{48, "DNSKEY"}, {typeSVCB, "SVCB"}, {TypeHTTPS, "HTTPS"}, {255, "ANY"}, {TypeCAA, "CAA"},
}

// TypeString names a type as dig does; one without a name is TYPEnnn (RFC 3597 5).
func TypeString(t Type) string {
	for _, e := range typeNames {
		if e.t == t {
			return e.name
		}
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType reads what TypeString writes, in any case.
func ParseType(s string) (Type, bool) {
	s = strings.ToUpper(s)
	for _, e := range typeNames {
		if e.name == s {
			return e.t, true
		}
	}
	num, ok := strings.CutPrefix(s, "TYPE")
	n, err := strconv.ParseUint(num, 10, 16)
	return Type(n), ok && err == nil
}

// RCode is a response code; with EDNS it has twelve bits.
type RCode = dnsmessage.RCode

// rcodeBadVers says that the server knows no such EDNS version (RFC 6891 9).
const rcodeBadVers = RCode(16)

// rcodeYXDomain says that a DNAME record makes a name that is too long (RFC 6672 2.2).
const rcodeYXDomain = RCode(6)

var rcodeNames = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
}

// RCodeString names a response code as dig does.
func RCodeString(r RCode) string {
	if int(r) < len(rcodeNames) {
		return rcodeNames[r]
	}
	if r == rcodeBadVers {
		return "BADVERS"
	}
	return "RESERVED" + strconv.Itoa(int(r))
}
