package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/journey"
)

// A pageFile is the file of --html.
type pageFile struct {
	path string
	file *os.File
}

// open makes the file before anything is sent, so that a path that cannot be is said at once.
func (f *pageFile) open() (err error) {
	if f == nil {
		return nil
	}
	if f.file, err = os.Create(f.path); err != nil {
		return &captureError{fmt.Errorf("cannot write the journey's page: %w", err)}
	}
	return nil
}

// write writes the page; what there is of a journey that failed, too.
func (f *pageFile) write(j *journey.Journey) error {
	if f == nil || f.file == nil {
		return nil
	}
	w := bufio.NewWriter(f.file)
	err := errors.Join(j.WritePage(w), w.Flush(), f.file.Close())
	f.file = nil
	if err != nil {
		return &captureError{fmt.Errorf("cannot write the journey's page %s: %w", f.path, err)}
	}
	return nil
}

// note puts a fetch that is over into the waterfall.
func (f *fetch) note(n int64, err error) {
	tell := f.s.tell
	if tell == nil || f.resp == nil || f.whole != nil {
		return
	}
	tell.Requested(f.visit(n, err))
}

// visit is a fetch that is over as a line of the waterfall, whose times count from the session's first.
func (f *fetch) visit(n int64, err error) journey.Request {
	w, r := &f.timed, f.resp
	at := func(d time.Duration) time.Duration {
		if d == 0 {
			return 0
		}
		return d + w.begun.Sub(f.s.from)
	}
	q := journey.Request{URL: r.URL.Public(), Proto: r.Proto, Kind: http.Get(r.Fields, "Content-Type"), Code: r.Code, Bytes: n,
		Reused: r.Reused, Err: err,
		Begun: w.begun.Sub(f.s.from), Named: at(w.named), Connected: at(w.connected), Secured: at(w.secured), First: at(w.headed), End: at(w.since())}
	if r.Local.IsValid() {
		q.Via = r.Local.String()
	}
	return q
}
