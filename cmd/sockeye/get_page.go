package main

import (
	"bytes"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/apps/url"
)

const (
	mostPage = 8 << 20 // bytes of a page that are looked through
	atATime  = 12      // parts that are fetched at a time; apps/http opens six connections to one host
)

// A whole is a page with its images and style sheets, for --page.
type whole struct {
	job  *fetch
	page bytes.Buffer // its beginning

	mu     sync.Mutex
	named  map[string]time.Time // hosts, when their addresses were there
	joined map[netip.AddrPort]*connected
	visits []journey.Request
}

// connected is when a connection came to be.
type connected struct{ tcp, tls time.Time }

func newWhole(job *fetch) *whole {
	return &whole{job: job, named: map[string]time.Time{}, joined: map[netip.AddrPort]*connected{}}
}

// Write keeps the beginning of the page.
func (w *whole) Write(p []byte) (int, error) {
	w.page.Write(p[:min(len(p), mostPage-min(mostPage, w.page.Len()))])
	return len(p), nil
}

// step notes when names and connections were there.
func (w *whole) step(st http.Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch st.Kind {
	case http.Resolved:
		if _, ok := w.named[st.Host]; !ok {
			w.named[st.Host] = st.At
		}
	case http.Connected:
		w.joined[st.Local] = &connected{tcp: st.At}
	case http.Secured:
		if c := w.joined[st.Local]; c != nil {
			c.tls = st.At
		}
	}
}

// parts fetches what belongs to the page, several at a time, each by its own request.
func (w *whole) parts(main journey.Request) {
	resp := w.job.resp
	w.visits = []journey.Request{main}
	if kind := http.Get(resp.Fields, "Content-Type"); kind != "" && !strings.Contains(kind, "html") {
		return
	}
	var all errgroup.Group
	all.SetLimit(atATime)
	for _, u := range browse.Parts(&w.page, resp.URL) {
		all.Go(func() error {
			v := w.part(u)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.visits = append(w.visits, v)
			return nil // a part that is missing does not make the page fail
		})
	}
	_ = all.Wait() // none fails
	slices.SortStableFunc(w.visits, func(a, b journey.Request) int { return int(a.Begun - b.Begun) })
}

// part fetches one of them.
func (w *whole) part(u *url.URL) journey.Request {
	begun := time.Now()
	v := journey.Request{URL: u.Public(), Begun: begun.Sub(w.job.s.from)}
	resp, err := w.job.browser.Do(&http.Request{URL: u.String(), Fields: []http.Field{{Name: "Referer", Value: w.job.resp.URL.Public()}}})
	if err == nil {
		v.First = time.Since(w.job.s.from)
		v.Bytes, err = io.Copy(io.Discard, onlyReader{resp.Body})
		_ = resp.Body.Close() // whatever it says, the body is read
		w.describe(&v, resp, begun)
	}
	v.Err, v.End = err, time.Since(w.job.s.from)
	return v
}

func (w *whole) describe(v *journey.Request, resp *browse.Response, begun time.Time) {
	v.Proto, v.Code, v.Kind, v.Reused, v.Via = resp.Proto, resp.Code, http.Get(resp.Fields, "Content-Type"), resp.Reused, resp.Local.String()
	w.mu.Lock()
	defer w.mu.Unlock()
	at := func(t time.Time) time.Duration {
		if t.Before(begun) {
			return 0
		}
		return t.Sub(w.job.s.from)
	}
	if c := w.joined[resp.Local]; c != nil && !resp.Reused {
		v.Named, v.Connected, v.Secured = at(w.named[resp.URL.Host]), at(c.tcp), at(c.tls)
	}
}

// wholePage fetches what belongs to the page and shows the waterfall: with -v in its chapter, else instead of the page.
func (p *program) wholePage(f *getFlags, w *whole, n int64) {
	tell := w.job.s.tell
	if tell != nil {
		tell.Heading("The page and what belongs to it")
	}
	w.job.page.Store(true)
	main := w.job.visit(n, nil)
	w.parts(main)
	if tell != nil {
		for _, v := range w.visits {
			tell.Requested(v)
		}
		tell.Waterfall()
		tell.Streams()
	}
	if !f.verbose {
		short := journey.New(journey.Options{Out: p.out, Lang: f.lang})
		for _, v := range w.visits {
			short.Requested(v)
		}
		short.Waterfall()
	}
}
