package journey

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

var (
	leaf = Certificate{Subject: "www.sockeye.test", Issuer: "River CA 1", Names: []string{"www.sockeye.test", "sockeye.test"}, Key: "ECDSA, P-256",
		From: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)}
	middle = Certificate{Subject: "River CA 1", Issuer: "Ocean Root", Key: "RSA, 4096 bits", From: leaf.From.AddDate(-2, 0, 0), Until: leaf.Until.AddDate(5, 0, 0)}
)

// Handshakes, streams and redirects, in both languages.
func TestSecure(t *testing.T) {
	golden(t, "secure.txt", secure("en"))
	golden(t, "secure.ko.txt", secure("ko"))
}

func secure(lang string) string {
	s := newScene()
	s.o.Lang = lang
	good := Handshake{Host: "www.sockeye.test", SNI: "www.sockeye.test", Offered: []string{"h2", "http/1.1"}, ALPN: "h2", Version: "TLS 1.3",
		Cipher: "TLS_AES_128_GCM_SHA256", Group: "X25519", Chain: []Certificate{leaf, middle}, Anchor: "Ocean Root", Trusts: "the system"}
	s.Secure()
	s.Secured(good)

	old, alone, blind, bad := good, good, good, good
	old.ALPN, old.Version, old.Group, old.Cipher = "", "TLS 1.2", "", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	s.Secured(old)
	alone.Chain, alone.Anchor, alone.Trusts = []Certificate{leaf}, leaf.Subject, "the file of --cacert"
	s.Secured(alone)
	blind.Unchecked, blind.SNI, blind.Host, blind.Resumed = true, "", "192.0.2.1", true
	s.Secured(blind)
	bad.Err, bad.Version, bad.Group = errors.New("x509: certificate has expired"), "", ""
	s.Secured(bad)

	s.Talk()
	local := netip.MustParseAddrPort("192.0.2.2:40000")
	frame := func(f Frame) {
		s.after(100 * time.Microsecond)
		f.Local = local
		s.Frame(s.now, f)
	}
	frame(Frame{Sent: true, Type: 4, Length: 24})
	frame(Frame{Type: 4, Acknowledges: true})
	for i, path := range []string{"/", "/river.css"} {
		id := uint32(2*i + 1)
		frame(Frame{Sent: true, Type: 1, Stream: id, Length: 30 - 16*i, EndStream: true, Fields: [][2]string{{":method", "GET"}, {":path", path}}, Packed: 30 - 16*i, Plain: 90})
		frame(Frame{Type: 1, Stream: id, Length: 20, Fields: [][2]string{{":status", "200"}}, Packed: 20, Plain: 14})
		frame(Frame{Type: 0, Stream: id, Length: 4000 * (i + 1), EndStream: true})
	}
	request, reply := s.StreamHeads()
	s.Messages(request, reply, nil, 0)
	s.Streams()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s.Redirect(code, "https://www.sockeye.test/there", either(code < 304, "GET", ""))
	}
	s.Kept()
	for i, u := range []string{"http://www.sockeye.test/", "http://www.sockeye.test/river.css", "http://cdn.sockeye.test/big/fish.png"} {
		const ms = time.Millisecond
		s.Requested(Request{URL: u, Code: 200, Bytes: int64(1000 * (i + 1)), Via: "192.0.2.2:4000" + string(rune('0'+i/2)), Reused: i == 1,
			Begun: 10 * ms * time.Duration(i), Named: 10*ms*time.Duration(i) + 3*ms, Connected: 10*ms*time.Duration(i) + 6*ms, First: 10*ms*time.Duration(i) + 12*ms, End: 10*ms*time.Duration(i) + 20*ms})
	}
	s.Requested(Request{URL: "http://www.sockeye.test/gone.png", Err: errors.New("connect to 192.0.2.9:80: nobody listens there"), Begun: 20 * time.Millisecond, End: 22 * time.Millisecond})
	s.Waterfall()
	return s.text.String()
}

// The record that begins a segment is named; what only looks like one is data.
func TestTLSRecordsAreNamed(t *testing.T) {
	for _, row := range []struct{ name, data, want string }{
		{"RFC 8446 4.1.2", "\x16\x03\x01\x02\x00\x01", "TLS: ClientHello"},
		{"RFC 8446 4.1.3", "\x16\x03\x03\x00\x7a\x02", "TLS: ServerHello"},
		{"RFC 8446 5", "\x14\x03\x03\x00\x01\x01", "TLS: ChangeCipherSpec"},
		{"RFC 8446 6", "\x15\x03\x03\x00\x02\x02", "TLS: alert"},
		{"RFC 8446 5.2", "\x17\x03\x03\x40\x11\xff", "TLS: encrypted"},
		{"longer than a record may be (RFC 8446 5.2)", "\x17\x03\x03\x41\x01\xff", "new data"},
		{"no version of TLS", "\x17\x02\x03\x40\x11\xff", "new data"},
		{"another handshake message", "\x16\x03\x03\x00\x7a\x0b", "new data"},
		{"short", "\x16\x03\x01\x02\x00", "new data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene()
			s.handshake()
			s.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, 1, 1, row.data, stamps)
			s.End()
			require.Regexp(t, `len \d+ -+>\| `+row.want+`$`, s.told())
		})
	}
}
