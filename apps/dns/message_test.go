package dns

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// packet builds a message by hand: counts of the four sections, then bytes.
func packet(qd, an, ns, ar byte, parts ...string) []byte {
	return append([]byte{0, 1, 0x80, 0, 0, qd, 0, an, 0, ns, 0, ar}, strings.Join(parts, "")...)
}

const (
	qA    = "\x01a\x00\x00\x01\x00\x01"            // a. A IN at 12
	fixed = "\x00\x01\x00\x01\x00\x00\x00\x01"     // type A, IN, TTL 1
	data4 = "\x00\x04\xc0\x00\x02\x01"             // RDLENGTH 4 and an address
	ns    = "\x00\x02\x00\x01\x00\x00\x00\x01"     // type NS, IN, TTL 1
	txt   = "\x00\x10\x00\x01\x00\x00\x00\x01"     // type TXT
	opt   = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00" // root, OPT, 1232
)

func TestAttack_52_CompressionPointers(t *testing.T) {
	hops := "\x01a\x00"
	for i := range 11 {
		to := 12
		if i > 0 {
			to = 13 + 2*i
		}
		hops += string([]byte{0xC0, byte(to)})
	}
	for _, row := range []struct {
		name string
		msg  []byte
		err  error
	}{
		{"backward: fine", packet(1, 1, 0, 0, qA, "\xc0\x0c", fixed, data4), nil},
		{"labels, then backward: fine", packet(1, 1, 0, 0, qA, "\x01b\xc0\x0c", fixed, data4), nil},
		{"to itself (RFC 9267 2)", packet(1, 1, 0, 0, qA, "\xc0\x13", fixed, data4), errPointer},
		{"forward", packet(1, 1, 0, 0, qA, "\xc0\x20", fixed, data4), errPointer},
		{"past the end", packet(1, 1, 0, 0, qA, "\xff\xff", fixed, data4), errPointer},
		{"into the header", packet(1, 1, 0, 0, qA, "\xc0\x00", fixed, data4), errPointer},
		{"loop through its own labels", packet(1, 1, 0, 0, qA, "\x01b\xc0\x13", fixed, data4), errPointer},
		{"in the question, to itself", packet(1, 0, 0, 0, "\xc0\x0c\x00\x01\x00\x01"), errPointer},
		{"two names that point at each other", packet(2, 0, 0, 0, "\x01a\xc0\x14\x00\x01\x00\x01", "\xc0\x0c\x00\x01\x00\x01"), errPointer},
		{"cut in the middle", packet(1, 1, 0, 0, qA, "\xc0"), errShort},
		{"in RDATA, forward", packet(1, 1, 0, 0, qA, "\xc0\x0c", ns, "\x00\x02\xc0\x30"), errPointer},
		{"to a label that reaches over the pointer", packet(1, 1, 0, 0, "\x03\x05ab\x00\x00\x01\x00\x01", "\x01b\xc0\x0d", fixed, data4), nil},
		{"to a label that reaches into what points at it", packet(1, 1, 0, 0, "\x03\x0bab\x00\x00\x01\x00\x01", "\x01b\xc0\x0d", fixed, data4), errShort},
		{"reserved label type 01", packet(1, 0, 0, 0, "\x41a\x00\x00\x01\x00\x01"), errLabelType},
		{"reserved label type 10", packet(1, 0, 0, 0, "\x81a\x00\x00\x01\x00\x01"), errLabelType},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse(row.msg)
			require.ErrorIs(t, err, row.err)
			if row.err == nil {
				require.NoError(t, err)
			}
		})
	}
	t.Run("more hops than 10", func(t *testing.T) {
		msg := append(make([]byte, 12), hops...)
		_, err := checkName(msg, len(msg)-2, len(msg))
		require.ErrorIs(t, err, errHops)
		_, err = checkName(msg, len(msg)-4, len(msg)-2)
		require.NoError(t, err)
	})
}

