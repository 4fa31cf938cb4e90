package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// An output is where a page goes: standard output or a file that is made when
// the first byte is there.
type output struct {
	path    string
	std     io.Writer
	from    int64         // the file keeps its first bytes, and the page follows them
	head    func() []byte // nil: not wanted
	refuse  func() error
	file    *os.File
	started bool
	screen  bool // it goes to a terminal, which nobody has asked for by name
	bar     *bar // nil: nobody watches
}

// begin opens the file and writes the head.
func (o *output) begin() error {
	if o.started {
		return nil
	}
	o.started = true
	refused := o.refuse()
	if refused != nil && o.head == nil {
		return refused
	}
	if err := o.open(); err != nil {
		return fail(curlWrite, fmt.Errorf("cannot write the page: %w", err))
	}
	if o.head == nil {
		return nil
	}
	if _, err := o.std.Write(o.head()); err != nil {
		return fail(curlWrite, err)
	}
	return refused // the head came before anybody knew
}

func (o *output) open() error {
	if o.path == "" || o.path == "-" {
		return nil
	}
	how := os.O_CREATE | os.O_WRONLY
	if o.from == 0 {
		how |= os.O_TRUNC
	}
	f, err := os.OpenFile(o.path, how, 0o666)
	if err != nil {
		return err
	}
	o.file, o.std = f, f
	_, err = f.Seek(o.from, io.SeekStart)
	return err
}

func (o *output) Write(p []byte) (int, error) {
	if err := o.begin(); err != nil {
		return 0, err
	}
	if o.screen && bytes.IndexByte(p, 0) >= 0 {
		return 0, fail(curlWrite, errors.New("this is no text, and a terminal may take it for commands; -o - shows it all the same, -o FILE keeps it"))
	}
	n, err := o.std.Write(p)
	o.bar.add(n)
	return n, err
}

func (o *output) close() error {
	o.bar.end()
	if o.file == nil {
		return nil
	}
	if err := o.file.Close(); err != nil {
		return fail(curlWrite, err)
	}
	return nil
}

// name is the file that was written; "": none.
func (o *output) name() string {
	if o.file == nil {
		return ""
	}
	return o.path
}
