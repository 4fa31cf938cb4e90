package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A newsroom is the server of polling, long-polling and streaming: news come out at certain times.
type newsroom struct {
	mu    sync.Mutex
	items []newsItem
	fresh chan struct{} // closed when there is more
	asked chan struct{} // closed when somebody has asked first
	first sync.Once
}

func newNewsroom() *newsroom { return &newsroom{asked: make(chan struct{})} }

// A newsItem is one piece of news.
type newsItem struct {
	text string
	out  time.Time
}

// newsTimes say when news come out, from the first question on.
var newsTimes = []time.Duration{110 * time.Millisecond, 420 * time.Millisecond, 690 * time.Millisecond}

var newsTexts = []string{"the ice breaks", "the salmon come", "the bears come, too"}

// longestWait is how long a question for news is held.
const longestWait = time.Second

// edit brings the news out until ctx ends. The first question finds none, however long
// its connection took.
func (n *newsroom) edit(ctx context.Context) {
	select {
	case <-n.asked:
	case <-ctx.Done():
		return
	}
	begun := time.Now()
	for i, after := range newsTimes {
		select {
		case <-time.After(time.Until(begun.Add(after))):
			n.publish(newsTexts[i])
		case <-ctx.Done():
			return
		}
	}
}

func (n *newsroom) publish(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.items = append(n.items, newsItem{text, time.Now()})
	if n.fresh != nil {
		close(n.fresh)
		n.fresh = nil
	}
}

// since returns the news after the first so many, and what is closed when there are more.
func (n *newsroom) since(seen int) ([]newsItem, chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fresh == nil {
		n.fresh = make(chan struct{})
	}
	n.first.Do(func() { close(n.asked) })
	return n.items[min(seen, len(n.items)):], n.fresh
}

// age is how long ago a piece of news came out.
func (n *newsroom) age(number int) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if number < 1 || number > len(n.items) {
		return 0
	}
	return time.Since(n.items[number-1].out)
}

// ServeHTTP answers /now at once, /wait when there is news, /stream with news as they come.
func (n *newsroom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen, _ := strconv.Atoi(r.URL.Query().Get("after")) // none: from the first on
	w.Header().Set("Content-Type", "text/plain")
	switch r.URL.Path {
	case "/wait":
		n.hold(r.Context(), seen)
	case "/stream":
		n.stream(w, r, seen)
		return
	}
	news, _ := n.since(seen)
	if len(news) == 0 {
		w.WriteHeader(http.StatusNoContent)
	}
	writeNews(w, news, seen)
}

// hold waits until there is news.
func (n *newsroom) hold(ctx context.Context, seen int) {
	news, fresh := n.since(seen)
	if len(news) > 0 {
		return
	}
	select {
	case <-fresh:
	case <-time.After(longestWait):
	case <-ctx.Done():
	}
}

// stream writes news as they come, each a chunk, until all are out.
func (n *newsroom) stream(w http.ResponseWriter, r *http.Request, seen int) {
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	for seen < len(newsTimes) {
		if flush.Flush() != nil {
			return
		}
		n.hold(r.Context(), seen)
		if r.Context().Err() != nil {
			return
		}
		news, _ := n.since(seen)
		writeNews(w, news, seen)
		seen += len(news)
	}
}

func writeNews(w http.ResponseWriter, news []newsItem, seen int) {
	for i, item := range news {
		fmt.Fprintf(w, "%d %s\n", seen+i+1, item.text)
	}
}

// readNews calls f with each line of news.
func readNews(lines *bufio.Scanner, f func(number int, line string)) error {
	for lines.Scan() {
		first, _, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.Atoi(first)
		if err != nil {
			return fmt.Errorf("what came is no news: %w", err)
		}
		f(number, lines.Text())
	}
	return lines.Err()
}
