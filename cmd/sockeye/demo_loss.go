package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// lossShow: what TCP does when the way loses packets.
func lossShow() show {
	return show{
		name:  "loss",
		short: "packets get lost: fast retransmit, tail loss probe, timeout",
		en:    "We send, and the way to the other side loses packets, always the same ones; each way takes 20 ms and carries 4 Mbit/s.",
		ko:    "우리가 보내는데 경로에서 늘 같은 패킷이 사라진다. 경로는 한쪽 방향에 20 ms가 걸리고 4 Mbit/s를 나른다.",
		delay: 20 * time.Millisecond,
		play:  playLoss,
	}
}

// A losing is a chapter: so many bytes are sent and some of their packets are lost.
type losing struct {
	en, ko   string // heading
	segments int
	lost     []int         // packets with data, from 1
	dark     time.Duration // for so long all are
	why      [2]string
	then     [2]string
}

var losings = []losing{
	{"A loss in the middle: fast retransmit", "중간에서 손실: 빠른 재전송", 10, []int{4}, 0,
		[2]string{"Ten segments leave at once, as many as a new connection may have on its way (RFC 6928). The way loses the fourth. Those behind it arrive, and each makes the receiver say the same number again, with what it has beyond the hole in a SACK block. The third time we believe it: the segment is sent again without waiting for a timer (RFC 5681 3.2, RFC 8985).",
			"세그먼트 열 개가 한꺼번에 나간다. 새 연결이 확인 응답 없이 보낼 수 있는 최대치다(RFC 6928). 그중 네 번째가 경로에서 사라진다. 그 뒤의 세그먼트는 도착하고, 받는 쪽은 그때마다 같은 번호를 다시 확인 응답하면서 구멍 뒤에 받아 둔 것을 SACK 블록으로 알린다. 이런 중복 ACK가 세 번 오면 손실로 보고, 타이머를 기다리지 않고 그 세그먼트를 다시 보낸다(RFC 5681 3.2, RFC 8985)."},
		[2]string{"A loss is taken for congestion: the threshold, ssthresh, is now 70 %% of the seven segments that were under way, rounded down (CUBIC, RFC 9438 4.6), once, however many duplicates came, and cwnd grows slowly from there. No timer was needed: it took %s in all.",
			"손실은 혼잡의 신호로 본다. 임계값 ssthresh는 중복 ACK가 몇 개든 한 번만, 전송 중이던 세그먼트 일곱 개의 70 %%로(내림하여) 줄었고(CUBIC, RFC 9438 4.6), cwnd는 거기서부터 천천히 늘어난다. 타이머는 필요 없었다. 모두 %s 걸렸다."}},
	{"A loss at the end: tail loss probe", "끝에서 손실: 꼬리 손실 프로브", 4, []int{3, 4}, 0,
		[2]string{"Four segments; the last two are lost. Nothing comes behind them, so no ACK is duplicated. Two round trips after the last ACK we send the last segment again as a probe (RFC 8985 7). Its SACK shows the hole before it, and that is mended at once.",
			"세그먼트 네 개 가운데 마지막 둘이 사라진다. 뒤따르는 것이 없으니 중복 ACK도 없다. 마지막 ACK를 받고 왕복 시간의 두 배가 지나면 마지막 세그먼트를 프로브로 다시 보낸다(RFC 8985 7). 그에 대한 SACK에서 앞의 구멍이 드러나고, 곧바로 메운다."},
		[2]string{"Without the probe the retransmission timer would have had to fire, 200 ms at the least. It took %s.",
			"프로브가 없었다면 재전송 타이머가 만료되기를 기다려야 했다. 적어도 200 ms다. 실제로는 %s 걸렸다."}},
	{"All is lost: the retransmission timeout", "모두 손실: 재전송 타임아웃", 2, nil, 450 * time.Millisecond,
		[2]string{"For 450 ms the way carries nothing. Two segments leave and are lost, and no ACK comes. A probe would be lost, too, and none may follow another before a round trip was measured again (RFC 8985 7.3). So only the timer is left. It fires, we send the first segment again, lost as well, and double the time (RFC 6298 5.5).",
			"450 ms 동안 경로가 아무것도 나르지 않는다. 세그먼트 두 개가 나가 사라지고 ACK는 오지 않는다. 프로브도 사라질 테고, 왕복 시간을 다시 재기 전에는 프로브를 또 보낼 수 없다(RFC 8985 7.3). 남은 것은 타이머뿐이다. 타이머가 만료되면 첫 세그먼트를 다시 보내고(이것도 사라진다) 타이머의 시간을 두 배로 늘린다(RFC 6298 5.5)."},
		[2]string{"Silence is worse news than duplicates: the window fell to one segment, and slow start begins anew. It took %s.",
			"아무 응답도 없는 것은 중복 ACK보다 나쁜 소식이다. 혼잡 윈도는 세그먼트 하나로 줄었고 느린 시작부터 다시 한다. 모두 %s 걸렸다."}},
}

// lossSegment is how much data a segment of the demo carries.
const lossSegment = 1448

func playLoss(st *stage) error {
	l, err := st.other.Listen("tcp4", at(st.peer, 7))
	if err != nil {
		return err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- takeAll(l) }()

	st.chapter("The connection", "연결")
	c := st.connect(7)
	for _, x := range losings {
		st.chapter(x.en, x.ko)
		st.say(x.why[0], x.why[1])
		st.path.lose(x.lost...)
		st.path.loseFor(x.dark)
		begun := time.Now()
		c.send(make([]byte, x.segments*lossSegment))
		c.line()
		took := time.Since(begun)
		if c.err != nil {
			return c.err
		}
		st.tell.Blank()
		st.window(c)
		st.say(x.then[0], x.then[1], took.Round(time.Millisecond))
	}
	st.chapter("The close", "연결 종료")
	if err := c.close(); err != nil {
		return err
	}
	return <-served
}

// window tells what the stack says of the connection's window (TCP_INFO).
func (st *stage) window(c *call) {
	i, err := st.api.GetSockOptTCPInfo(c.fd)
	if err != nil {
		return
	}
	st.tell.Fact("TCP_INFO", st.text("cwnd %d segments of %d bytes, ssthresh %s, smoothed round-trip time %s, timeout %s, %d sent again so far",
		"cwnd 세그먼트 %d개(%d바이트씩), ssthresh %s, 평활 왕복 시간 %s, 재전송 타임아웃 %s, 지금까지 재전송 %d개",
		i.SndCwnd, i.SndMSS, threshold(i.SndSsthresh), i.RTT.Round(100*time.Microsecond), i.RTO.Round(time.Millisecond), i.TotalRetrans))
	st.tell.Blank()
}

// threshold writes a slow start threshold, which is without measure before the first loss.
func threshold(segments int) string {
	if segments > 1<<20 {
		return "-"
	}
	return fmt.Sprint(segments)
}

// takeAll takes what comes on one connection and answers with a line when each of the parts is there.
func takeAll(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, x := range losings {
		n, err := io.CopyN(io.Discard, c, int64(x.segments*lossSegment))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "I have %d bytes\n", n); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
