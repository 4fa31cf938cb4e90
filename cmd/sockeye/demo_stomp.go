//go:build !js

package main

import (
	"context"
	"fmt"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/sockeye-net/sockeye/apps/stomp"
)

// stompShow: a message broker behind a WebSocket.
func stompShow() show {
	return show{
		name:  "stomp",
		short: "CONNECT, SUBSCRIBE, MESSAGE, DISCONNECT, over a WebSocket",
		en:    "A message broker passes on what is sent to a destination to all who have subscribed to it. STOMP 1.2 is its protocol here, text that looks like HTTP, each frame in a message of a WebSocket.",
		ko:    "메시지 브로커는 어떤 목적지로 보낸 메시지를 그 목적지를 구독한 모두에게 전한다. 여기서 쓰는 프로토콜은 STOMP 1.2다. HTTP를 닮은 텍스트이고, 프레임마다 웹소켓 메시지 하나에 담긴다.",
		delay: 5 * time.Millisecond,
		play:  playSTOMP,
	}
}

const stompRiver = "/topic/river"

func playSTOMP(st *stage) error {
	web, err := st.serve(80, nethttp.HandlerFunc(broker), nil)
	if err != nil {
		return err
	}
	defer web.Close()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	c, err := st.openSocket(ctx, "ws://"+demoHost+"/stomp", []string{"v12.stomp"})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	seen := &toldCarrier{carrier: carrier{c}, st: st}

	st.chapter("The session: CONNECT", "세션: CONNECT")
	st.say("We say which versions we speak and whom we want; the broker answers CONNECTED.", "우리가 아는 버전과 찾는 호스트를 말하면 브로커가 CONNECTED로 답한다.")
	s, err := stomp.Dial(ctx, seen, demoHost, "", "")
	if err != nil {
		return err
	}
	seen.show()
	st.chapter("SUBSCRIBE, SEND, MESSAGE", "SUBSCRIBE, SEND, MESSAGE")
	st.say("From SUBSCRIBE on each MESSAGE for %s comes to us without being asked for: first one from somebody else, then our own, for we have subscribed, too.",
		"SUBSCRIBE를 보내고 나면 %s(으)로 온 메시지가 요청하지 않아도 MESSAGE로 도착한다. 먼저 다른 이가 보낸 것, 다음은 우리가 보낸 것이다. 우리도 구독했기 때문이다.", stompRiver)
	if err := s.Subscribe(ctx, stompRiver); err != nil {
		return err
	}
	if _, err := s.Receive(ctx); err != nil {
		return err
	}
	if err := s.Send(ctx, stompRiver, "The salmon come."); err != nil {
		return err
	}
	if _, err := s.Receive(ctx); err != nil {
		return err
	}
	seen.show()
	st.chapter("DISCONNECT, and the close", "DISCONNECT, 그리고 연결 종료")
	st.say("With DISCONNECT we ask for a receipt. When it is there, the broker has everything that we sent; then the WebSocket closes, then TCP.",
		"DISCONNECT를 보내면서 영수증(RECEIPT)을 요청한다. 영수증이 오면 우리가 보낸 것은 모두 브로커에 도착한 것이다. 그다음 웹소켓이, 이어서 TCP가 닫힌다.")
	if err := s.Disconnect(ctx); err != nil {
		return err
	}
	if m, err := s.Receive(ctx); err != nil || m != nil {
		return fmt.Errorf("no receipt: %w", err)
	}
	if err := sayClose(c); err != nil {
		return err
	}
	st.closed()
	return nil
}

// A toldCarrier tells of the frames that it carries, and keeps the last of each way to be shown.
type toldCarrier struct {
	carrier
	st        *stage
	sent, got string
}

func (c *toldCarrier) Write(ctx context.Context, m string) error {
	c.sent = m
	c.tell("stomp >", m)
	return c.carrier.Write(ctx, m)
}

func (c *toldCarrier) Read(ctx context.Context) (string, error) {
	m, err := c.carrier.Read(ctx)
	if err == nil {
		c.got = m
		c.tell("stomp <", m)
	}
	return m, err
}

// tell tells a frame: its command, where it goes, and its body.
func (c *toldCarrier) tell(way, m string) {
	f, err := stomp.Parse(m)
	if err != nil || f == nil {
		return // it will be said where it is used
	}
	c.st.tell.Mark(c.st.stack.Now(), way+" "+f.Command, strings.TrimSpace(f.Get("destination")+"  "+f.Body))
}

// show shows the last frames as they are.
func (c *toldCarrier) show() {
	c.st.tell.Messages([]byte(strings.TrimRight(c.sent, "\x00")), []byte(strings.TrimRight(c.got, "\x00")), nil, 0)
}

// broker is a message broker for one client and one destination.
func broker(w nethttp.ResponseWriter, r *nethttp.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		_, m, err := c.Read(r.Context())
		if err != nil {
			return
		}
		f, err := stomp.Parse(string(m))
		if err != nil || f == nil {
			continue
		}
		if reply := brokerReply(f); reply != nil {
			text, err := reply.Encode()
			if err != nil || c.Write(r.Context(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
	}
}

// brokerReply is what the broker has to say to a frame; nil: nothing.
func brokerReply(f *stomp.Frame) *stomp.Frame {
	message := func(id, body string) *stomp.Frame {
		return &stomp.Frame{Command: "MESSAGE", Body: body, Headers: []stomp.Header{{Name: "subscription", Value: "1"}, {Name: "message-id", Value: id}, {Name: "destination", Value: stompRiver}}}
	}
	switch f.Command {
	case "CONNECT":
		return &stomp.Frame{Command: "CONNECTED", Headers: []stomp.Header{{Name: "version", Value: "1.2"}, {Name: "server", Value: "demo/1"}}}
	case "SUBSCRIBE":
		return message("1", "The ice breaks.")
	case "SEND":
		return message("2", f.Body)
	case "DISCONNECT":
		return &stomp.Frame{Command: "RECEIPT", Headers: []stomp.Header{{Name: "receipt-id", Value: f.Get("receipt")}}}
	}
	return nil
}
