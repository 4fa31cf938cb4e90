package main

import (
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/apps/url"
)

// curlReadFile is curl's exit code for a file: that cannot be read.
const curlReadFile = 37

// unfetched does what a URL asks for that needs no network; done says that it was one.
func (p *program) unfetched(f *getFlags) (done bool, err error) {
	u, err := url.Parse(f.url)
	if err != nil {
		return false, nil
	}
	switch u.Scheme {
	case "mailto", "news", "urn", "tel":
		tell := journey.New(journey.Options{Out: p.out, Color: isTerminal(p.out), Lang: f.lang})
		tell.URL(f.url)
		tell.Unsent(f.url)
		return true, nil
	case "file":
		if f.verbose {
			tell := journey.New(journey.Options{Out: p.err, Color: isTerminal(p.err), Lang: f.lang})
			tell.URL(f.url)
			tell.Unsent(f.url)
		}
		return true, p.printFile(f, u)
	}
	return false, nil
}

// printFile is get of a file: URL (RFC 8089).
func (p *program) printFile(f *getFlags, u *url.URL) (err error) {
	if u.Host != "" && u.Host != "localhost" {
		return fail(curlReadFile, fmt.Errorf("%s is a file of the host %s, and a file: URL does not say how to get there", u.Public(), u.Host))
	}
	in, err := os.Open(url.Decode(u.Path))
	if err != nil {
		return fail(curlReadFile, err)
	}
	defer in.Close()
	if st, err := in.Stat(); err == nil && st.IsDir() {
		return fail(curlReadFile, fmt.Errorf("%s is a directory: name a file in it", in.Name()))
	}
	out, err := p.output(f)
	if err != nil {
		return err
	}
	out.refuse = func() error { return nil }
	w := &written{begun: time.Now(), at: u}
	defer func() { // as it then is
		w.all = w.since()
		werr := p.writeOut(w, f, out.name(), err)
		err = errors.Join(err, werr)
	}()
	st, err := in.Stat()
	if err != nil {
		return fail(curlReadFile, err)
	}
	if f.head || f.include {
		out.head = func() []byte { return fileHead(st, f.include && !f.head) }
	}
	if st.Mode().IsRegular() && out.from > st.Size() {
		return fail(curlResume, fmt.Errorf("%s has only %d bytes: it cannot go on at byte %d", in.Name(), st.Size(), out.from))
	}
	if _, err = in.Seek(out.from, io.SeekStart); err == nil && !f.head {
		w.bytes, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.begin() // an empty file is one, too
	}
	return errors.Join(pageLost(err), out.close())
}

// fileHead is what -I and -i say of a file; before its bytes there is a blank line.
func fileHead(st os.FileInfo, bytesFollow bool) []byte {
	head := fmt.Appendf(nil, "Content-Length: %d\r\nAccept-ranges: bytes\r\nLast-Modified: %s\r\n", st.Size(), st.ModTime().UTC().Format(nethttp.TimeFormat))
	if bytesFollow {
		head = append(head, "\r\n"...)
	}
	return head
}
