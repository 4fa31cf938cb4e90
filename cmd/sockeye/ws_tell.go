//go:build !js

package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/coder/websocket"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// openTold opens a WebSocket and tells how: the URL, the connection, TLS, the upgrade. Its frames are told as they go.
func (f *fetch) openTold(ctx context.Context, raw string, u *url.URL, fields []http.Field, protocols []string) (*websocket.Conn, error) {
	s, b, secure := f.s, f.browser, u.Scheme == "wss" || u.Scheme == "https"
	s.tell.URL(raw)
	f.aims(u)
	f.heading = func(to netip.AddrPort) { s.tell.Connection(s.way(to.Addr())) }
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := f.dial(ctx, network, address)
		if err == nil {
			s.tell.Agreed()
			if secure {
				s.tell.Secure()
			}
		}
		return c, err
	}
	b.Trusted = func(st tls.ConnectionState) { s.tell.Secured(f.handshake(&st, nil)) }
	seen := &framesSeen{s: s}
	b.Talks = func(c net.Conn) net.Conn {
		s.chapter("The upgrade", "업그레이드")
		s.say("A GET that asks to speak another protocol from here on.", "이제부터 다른 프로토콜로 대화하자고 청하는 GET 요청이다.")
		return &framedConn{Conn: c, seen: seen}
	}
	c, err := b.WebSocket(ctx, dial, u, fields, protocols)
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		s.tell.Secured(f.handshake(nil, err))
	}
	request, reply := seen.heads()
	if request != nil {
		s.tell.Messages(request, reply, nil, 0)
	}
	if err != nil {
		return nil, err
	}
	key := headField(request, "Sec-WebSocket-Key")
	s.tell.Fact("101", s.text("The server agrees. Sec-WebSocket-Accept shows that it has understood, and is no cache that repeats something: the Base64 of the SHA-1 of our key %s and a text that RFC 6455 names. We expect %s.",
		"서버가 받아들였다. Sec-WebSocket-Accept는 서버가 요청을 이해했고, 예전 응답을 되풀이하는 캐시가 아님을 보여 준다. 우리 키 %s에 RFC 6455가 정한 문자열을 이어 붙인 것의 SHA-1을 Base64로 쓴 값이다. 우리가 기대하는 값: %s.",
		key, acceptOf(key)))
	s.tell.Blank()
	return c, nil
}

// acceptOf is what a server answers to a key (RFC 6455 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// tellFrame tells a frame of a WebSocket, both ways; of a STOMP CONNECT, which may have a password, its first line.
func (s *session) tellFrame(f *wsFrame, sent bool) {
	way := "ws <"
	if sent {
		way = "ws >"
	}
	text := fmt.Sprintf("%s %s  len %d", way, f.name(), len(f.payload))
	if f.masked {
		text += s.text("  mask %x", "  마스크 %x", f.mask)
	}
	shown := f.shown()
	if line, _, ok := bytes.Cut(f.payload, []byte("\n")); ok && sent && (string(line) == "CONNECT" || string(line) == "STOMP") {
		shown = string(line) + " ..."
	}
	s.tell.Mark(s.stack.Now(), text, shown)
}
