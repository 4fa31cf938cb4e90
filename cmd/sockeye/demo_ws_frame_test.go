//go:build !js

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseWSFrame(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, r := range []struct {
		rule  string
		bytes string
		name  string
		shown string
	}{
		{"a text without a mask (RFC 6455 5.7)", "\x81\x05Hello", "TEXT", "Hello"},
		{"a masked text (RFC 6455 5.7)", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "TEXT", "Hello"},
		{"16 bits of length (RFC 6455 5.2)", "\x82\x7e\x01\x2c" + long, "BINARY", strings.TrimSpace(strings.Repeat("78 ", 300))},
		{"64 bits of length (RFC 6455 5.2)", "\x81\x7f\x00\x00\x00\x00\x00\x00\x01\x2c" + long, "TEXT", long},
		{"a close with its code (RFC 6455 5.5.1)", "\x88\x05\x03\xe8bye", "CLOSE", "1000 bye"},
		{"a close without one", "\x88\x00", "CLOSE", ""},
		{"an opcode that means nothing yet", "\x83\x00", "opcode 3", ""},
	} {
		t.Run(r.rule, func(t *testing.T) {
			f, n := parseWSFrame([]byte(r.bytes + "more"))
			require.Equal(t, len(r.bytes), n)
			require.Equal(t, r.name, f.name())
			require.Equal(t, r.shown, f.shown())
			for i := range len(r.bytes) {
				_, n := parseWSFrame([]byte(r.bytes[:i]))
				require.Zero(t, n, "it is not whole: %d bytes", i)
			}
		})
	}
	_, n := parseWSFrame(append([]byte{0x82, 0xff}, bytes.Repeat([]byte{0xff}, 100)...))
	require.Zero(t, n, "a length beyond all measure is waited for, in vain")
}

// The key of RFC 6455 1.3.
func TestAcceptOf(t *testing.T) {
	require.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", acceptOf("dGhlIHNhbXBsZSBub25jZQ=="))
}

// Frames that come in pieces are told once they are whole; a head goes before them.
func TestFramesSeen(t *testing.T) {
	s := &framesSeen{}
	for _, piece := range []string{"HTTP/1.1 101 Switching", " Protocols\r\nUpgrade: websocket\r\n", "\r\n\x81"} {
		s.take(1, []byte(piece))
	}
	_, reply := s.heads()
	require.Equal(t, "websocket", headField(reply, "upgrade"))
	require.Empty(t, headField(reply, "Sec-WebSocket-Accept"))
	s.take(1, bytes.Repeat([]byte{0x7f}, mostSeen+1))
	require.Empty(t, s.rest[1], "what never becomes whole is not kept")
}
