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
		ko:    "웹소켓은 HTTP 요청으로 시작하고, 그 뒤로는 양쪽이 메시지를 주고받는다(RFC 6455).",
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
	st.say("A frame is two bytes and a little more before its payload: what it is, how long, and from a client a mask of four random bytes that the payload is combined with (XOR), so that what a page sends can look like nothing else to a proxy on the way (RFC 6455 5.3). The server says everything twice: once as it came and once more because it can speak whenever it likes.",
		"프레임은 내용 앞에 2바이트 남짓한 헤더가 붙은 것이다. 헤더에는 종류와 길이가 있고, 클라이언트가 보낸다면 내용과 XOR하는 무작위 4바이트 마스크도 있다. 웹 페이지가 보낸 내용을 중간의 프록시가 다른 것으로 오해하지 않게 하려는 것이다(RFC 6455 5.3). 서버는 무엇이든 두 번 말한다. 한 번은 받은 그대로, 또 한 번은 서버도 언제든 말할 수 있음을 보이려고.")
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
	st.say("Either side may ask whether the other is still there, between messages (RFC 6455 5.5.2).", "어느 쪽이든 메시지 사이에 상대가 아직 있는지 물어볼 수 있다(RFC 6455 5.5.2).")
	if err := c.Ping(ctx); err != nil {
		return err
	}
	st.chapter("The close", "연결 종료")
	st.say("First the WebSocket closes: a CLOSE frame with a code each way (1000: all is well). Then TCP does; the server begins, so that TIME-WAIT is its own (RFC 6455 7.1.1).",
		"먼저 웹소켓이 닫힌다. 양쪽이 코드가 든 CLOSE 프레임을 보낸다(1000: 정상). 그다음 TCP가 닫힌다. 서버가 먼저 닫으므로 TIME-WAIT는 서버의 몫이다(RFC 6455 7.1.1).")
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