func TestAttack_53_LengthsAndCounts(t *testing.T) {
	label := "\x3f" + strings.Repeat("x", 63)
	for _, row := range []struct {
		name string
		msg  []byte
		err  error
	}{
		{"shorter than a header", []byte("\x00\x01\x80"), errShort},
		{"65535 answers that are not there", append([]byte{0, 1, 0x80, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0}, qA...), errShort},
		{"one question that is not there", packet(1, 0, 0, 0), errShort},
		{"255 bytes of name (RFC 1035 2.3.4)", packet(1, 0, 0, 0, label, label, label, "\x3d", strings.Repeat("x", 61), "\x00\x00\x01\x00\x01"), nil},
		{"256 bytes of name", packet(1, 0, 0, 0, label, label, label, "\x3e", strings.Repeat("x", 62), "\x00\x00\x01\x00\x01"), errLongName},
		{"name longer by a pointer", packet(2, 0, 0, 0, label, label, label, "\x00\x00\x01\x00\x01", label, "\xc0\x0c\x00\x01\x00\x01"), errLongName},
		{"RDLENGTH past the end", packet(0, 1, 0, 0, "\x00", fixed, "\x00\x05\xc0\x00\x02\x01"), errRDLength},
		{"RDLENGTH 65535", packet(0, 1, 0, 0, "\x00", fixed, "\xff\xff\xc0\x00\x02\x01"), errRDLength},
		{"an address of 3 bytes", packet(0, 1, 0, 0, "\x00", fixed, "\x00\x03\xc0\x00\x02"), errRDLength},
		{"a name shorter than RDLENGTH", packet(0, 1, 0, 0, "\x00", ns, "\x00\x04\x01a\x00\x00"), errRDLength},
		{"a name that runs out of its RDATA", packet(0, 1, 0, 0, "\x00", ns, "\x00\x02\x01a\x00"), errShort},
		{"a string longer than its TXT", packet(0, 1, 0, 0, "\x00", txt, "\x00\x02\x05a"), errRDLength},
		{"an empty TXT (RFC 1035 3.3.14)", packet(0, 1, 0, 0, "\x00", txt, "\x00\x00"), errRDLength},
		{"bytes after the last record", packet(0, 1, 0, 0, "\x00", fixed, data4, "x"), errTrailing},
		{"two OPT records (RFC 6891 6.1.1)", packet(0, 0, 0, 2, opt, "\x00\x00", opt, "\x00\x00"), errOPT},
		{"OPT among the answers", packet(0, 1, 0, 0, opt, "\x00\x00"), errOPT},
		{"an option longer than its OPT", packet(0, 0, 0, 1, opt, "\x00\x04\x00\x0a\x00\x08"), errRDLength},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse(row.msg)
			require.ErrorIs(t, err, row.err)
			if row.err == nil {
				require.NoError(t, err)
			}
		})
	}
}

func TestAttack_60_TTL(t *testing.T) {
	for _, row := range []struct {
		name string
		ttl  string
		want uint32
	}{
		{"2^31 reads as 0 (RFC 2181 8)", "\x80\x00\x00\x00", 0},
		{"2^32-1 too", "\xff\xff\xff\xff", 0},
		{"2^31-1 is a TTL", "\x7f\xff\xff\xff", 1<<31 - 1},
	} {
		m, err := Parse(packet(0, 1, 0, 0, "\x00\x00\x01\x00\x01", row.ttl, data4))
		require.NoError(t, err)
		require.Equal(t, row.want, m.Answers[0].TTL, row.name)
	}
}

