package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

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
	if tell == nil || f.resp == nil || f.page {
		return
	}
	w, r := &f.timed, f.resp
	q := journey.Request{URL: r.URL.Public(), Proto: r.Proto, Kind: http.Get(r.Fields, "Content-Type"), Code: r.Code, Bytes: n,
		Reused: r.Reused, Err: err, Named: w.named, Connected: w.connected, Secured: w.secured, First: w.headed, End: w.since()}
	if r.Local.IsValid() {
		q.Via = r.Local.String()
	}
	tell.Requested(q)
}
