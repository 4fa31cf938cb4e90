package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	nethttp "net/http"

	"github.com/sockeye-net/sockeye/apps/http"
)

// tlsShow: a page over TLS, and a certificate that is not believed.
func tlsShow() show {
	return show{
		name:    "tls",
		short:   "the handshake: SNI, ALPN, cipher, the chain, why it is believed",
		en:      "A page is fetched over TLS from Go's net/http and crypto/tls. Its certificate was signed a moment ago by a CA that was made for this, and that we trust, nobody else does.",
		ko:      "TLS로 페이지를 가져온다. 서버는 Go의 net/http와 crypto/tls다. 인증서는 이 데모만을 위해 만든 CA가 방금 서명했고, 그 CA는 우리만 신뢰한다.",
		secrets: true,
		play:    playTLS,
	}
}

func playTLS(st *stage) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	web, err := st.serve(443, nethttp.HandlerFunc(page), &tls.Config{Certificates: []tls.Certificate{ca.leaf}, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return err
	}
	defer web.Close()

	f := st.secureFetch(ca.pool)
	const url = "https://" + demoHost + "/"
	st.tell.URL(url)
	st.say("The name's address is known here; the demo dns-tree asks for one.", "이 이름의 주소는 이미 알고 있다. 주소를 묻는 과정은 dns-tree 데모에서 볼 수 있다.")
	if _, err := f.do(&http.Request{URL: url}, io.Discard); err != nil {
		return err
	}
	st.say("A listener sees the addresses, the name in the SNI, the sizes and the times; the request and the page went encrypted. What --pcap writes carries the secrets of this connection, so that Wireshark shows what was in it.",
		"엿듣는 이에게 보이는 것은 주소, SNI의 이름, 크기와 시각뿐이다. 요청과 페이지는 암호화되어 오갔다. --pcap이 쓰는 파일에는 이 연결의 비밀 키가 함께 들어 있어 Wireshark로 내용을 볼 수 있다.")
	st.chapter("The close", "연결 종료")
	_ = f.resp.Body.Close()
	_ = f.browser.Close()
	f.closed()

	st.chapter("The same server, not believed", "같은 서버, 신뢰하지 않을 때")
	st.say("Now nobody is trusted: an empty list of authorities. The server shows the same chain; we can check each signature in it, and it leads to nobody whom we know.",
		"이제 아무도 신뢰하지 않는다. 신뢰하는 인증 기관의 목록이 비어 있다. 서버는 같은 인증서 체인을 보낸다. 서명은 하나하나 맞지만, 체인을 따라가도 우리가 아는 기관이 나오지 않는다.")
	f = st.secureFetch(x509.NewCertPool())
	f.again = true
	_, err = f.do(&http.Request{URL: url}, io.Discard)
	_ = f.browser.Close()
	var bad *http.Error
	if !errors.As(err, &bad) || bad.Kind != http.BadCertificate {
		return errors.Join(errors.New("the certificate was to be refused"), err)
	}
	f.closed()
	return nil
}

// secureFetch is one that trusts whom the pool has.
func (st *stage) secureFetch(pool *x509.CertPool) *fetch {
	f := st.fetch()
	f.browser.Roots = pool
	f.trusts = st.text("the demo", "이 데모")
	return f
}
