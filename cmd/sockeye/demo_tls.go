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
		ko:      "TLS로 페이지를 가져온다. 내주는 쪽은 Go의 net/http와 crypto/tls다. 인증서는 이것만을 위해 만든 CA가 방금 서명했고, 그 CA는 우리만 믿는다.",
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
	st.say("The name's address is known here; the demo dns-tree asks for one.", "이름의 주소는 여기서 이미 안다. 주소는 dns-tree 데모가 물어본다.")
	if _, err := f.do(&http.Request{URL: url}, io.Discard); err != nil {
		return err
	}
	st.say("A listener sees the addresses, the name in the SNI, the sizes and the times; the request and the page went encrypted. What --pcap writes carries the secrets of this connection, so that Wireshark shows what was in it.",
		"엿듣는 이에게 보이는 것은 주소, SNI의 이름, 크기와 시각이다. 요청과 페이지는 암호화되어 갔다. --pcap이 쓰는 파일에는 이 연결의 비밀이 함께 들어 있어 Wireshark가 안을 보여 준다.")
	st.chapter("The close", "닫기")
	_ = f.resp.Body.Close()
	_ = f.browser.Close()
	f.closed()

	st.chapter("The same server, not believed", "같은 서버, 믿지 않을 때")
	st.say("Now nobody is trusted: an empty list of authorities. The server shows the same chain; we can check each signature in it, and it leads to nobody whom we know.",
		"이제 아무도 믿지 않는다. 믿는 기관의 목록이 비어 있다. 서버는 같은 인증서들을 보인다. 서명은 하나하나 맞지만, 따라가면 아는 이가 없다.")
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
