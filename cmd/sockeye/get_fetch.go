package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// fetchAll fetches once, or with --every again and again.
func (p *program) fetchAll(s *session, stop *interruption, f *getFlags, r *http.Request) error {
	jar, err := f.cookies()
	if err != nil {
		return err
	}
	var seen validators
	err = p.fetchSeen(s, f, r, jar, &seen)
	for f.every > 0 && !stop.came() && codeOf(err) != curlWrite { // whom nobody reads need not ask again
		if err != nil && !f.silent {
			fmt.Fprintf(p.err, "sockeye get: %s\n", oneLine(err.Error()))
		}
		t := time.NewTimer(f.every)
		select {
		case <-t.C:
		case <-stop.Done():
			t.Stop()
			return saveCookies(jar, f.jar)
		}
		q := *r
		q.Fields = seen.ask(r.Fields)
		if !q.Rewind() {
			return fail(curlRead, errors.New("--every: the body cannot be sent a second time"))
		}
		err = p.fetchSeen(s, f, &q, jar, &seen)
	}
	return errors.Join(err, saveCookies(jar, f.jar))
}

// validators are what tells whether a page has changed (RFC 9110 8.8).
type validators struct{ etag, modified string }

func (v *validators) note(r *browse.Response) {
	if r != nil && r.Code == 200 {
		v.etag, v.modified = http.Get(r.Fields, "ETag"), http.Get(r.Fields, "Last-Modified")
	}
}

// ask adds the condition that the page has changed.
func (v *validators) ask(fields []http.Field) []http.Field {
	fields = append([]http.Field(nil), fields...)
	if v.etag != "" {
		return append(fields, http.Field{Name: "If-None-Match", Value: v.etag})
	}
	if v.modified != "" {
		fields = append(fields, http.Field{Name: "If-Modified-Since", Value: v.modified})
	}
	return fields
}

// cookies is the jar that -b and -c ask for; nil: none.
func (f *getFlags) cookies() (*browse.Jar, error) {
	_, files := f.cookieFlags()
	if len(files) == 0 && f.jar == "" {
		return nil, nil
	}
	jar := &browse.Jar{}
	for _, file := range files {
		if err := loadCookies(jar, file); err != nil {
			return nil, fail(curlRead, fmt.Errorf("-b %s: %w", file, err))
		}
	}
	return jar, nil
}

// cookieFlags are the cookies that -b gives as they are to be sent, and the files of which it gives the name. No
// name (-b "") is a file with nothing in it: cookies are kept, and none is there to begin with.
func (f *getFlags) cookieFlags() (cookies, files []string) {
	for _, b := range f.cookie {
		if strings.Contains(b, "=") {
			cookies = append(cookies, b)
		} else {
			files = append(files, b)
		}
	}
	return cookies, files
}

// loadCookies takes what is in a file. As with curl it need not be there: the first run of a pair with -c has none.
func loadCookies(jar *browse.Jar, file string) error {
	in, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	return jar.Load(in, time.Now())
}

func saveCookies(jar *browse.Jar, path string) error {
	if jar == nil || path == "" {
		return nil
	}
	out, err := os.Create(path)
	if err == nil {
		err = errors.Join(jar.Save(out), out.Close())
	}
	if err != nil {
		return fail(curlWrite, fmt.Errorf("cannot write the cookies: %w", err))
	}
	return nil
}

// fetch does one request and writes what came.
func (p *program) fetch(s *session, f *getFlags, r *http.Request, jar *browse.Jar) error {
	return p.fetchSeen(s, f, r, jar, &validators{})
}

// fetchSeen is fetch where an earlier one may have brought the same.
func (p *program) fetchSeen(s *session, f *getFlags, r *http.Request, jar *browse.Jar, seen *validators) error {
	q := *r
	if f.most > 0 {
		q.Deadline = time.Now().Add(f.most)
	}
	job := newFetch(s)
	job.browser.Jar = jar
	known, err := f.known()
	if err == nil {
		job.known = known
		err = f.equip(job.browser)
	}
	if err != nil {
		return err
	}
	out, err := p.output(f)
	if err != nil {
		return err
	}
	if out.from > 0 {
		q.Fields = append(append([]http.Field(nil), q.Fields...), http.RangeFrom(out.from))
	}
	err = p.exchange(s, f, job, &q, out)
	seen.note(job.resp)
	if werr := p.writeOut(&job.timed, f, out.name(), err); err == nil {
		err = werr
	}
	return err
}