// Records print as lines of a zone file, and nothing in them reaches a terminal raw.
func TestRecordText(t *testing.T) {
	name := dnsmessage.MustNewName("a.test.")
	for _, row := range []struct {
		want string
		t    Type
		body dnsmessage.ResourceBody
	}{
		{"192.0.2.1", TypeA, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
		{"2001:db8::1", TypeAAAA, &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0x0d, 0xb8, 15: 1}}},
		{"a.test.", TypeNS, &dnsmessage.NSResource{NS: name}},
		{"a.test.", TypeCNAME, &dnsmessage.CNAMEResource{CNAME: name}},
		{"a.test.", TypePTR, &dnsmessage.PTRResource{PTR: name}},
		{"10 a.test.", TypeMX, &dnsmessage.MXResource{Pref: 10, MX: name}},
		{"1 2 80 a.test.", TypeSRV, &dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 80, Target: name}},
		{"a.test. a.test. 1 2 3 4 5", TypeSOA, &dnsmessage.SOAResource{NS: name, MBox: name, Serial: 1, Refresh: 2, Retry: 3, Expire: 4, MinTTL: 5}},
		{`"say \"hi\" there" "\027[2J\255"`, TypeTXT, &dnsmessage.TXTResource{TXT: []string{`say "hi" there`, "\x1b[2J\xff"}}},
		{`\# 3 00ff10`, 257, &dnsmessage.UnknownResource{Type: 257, Data: []byte{0, 0xFF, 0x10}}},
		{`\# 0`, 999, &dnsmessage.UnknownResource{Type: 999}},
	} {
		t.Run(TypeString(row.t), func(t *testing.T) {
			m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{
				{Header: dnsmessage.ResourceHeader{Name: name, Class: 1, TTL: 60}, Body: row.body}}}
			raw, err := m.Pack()
			require.NoError(t, err)
			got, err := Parse(raw)
			require.NoError(t, err)
			require.Equal(t, "a.test.\t60\tIN\t"+TypeString(row.t)+"\t"+row.want, got.Answers[0].String())
		})
	}
	require.Equal(t, `\027[2J\032\;.test.`, Escape("\x1b[2J ;.test."))
}

func TestBase64(t *testing.T) {
	b := []byte("\x00\xff\x10any bytes")
	for n := range b {
		require.Equal(t, base64.StdEncoding.EncodeToString(b[:n]), base64String(b[:n]))
	}
}

// A mailbox with a dot in its first label, which dnsmessage refuses, does not spoil the message: the record is
// shown as a master file has it, its pointers mean the same in every later message, and what is not there may be
// kept for as long as it says (RFC 1035 8, RFC 2308 5).
func TestDottedMailbox(t *testing.T) {
	soa := "\x00\x06\x00\x01\x00\x00\x00\x01"
	numbers := strings.Repeat("\x00", 19) + "\x3c"
	m, err := Parse(packet(1, 0, 1, 0, qA, "\xc0\x0c", soa, "\x00\x21", "\x02ns\xc0\x0c", "\x05a.b\\c\xc0\x1f", numbers))
	require.NoError(t, err)
	require.Len(t, m.Authorities, 1)
	want := "ns." + m.Questions[0].Name + ` a\.b\\c.ns.` + m.Questions[0].Name + " 0 0 0 0 60"
	require.Equal(t, want, m.Authorities[0].DataString())
	least, ok := minTTL(&m.Authorities[0])
	require.True(t, ok)
	require.Equal(t, uint32(60), least)
	m.Questions = nil // now everything stands elsewhere
	again, err := Parse(m.Append(nil))
	require.NoError(t, err)
	require.Equal(t, want, again.Authorities[0].DataString())
}

// An alias to a name with a dot inside a label is one to show, and leads nowhere (RFC 2181 11): from the cache, too.
func TestDottedAlias(t *testing.T) {
	for _, row := range []struct {
		name  string
		owner string
		t     Type
	}{
		{"a CNAME record's", "www.one.", TypeCNAME},
		{"a DNAME record's", "one.", typeDNAME},
	} {
		t.Run(row.name, func(t *testing.T) {
			now := time.Unix(1, 0)
			c := NewCache(0)
			r := Record{Name: row.owner, Type: row.t, Class: 1, TTL: 60, Data: readData(row.t, []byte("\x03a.b\x03two\x00"))}
			c.putRecords(row.owner, []Record{r}, Source{}, now)
			a := &Answer{Name: "www.one.", Type: TypeA, Canonical: "www.one."}
			done, err := c.follow(a, now)
			require.True(t, done)
			require.ErrorIs(t, err, ErrBadReply)
			require.Empty(t, a.Chain)
			require.Equal(t, "www.one.", a.Canonical)
		})
	}
}

