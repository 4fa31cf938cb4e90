package main

import (
	"crypto/tls"
	"fmt"
	"io"
	nethttp "net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sockeye-net/sockeye/apps/http"
)

// http2Show: several requests at once on one connection.
func http2Show() show {
	return show{
		name:    "http2",
		short:   "ALPN h2, streams, heads before and after HPACK, two at once",
		en:      "HTTP/2 over TLS: many requests share one connection, each in a stream of its own. The server is Go's net/http.",
		ko:      "TLS 위의 HTTP/2다. 여러 요청이 연결 하나를 함께 쓰고, 요청마다 스트림이 따로 있다. 서버는 Go의 net/http다.",
		secrets: true,
		delay:   5 * time.Millisecond,
		play:    playHTTP2,
	}
}

func playHTTP2(st *stage) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	web, err := st.serve(443, &meeting{guests: 2}, &tls.Config{Certificates: []tls.Certificate{ca.leaf}, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return err
	}
	defer web.Close()

	const url = "https://" + demoHost
	f := st.secureFetch(ca.pool)
	f.more = true
	st.tell.URL(url + "/")
	if _, err := f.do(&http.Request{URL: url + "/"}, io.Discard); err != nil {
		return err
	}
	st.chapter("Two requests at once", "동시에 두 요청")
	st.say("The connection stays. Two requests go out without waiting for each other, in the streams 3 and 5 (a client's streams have odd numbers, RFC 9113 5.1.1). The server answers /salmon only when /trout is there, too: over HTTP/1.1 on one connection it would wait for ever. The second head is smaller: what was said before is a number now (HPACK, RFC 7541).",
		"연결은 그대로 둔다. 두 요청이 서로를 기다리지 않고 스트림 3과 5로 나간다(클라이언트의 스트림 번호는 홀수다, RFC 9113 5.1.1). 서버는 /trout도 와야 /salmon에 답한다. HTTP/1.1이라면 연결 하나로는 영원히 기다리게 된다. 두 번째 헤더는 더 작다. 한 번 보낸 것은 이제 번호로 보낸다(HPACK, RFC 7541).")
	f.page.Store(true)
	var both errgroup.Group
	for _, path := range []string{"/salmon", "/trout"} {
		both.Go(func() error { return st.part(f, url+path) })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	st.tell.Streams()
	st.chapter("The close", "연결 종료")
	_ = f.resp.Body.Close()
	_ = f.browser.Close()
	f.closed()
	return nil
}

// part fetches something more over the fetch's connection.
func (st *stage) part(f *fetch, url string) error {
	begun := time.Now()
	resp, err := f.browser.Do(&http.Request{URL: url, Fields: []http.Field{{Name: "Accept-Language", Value: "en, ko"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	first := time.Now()
	n, err := io.Copy(io.Discard, resp.Body)
	st.visited(resp, begun, first, n, err)
	return err
}

// A meeting is a server that answers at once at /, and elsewhere when all guests are there.
type meeting struct {
	guests int
	mu     sync.Mutex
	here   int
	all    chan struct{}
}

func (m *meeting) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	if r.URL.Path != "/" {
		select {
		case <-m.arrive():
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s swims upstream.\n", r.URL.Path)
}

// arrive is closed when the last guest has come.
func (m *meeting) arrive() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = make(chan struct{})
	}
	if m.here++; m.here == m.guests {
		close(m.all)
	}
	return m.all
}
