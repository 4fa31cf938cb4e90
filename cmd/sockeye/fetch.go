package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// msl is the maximum segment lifetime of our stacks: the default of tcp.Config.
const msl = 30 * time.Second

// shown is how many bytes of a body are kept to be shown.
const shown = 800

// A fetch is one request that is told as a journey. Where nothing is to be
// told it is the client's Do and no more.
type fetch struct {
	s       *session
	browser *browse.Browser
	client  *http.Client // the browser's
	known   knownHosts
	aside   *held                  // the page waits here for its place in the journey; nil: it does not
	brief   bool                   // leave out what an earlier fetch has told
	again   bool                   // leave out the way, which an earlier one has told
	more    bool                   // another request follows: its streams are told later
	whole   *whole                 // the page with its parts; nil: only what was asked for
	page    atomic.Bool            // what comes now are the parts
	zipped  bool                   // undo gzip
	trusts  string                 // who is trusted, in place of what the browser's Roots say
	begins  func(*browse.Response) // called when the head is there; nil: nobody wants to know
	heading func(netip.AddrPort)   // called before dial connects; nil: nobody wants to know
	timed   written
	talk    telling
	request []byte           // the head, as it was on the wire
	resp    *browse.Response // nil: there is none yet
}

// newFetch returns a fetch with a client of its own.
func newFetch(s *session) *fetch {
	f := &fetch{s: s}
	f.browser = browse.New(s.api, f.resolve)
	f.client = f.browser.Client
	f.client.UserAgent = "sockeye"
	f.client.Observe = f.step
	f.client.Known = func(host string, port uint16) []netip.Addr { return f.known.at(host, port) }
	f.browser.KeyLog = s.keyLog()
	f.browser.Hopped = f.hopped
	f.tellMore()
	return f
}

// resolver asks the session's name servers.
func (s *session) resolver() *dns.Resolver {
	r := &dns.Resolver{API: s.api, Servers: s.servers}
	if s.tell != nil {
		r.Observe = s.tell.Exchange
	}
	return r
}

// resolve is what the client asks for addresses.
func (f *fetch) resolve(host string, deadline time.Time) ([]netip.Addr, error) {
	return f.s.addrs(host, deadline)
}

// step tells a step of the client.
func (f *fetch) step(st http.Step) {
	if f.whole != nil {
		f.whole.step(st)
	}
	if f.page.Load() {
		return
	}
	f.timed.step(st)
	tell := f.s.tell
	if tell == nil {
		return
	}
	if st.Kind == http.RequestSent {
		f.request = st.Raw
	}
	if f.brief {
		return
	}
	switch st.Kind {
	case http.Resolved:
		if st.Err == nil && !f.again {
			tell.Connection(f.s.way(st.Addrs[0]))
			f.tellProxy()
		}
	case http.Connected:
		if !f.again {
			tell.Agreed()
		}
		switch {
		case f.talk.secure && f.client.Proxy != "":
			f.tellTunnel()
		case f.talk.secure:
			tell.Secure()
		default:
			f.talks()
		}
	case http.Tunnelled:
		if st.Err == nil {
			f.tunnelled(st.Raw)
			tell.Secure()
		}
	case http.Secured:
		if st.Err != nil {
			tell.Secured(f.handshake(nil, st.Err))
		}
	case http.Reused:
		tell.Kept()
		f.talks()
	}
}

// way says how packets go to a peer.
func (s *session) way(to netip.Addr) journey.Way {
	w := journey.Way{Us: s.us, Peer: to, Via: to, Device: s.device}
	if _, via, err := s.stack.Source(to); err == nil {
		w.Via = via
	}
	return w
}

// do sends r, copies the body to w and tells what was exchanged. It leaves
// the connection open where the server does.
func (f *fetch) do(r *http.Request, w io.Writer) (n int64, err error) {
	f.timed.begun, f.timed.asked, f.timed.method, f.timed.referer = time.Now(), r.URL, cmp.Or(r.Method, "GET"), http.Get(r.Fields, "Referer")
	f.s.begin.Do(func() { f.s.from = f.timed.begun })
	f.sets(r)
	defer func() { f.timed.bytes, f.timed.all = n, time.Since(f.timed.begun) }()
	resp, err := f.browser.Do(r)
	if err != nil {
		return 0, err
	}
	f.resp, f.timed.resp, f.timed.headed = resp, resp, f.timed.since()
	if resp.Raw == nil && r.Body != nil && len(resp.Via) == 0 { // HTTP/2 has no steps
		f.timed.sent = max(r.Length, 0)
	}
	if f.begins != nil {
		f.begins(resp)
	}
	n, body, err := f.copy(resp, w)
	f.note(n, err)
	if f.s.tell != nil && err == nil && !f.brief {
		request, head := f.heard(resp.Head())
		if f.aside != nil { // the page itself follows: once is enough
			f.s.tell.Messages(request, head, nil, 0)
			err = pageLost(f.aside.end())
		} else {
			f.s.tell.Messages(request, head, body, n)
		}
		f.s.tell.Bytes(int64(len(request)), f.timed.sent, int64(len(head)), n)
		if f.whole == nil && !f.more {
			f.s.tell.Streams()
		}
	}
	return n, err
}

// heads are the heads of all responses of a chain.
func (f *fetch) heads() (all []byte) {
	for _, h := range f.resp.Via {
		all = append(all, h.Raw...)
	}
	return append(all, f.resp.Head()...)
}

// copy copies the body and keeps its beginning.
func (f *fetch) copy(resp *browse.Response, w io.Writer) (n int64, begin []byte, err error) {
	keep := &beginning{w: w}
	var body io.Reader = resp.Body
	if f.zipped {
		if body, err = resp.Decoded(); err != nil {
			return 0, nil, err
		}
	}
	buf := make([]byte, 64<<10)
	n, err = io.CopyBuffer(keep, onlyReader{body}, buf)
	if keep.err != nil {
		err = pageLost(keep.err)
	}
	return n, keep.b, err
}

// pageLost is the exit of a page that could not be written because of err; nil for nil.
func pageLost(err error) error {
	var told *exit
	if err == nil || errors.As(err, &told) {
		return err
	}
	return fail(curlWrite, fmt.Errorf("cannot write the page: %w", err))
}

// onlyReader hides a WriterTo, so that CopyBuffer uses the buffer.
type onlyReader struct{ io.Reader }

// A beginning writes on and keeps the first bytes. It remembers a failure to
// write, which is not the server's.
type beginning struct {
	w   io.Writer
	b   []byte
	err error
}

func (k *beginning) Write(p []byte) (int, error) {
	if room := shown - len(k.b); room > 0 {
		k.b = append(k.b, p[:min(room, len(p))]...)
	}
	n, err := k.w.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// closed waits until the closing has been seen to its end, and tells it.
func (f *fetch) closed() { f.s.closed() }

// closed does so for the connection that was spoken of last.
func (s *session) closed() {
	s.settled()
	s.tell.Closed(msl)
}

// settled waits until the closing of the connection that was spoken of last has been seen to its end.
func (s *session) settled() {
	tell := s.tell
	deadline := time.Now().Add(time.Second)
	for time.Now().Before(deadline) {
		s.rec.settle()
		tell.Flush(s.stack.Now())
		if st := tell.State(); st == 0 || st == tcp.StateTimeWait || st == tcp.StateClosed {
			break
		}
	}
}
