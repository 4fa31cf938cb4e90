package main

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
)

// pageShow is what demo shows where no name is given.
func pageShow() show {
	return show{
		en: "A page is fetched over TCP, twice, from Go's net/http; a small name server beside it knows where that is.",
		ko: "TCP로 페이지를 두 번 가져온다. 웹 서버는 Go의 net/http이고, 그 주소는 곁에 있는 작은 네임 서버가 안다.",
		play: func(st *stage) error {
			web, err := newSite(st.other, st.peer)
			if err != nil {
				return fmt.Errorf("the other side cannot serve: %w", err)
			}
			defer web.close()
			return st.twice()
		},
	}
}

// twice makes both fetches: one kept alive, one with Connection: close.
func (s *session) twice() error {
	first := newFetch(s)
	s.tell.URL(siteURL)
	if _, err := first.do(&http.Request{URL: siteURL}, io.Discard); err != nil {
		return err
	}
	s.tell.Heading("The close: kept alive, so it is ours")
	s.tell.Say("The server left the connection open for another request (keep-alive). We have none, and close.")
	_ = first.resp.Body.Close()
	_ = first.browser.Close()
	first.closed()

	second := newFetch(s)
	second.brief = true
	second.client.Resolve = func(string, time.Time) ([]netip.Addr, error) { return []netip.Addr{first.resp.Remote.Addr()}, nil }
	s.tell.Heading("Once more, with Connection: close")
	s.tell.Say("The address is known now. The same request with one line more, `Connection: close`, makes the server close first, when it has sent the page.")
	if _, err := second.do(&http.Request{URL: siteURL, Close: true}, io.Discard); err != nil {
		return err
	}
	_ = second.resp.Body.Close()
	_ = second.browser.Close()
	second.closed()
	return nil
}
