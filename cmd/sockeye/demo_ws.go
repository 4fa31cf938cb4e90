//go:build !js

package main

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/sockeye-net/sockeye/apps/url"
)

// webSocketShows are the demos over a WebSocket.
func webSocketShows() []show { return []show{webSocketShow(), stompShow()} }

// webSocketShow: messages both ways over one connection that begins as HTTP.
func webSocketShow() show {
	return show{
		name:  "websocket",
		short: "the upgrade, text and binary, ping and pong, the close handshake",
		en:    "A WebSocket begins as a request of HTTP and goes on as messages both ways (RFC 6455).",
		ko:    "웹소켓은 HTTP 요청으로 시작해 양쪽으로 메시지를 주고받는다(RFC 6455).",
		delay: 5 * time.Millisecond,
		play:  playWebSocket,
	}
}

func playWebSocket(st *stage) error {
	web, err := st.serve(80, nethttp.HandlerFunc(echoMessages), nil)
	if err != nil {
		return err
	}
	defer web.Close()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	c, err := st.openSocket(ctx, "ws://"+demoHost+"/river", nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	got := make(chan error, 3)
	go func() {
		for {
			_, _, err := c.Read(ctx)
			if got <- err; err != nil {
				return
			}
		}
	}()

	st.chapter("Messages", "메시지")
	st.say("A frame is two bytes and a little more before its payload: what it is, how long, and from a client a mask of four random bytes that the payload is combined with, so that what a page sends can look like nothing else to a proxy on the way (RFC 6455 5.3). The server says everything twice: once as it came and once more because it can speak whenever it likes.",
		"프레임은 내용 앞에 두 바이트 남짓이 붙는다. 무엇인지, 얼마나 긴지, 그리고 클라이언트라면 내용과 섞는 무작위 네 바이트의 마스크다. 웹 페이지가 보낸 것이 가는 길의 프록시에게 다른 것으로 보이지 않게 한다(RFC 6455 5.3). 서버는 모두 두 번 말한다. 한 번은 온 그대로, 또 한 번은 아무 때나 말할 수 있으니까.")
	for _, m := range []struct {
		kind websocket.MessageType
		text string
	}{{websocket.MessageText, "Where are the salmon?"}, {websocket.MessageBinary, "\x00\x01\xfe\xff"}} {
		if err := c.Write(ctx, m.kind, []byte(m.text)); err != nil {
			return err
		}
		for range 2 {
			if err := <-got; err != nil {
				return err
			}
		}
	}
	st.chapter("Ping and pong", "핑과 퐁")
	st.say("Either side may ask whether the other is still there, between messages.", "어느 쪽이든 메시지 사이에 상대가 아직 있는지 물을 수 있다.")
	if err := c.Ping(ctx); err != nil {
		return err
	}
	st.chapter("The close", "닫기")
	st.say("First the WebSocket closes: a CLOSE frame with a code each way (1000: all is well). Then TCP does; the server begins, so that TIME-WAIT is its own (RFC 6455 7.1.1).",
		"먼저 웹소켓이 닫힌다. 양쪽이 코드가 든 CLOSE 프레임을 보낸다(1000: 이상 없음). 그다음 TCP가 닫힌다. 서버가 먼저 닫아 TIME-WAIT는 서버의 몫이다(RFC 6455 7.1.1).")
	if err := sayClose(c); err != nil {
		return err
	}
	<-got
	st.closed()
	return nil
}

// echoMessages says everything twice.
func echoMessages(w nethttp.ResponseWriter, r *nethttp.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, m, err := c.Read(r.Context())
		if err != nil {
			return
		}
		for range 2 {
			if c.Write(r.Context(), kind, m) != nil {
				return
			}
		}
	}
}

// openSocket opens a WebSocket and tells how. Its frames are told as they go.
func (st *stage) openSocket(ctx context.Context, at string, protocols []string) (*websocket.Conn, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	return st.fetch().openTold(ctx, at, u, nil, protocols)
}
