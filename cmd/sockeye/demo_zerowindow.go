package main

import (
	"fmt"
	"io"
	"net"
	"time"
)

// zeroWindowShow: a reader that does not read, and how the sender finds out that it goes on.
func zeroWindowShow() show {
	return show{
		name:  "zero-window",
		short: "a reader stops: window 0, probes, an update, and on it goes",
		en:    "We send to a program that has stopped reading, on a host that keeps only a few kilobytes for it.",
		ko:    "읽기를 멈춘 프로그램에 데이터를 보낸다. 그 호스트가 대신 받아 둘 수 있는 것은 몇 킬로바이트뿐이다.",
		delay: 5 * time.Millisecond,
		play:  playZeroWindow,
	}
}

const (
	smallBuffer = 8 << 10  // of the reader's host
	muchData    = 24 << 10 // more than that
	readerRests = 1500 * time.Millisecond
)

func playZeroWindow(st *stage) error {
	l, err := st.other.listenSmall(at(st.peer, 9), smallBuffer)
	if err != nil {
		return err
	}
	defer l.Close()
	goOn, served := make(chan bool), make(chan error, 1)
	go func() { served <- readLate(st, l, goOn) }()

	st.chapter("The connection", "연결")
	c := st.connect(9)
	if c.err != nil {
		return c.err
	}
	st.chapter("Nobody reads: the window closes", "아무도 읽지 않는다: 윈도가 닫힌다")
	st.say("Each ACK says how many bytes more the receiver has room for: the window. Its program does not read, so the window shrinks, to zero: nothing more may be sent (RFC 9293 3.8.6). The ACK that opens it again carries no data and is not acknowledged: if it got lost, both sides would wait for ever. So the persist timer has us probe, and the answers show the window; the time between probes doubles. (A rest of the window that holds no whole segment waits a moment before it is used: RFC 9293 3.8.6.2.1.)",
		"받는 쪽은 ACK마다 자기에게 남은 자리를 알린다. 이것이 윈도다. 프로그램이 읽지 않으니 윈도가 줄어 0이 되고, 그러면 더 보낼 수 없다(RFC 9293 3.8.6). 윈도를 다시 여는 ACK에는 데이터가 없어 확인 응답을 받지 못한다. 그 ACK가 사라지면 양쪽이 영원히 기다리게 된다. 그래서 지속 타이머가 프로브를 보내게 하고, 그 응답에서 윈도를 알아낸다. 프로브의 간격은 두 배씩 늘어난다. (세그먼트 하나가 다 들어가지 않는 윈도는 잠시 기다렸다가 쓴다. RFC 9293 3.8.6.2.1)")
	wake := time.AfterFunc(readerRests, func() { close(goOn) })
	defer func() {
		if wake.Stop() { // we have failed: the reader need not wait
			close(goOn)
		}
	}()
	begun := time.Now()
	c.send(make([]byte, muchData))
	c.line()
	if c.err != nil {
		return c.err
	}
	st.tell.Blank()
	st.say("The program read on after %s, the window opened, and the rest followed at once, the probe's byte again before it, for there was no room for that. All %d bytes took %s.",
		"프로그램은 %s 뒤에 다시 읽었고, 윈도가 열리자 나머지가 바로 갔다. 자리가 없어 버려진 프로브의 바이트가 가장 먼저 다시 갔다. %d바이트를 보내는 데 모두 %s 걸렸다.",
		readerRests, muchData, time.Since(begun).Round(time.Millisecond))
	st.chapter("The close", "연결 종료")
	if err := c.close(); err != nil {
		return err
	}
	return <-served
}

// readLate takes a connection and reads it once it may.
func readLate(st *stage, l net.Listener, goOn chan bool) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	<-goOn
	st.mark("", "-- the reader goes on --", "-- 받는 프로그램이 다시 읽기 시작한다 --")
	n, err := io.CopyN(io.Discard, c, muchData)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "I have %d bytes\n", n); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}
