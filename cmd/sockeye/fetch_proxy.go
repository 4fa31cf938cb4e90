package main

import "strings"

// What is told of a proxy: it is the peer, and not the server.

// tellProxy tells that there is one.
func (f *fetch) tellProxy() {
	if f.client.Proxy == "" {
		return
	}
	f.s.tell.Fact("", f.s.text("The peer is the proxy %s, not the server: it finds the server's address, and passes on what we say.",
		"상대는 서버가 아니라 프록시(%s)다. 서버의 주소를 찾고 우리의 말을 전하는 일은 프록시가 한다.", f.client.Proxy))
	f.s.tell.Blank()
}

// tellTunnel begins the chapter of the tunnel that TLS needs.
func (f *fetch) tellTunnel() {
	f.s.chapter("The tunnel", "터널")
	f.s.say("TLS is between us and the server, so the proxy must not read along. CONNECT asks it for a connection to the server; from then on it only passes bytes on (RFC 9110 9.3.6).",
		"TLS는 우리와 서버 사이의 일이므로 프록시가 읽어서는 안 된다. CONNECT로 서버까지의 연결을 요청하면, 그때부터 프록시는 바이트를 나르기만 한다(RFC 9110 9.3.6).")
}

// tunnelled tells that the proxy has agreed.
func (f *fetch) tunnelled(answer []byte) {
	line, _, _ := strings.Cut(string(answer), "\r\n")
	f.s.tell.Mark(f.s.stack.Now(), f.s.text("the proxy agrees:", "프록시가 받아들였다:"), line)
}