// output is where the page is to go.
func (p *program) output(f *getFlags) (*output, error) {
	out := &output{path: f.output, std: p.out}
	if f.remote {
		u, err := url.Parse(f.url)
		if err != nil {
			return nil, fail(curlCode(err), err)
		}
		if out.path = fileName(u.File()); out.path == "" {
			return nil, fail(curlWrite, errors.New("-O: the URL names no file, or one elsewhere; use -o"))
		}
	}
	out.screen = out.path == "" && onTerminal(p.out)
	switch {
	case f.resume == "-" && (out.path == "" || out.path == "-"):
		return nil, fail(curlFailedInit, errors.New("-C - goes on where a file ends: name it with -o or -O"))
	case f.resume == "-":
		if st, err := os.Stat(out.path); err == nil {
			out.from = st.Size()
		}
	case f.resume != "":
		n, err := strconv.ParseInt(f.resume, 10, 64)
		if err != nil || n < 0 {
			return nil, fail(curlFailedInit, fmt.Errorf("-C %s: it is a number of bytes, or -", f.resume))
		}
		out.from = n
	}
	return out, nil
}

// fileName is the name that the last part of a path gives a file: decoded, or where that has what a terminal
// would take for commands, as it stands. "": none, or it would lie elsewhere.
func fileName(part string) string {
	name := url.Decode(part)
	switch {
	case name == ".", name == "..", strings.ContainsAny(name, "/\\\x00"):
		return ""
	case strings.ContainsFunc(name, func(r rune) bool { return r == '\t' || unfit(r) }):
		return part
	}
	return name
}

// exchange fetches, tells it and ends in good order.
func (p *program) exchange(s *session, f *getFlags, job *fetch, r *http.Request, out *output) error {
	if s.tell != nil {
		s.tell.URL(r.URL)
	}
	if f.head || f.include {
		out.head = func() []byte { return job.heads() }
	}
	var page io.Writer = out
	if p.mixed && s.tell != nil && (out.path == "" || out.path == "-") {
		job.aside = &held{page: out, told: p.err}
		page = job.aside
	}
	if f.parts {
		job.whole = newWhole(job)
		if out.path == "" || out.path == "-" {
			out.std = io.Discard // the waterfall comes instead of it
		}
		page = io.MultiWriter(page, job.whole)
	}
	n, err := p.transfer(job, f, r, out, page)
	resp := job.resp
	if f.parts && err == nil {
		_ = resp.Body.Close() // it is read: its connection serves the parts
		p.wholePage(f, job.whole, n)
	}
	if resp != nil && s.tell != nil {
		s.tell.Heading("The close")
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	_ = job.browser.Close()
	if err == nil && s.tell != nil {
		job.closed()
		s.tell.End() // the rest is cleaning up
	}
	return errors.Join(finish(err, n), out.close())
}

// errWhole says that a file that is to be resumed is there already.
var errWhole = errors.New("nothing is missing")

// transfer fetches into out, the body by way of page.
func (p *program) transfer(job *fetch, f *getFlags, r *http.Request, out *output, page io.Writer) (int64, error) {
	job.zipped = f.zipped
	job.begins = func(resp *browse.Response) {
		if !f.silent && out.path != "" && out.path != "-" && isTerminal(p.err) && job.s.tell == nil {
			out.bar = newBar(p.err, resp.Length)
		}
	}
	out.refuse = func() error { return refuse(f, job.resp, out.from) }
	n, err := job.do(r, page)
	if e := pageLost(job.aside.end()); err == nil { // what came before an error is written, too
		err = e
	}
	if err == nil && !(f.every > 0 && job.resp.Code == 304) {
		err = out.begin() // an empty page, too, makes a file
	}
	if errors.Is(err, errWhole) {
		err = nil
	}
	if err != nil && job.resp != nil && out.head != nil {
		_ = out.begin() // the head came all the same
	}
	return n, err
}

// refuse says why a response is not written out.
func refuse(f *getFlags, resp *browse.Response, from int64) error {
	if f.failing && resp.Code >= 400 && !(from > 0 && resp.Code == 416) {
		return fail(curlNoHTTP, fmt.Errorf("the server answered %d", resp.Code))
	}
	if from == 0 {
		return nil
	}
	part, ok := http.ParseContentRange(resp.Fields)
	switch {
	case resp.Code == 206 && ok && part.First == from:
		return nil
	case resp.Code == 416 && (!ok || part.Size == from): // Apache does not say how long it is
		return errWhole
	case resp.Code >= 400:
		return fail(curlRange, fmt.Errorf("the server answered %d: it cannot go on at byte %d", resp.Code, from))
	}
	return fail(curlRange, errors.New("the server sends only the whole of it: it cannot be resumed"))
}

// finish gives err curl's code.
func finish(err error, n int64) error {
	var done *exit
	if err == nil || errors.As(err, &done) {
		return err
	}
	if n > 0 {
		err = fmt.Errorf("%w (after %d bytes)", err, n)
	}
	return fail(curlCode(err), err)
}
