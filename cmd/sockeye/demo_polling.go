package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
)

// Three ways to hear of news over HTTP, each a demo; each ends with all three side by side.

func pollingShow() show {
	return newsShow("polling", "ask for news every 150 ms; beside long polling and streaming",
		"We want to hear of news soon after they come out. Here we ask again and again.",
		"새 소식이 나오면 바로 알고 싶다. 여기서는 묻고 또 묻는다.")
}

func longPollingShow() show {
	return newsShow("long-polling", "the server holds its answer until there is news",
		"We want to hear of news soon after they come out. Here the server holds its answer until there is one.",
		"새 소식이 나오면 바로 알고 싶다. 여기서는 소식이 생길 때까지 서버가 응답을 미룬다.")
}

func streamingShow() show {
	return newsShow("streaming", "one answer that does not end: chunks as they come",
		"We want to hear of news soon after they come out. Here one answer goes on and on, a chunk for each.",
		"새 소식이 나오면 바로 알고 싶다. 여기서는 응답 하나가 끝나지 않고, 소식이 나올 때마다 청크가 하나씩 이어진다.")
}

func newsShow(name, short, en, ko string) show {
	return show{name: name, short: short, en: en, ko: ko, delay: 10 * time.Millisecond,
		play: func(st *stage) error { return playNews(st, name) }}
}

// pollEvery is how long one who polls waits.
const pollEvery = 150 * time.Millisecond

// A newsWay is one of the three.
type newsWay struct {
	name, nameKo string
	en, ko       string // heading
	why          [2]string
	news         func(*newsReader) error

	// What came of it.
	requests    int
	traffic     journey.Traffic
	mean, worst time.Duration // from the time when news come out until we know
}

func newsWays() []*newsWay {
	return []*newsWay{
		{name: "polling", nameKo: "폴링", en: "Polling: ask again and again", ko: "폴링: 묻고 또 묻는다", news: (*newsReader).poll, why: [2]string{
			"A request each 150 ms over a kept connection. Mostly the answer is No (204), and what is new waits for the next question, half the time between two on average.",
			"열어 둔 연결로 150 ms마다 요청한다. 응답은 대개 '없음'(204)이고, 새 소식은 다음 요청이 올 때까지, 평균으로 그 간격의 절반을 기다린다."}},
		{name: "long-polling", nameKo: "롱 폴링", en: "Long polling: the server holds the answer", ko: "롱 폴링: 서버가 응답을 미룬다", news: (*newsReader).wait, why: [2]string{
			"The server answers when there is news, and then we ask again at once. It costs a request for each, and news that come out while a request is on its way wait for that (RFC 6202).",
			"서버는 소식이 생겨야 답하고, 우리는 답을 받자마자 다시 요청한다. 소식마다 요청이 하나씩 들고, 요청이 가는 동안 나온 소식은 그 요청이 닿기를 기다린다(RFC 6202)."}},
		{name: "streaming", nameKo: "스트리밍", en: "Streaming: an answer that goes on", ko: "스트리밍: 이어지는 응답", news: (*newsReader).stream, why: [2]string{
			"One request; the answer has no Content-Length, and each piece of news is a chunk (RFC 9112 7.1). It is here as soon as the way allows, half a round trip.",
			"요청은 하나뿐이다. 응답에 Content-Length가 없고, 소식 하나가 청크 하나다(RFC 9112 7.1). 소식은 경로가 허락하는 대로, 왕복 시간의 절반이면 도착한다."}},
	}
}

func playNews(st *stage, name string) error {
	ways := newsWays()
	for i, w := range ways {
		if w.name == name { // it comes first
			copy(ways[1:i+1], ways[:i])
			ways[0] = w
		}
	}
	for i, w := range ways {
		st.chapter(w.en, w.ko)
		st.say(w.why[0], w.why[1])
		if i > 0 {
			st.tell.Brief(24)
		}
		if err := st.seeNews(w); err != nil {
			return err
		}
	}
	st.chapter("The three side by side", "세 방법 비교")
	rows := [][]string{{st.text("way", "방법"), st.text("requests", "요청"), st.text("packets", "패킷"), st.text("bytes on the wire", "전송 바이트"),
		st.text("known after", "평균 지연"), st.text("at worst", "최대 지연")}}
	for _, fixed := range newsWays() {
		for _, w := range ways {
			if w.name == fixed.name {
				rows = append(rows, w.row(st))
			}
		}
	}
	st.tell.Table(rows)
	st.say("The same %d pieces of news each time, at the same times; a packet takes 10 ms. The handshake is in the numbers of packets and bytes.",
		"매번 같은 시각에 같은 소식 %d개가 나온다. 패킷 하나가 닿는 데 10 ms가 걸린다. 패킷과 바이트 수에는 핸드셰이크도 들어 있다.", len(newsTimes))
	return nil
}

// row is a line of the comparison.
func (w *newsWay) row(st *stage) []string {
	t := w.traffic
	return []string{st.text(w.name, w.nameKo), fmt.Sprint(w.requests), fmt.Sprint(t.Packets[0] + t.Packets[1]), fmt.Sprint(t.Bytes[0] + t.Bytes[1]),
		fmt.Sprintf("%d ms", w.mean.Milliseconds()), fmt.Sprintf("%d ms", w.worst.Milliseconds())}
}

// A newsReader hears of the news of one newsroom.
type newsReader struct {
	st       *stage
	job      *fetch
	room     *newsroom
	seen     int // pieces of news
	requests int
	waited   []time.Duration
}

// seeNews hears of all news in one of the ways, over a connection of its own.
func (st *stage) seeNews(w *newsWay) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	room := newNewsroom()
	web, err := st.serve(80, room, nil)
	if err != nil {
		return err
	}
	defer web.Close()
	r := &newsReader{st: st, job: st.fetch(), room: room}
	r.job.page.Store(true) // its steps are not told
	before := st.tell.Traffic()
	go room.edit(ctx)
	if err := w.news(r); err != nil {
		return err
	}
	w.traffic = st.tell.Traffic().Sub(before)
	w.requests = r.requests
	for _, d := range r.waited {
		w.mean += d / time.Duration(len(r.waited))
		w.worst = max(w.worst, d)
	}
	err = r.job.browser.Close()
	st.settled()
	st.tell.Blank()
	return err
}

// get asks once and reads what comes, as it comes.
func (r *newsReader) get(path string) error {
	r.requests++
	begun := time.Now()
	resp, err := r.job.browser.Do(&http.Request{URL: fmt.Sprintf("http://%s%s?after=%d", demoHost, path, r.seen)})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	first := time.Now()
	bytes := 0
	err = readNews(bufio.NewScanner(resp.Body), func(number int, line string) {
		bytes += len(line) + 1
		age := r.room.age(number)
		r.seen, r.waited = number, append(r.waited, age)
		r.st.mark(line, "news, %d ms old:", "소식, %d ms 지남:", age.Milliseconds())
	})
	r.st.visited(resp, begun, first, int64(bytes), err)
	return err
}

func (r *newsReader) all() bool { return r.seen >= len(newsTimes) }

// poll asks each pollEvery.
func (r *newsReader) poll() error {
	for next := time.Now(); ; {
		if err := r.get("/now"); err != nil || r.all() {
			return err
		}
		next = next.Add(pollEvery)
		time.Sleep(time.Until(next)) // polling is just that
	}
}

// wait asks again when there was an answer.
func (r *newsReader) wait() error {
	for {
		if err := r.get("/wait"); err != nil || r.all() {
			return err
		}
	}
}

// stream asks once.
func (r *newsReader) stream() error { return r.get("/stream") }