// No input makes Parse panic, and what it takes has true counts and no pointer that goes forward.
func FuzzParse(f *testing.F) {
	f.Add(packet(1, 1, 0, 0, qA, "\xc0\x0c", fixed, data4))
	f.Add(packet(1, 1, 0, 1, qA, "\x01b\xc0\x0c", ns, "\x00\x02\xc0\x0c", opt, "\x00\x00"))
	f.Add(packet(0, 1, 0, 0, "\x00", txt, "\x00\x04\x03abc"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		off := headerLen
		for range m.Questions {
			off = backward(t, raw, off) + 4
		}
		for off < len(raw) {
			off = backward(t, raw, off)
			off += 10 + count(raw, off+8)
		}
		opts := 0
		if m.EDNS != nil {
			opts = 1
		}
		require.Equal(t, count(raw, 4), len(m.Questions))
		require.Equal(t, count(raw, 6), len(m.Answers))
		require.Equal(t, count(raw, 8), len(m.Authorities))
		require.Equal(t, count(raw, 10), len(m.Additionals)+opts)
		for _, s := range [][]Record{m.Answers, m.Authorities, m.Additionals} {
			for _, r := range s {
				require.NotContains(t, r.String(), "\x1b")
				require.LessOrEqual(t, len(r.Name), maxName)
			}
		}
		asTheyRead(t, raw, m)
	})
}

// asTheyRead holds a message to what dnsmessage makes of it, where that takes it: a dot inside a label it does not.
func asTheyRead(t *testing.T, raw []byte, m *Message) {
	var theirs dnsmessage.Message
	if theirs.Unpack(raw) != nil {
		return
	}
	h := theirs.Header
	require.Equal(t, []any{h.ID, h.Response, uint8(h.OpCode), h.Authoritative, h.Truncated, h.RecursionDesired, h.RecursionAvailable, h.AuthenticData, h.CheckingDisabled},
		[]any{m.ID, m.Response, m.OpCode, m.AA, m.TC, m.RD, m.RA, m.AD, m.CD})
	for i, q := range theirs.Questions {
		require.Equal(t, Question{text(&q.Name), q.Type, uint16(q.Class)}, m.Questions[i])
	}
	for i, section := range [][]dnsmessage.Resource{theirs.Answers, theirs.Authorities, theirs.Additionals} {
		ours := [][]Record{m.Answers, m.Authorities, m.Additionals}[i]
		for _, r := range section {
			if r.Header.Type == dnsmessage.TypeOPT {
				require.Equal(t, uint16(r.Header.Class), m.EDNS.UDPSize)
				if m.EDNS.Version == 0 { // of another it reads neither
					require.Equal(t, r.Header.ExtendedRCode(h.RCode), m.RCode)
					require.Equal(t, r.Header.DNSSECAllowed(), m.EDNS.DO)
				}
				continue
			}
			if r.Header.TTL > 1<<31-1 {
				r.Header.TTL = 0
			}
			want := Record{text(&r.Header.Name), r.Header.Type, uint16(r.Header.Class), r.Header.TTL, r.Body}
			require.Equal(t, want.String(), ours[0].String())
			ours = ours[1:]
		}
		require.Empty(t, ours)
	}
}

// backward follows a name by itself, fails where a pointer does not lead backward, and returns where
// the name ends in place.
func backward(t *testing.T, raw []byte, off int) int {
	end := 0
	for raw[off] != 0 {
		if raw[off] < 0xC0 {
			off += 1 + int(raw[off])
			continue
		}
		to := count(raw, off) & 0x3FFF
		require.Less(t, to, off)
		if end == 0 {
			end = off + 2
		}
		off = to
	}
	if end == 0 {
		end = off + 1
	}
	return end
}
