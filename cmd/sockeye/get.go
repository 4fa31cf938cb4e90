package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/http"
)

// getFlags are get's own flags, with curl's letters.
type getFlags struct {
	linkFlags
	output  string
	head    bool
	include bool
	failing bool
	most    time.Duration
	connect time.Duration
}

func (p *program) get() *cobra.Command {
	f := &getFlags{}
	cmd := &cobra.Command{
		Use:   "get URL",
		Short: "Fetch a URL over HTTP/1.1",
		Long: `Get fetches a URL with our own TCP, IP, DNS and HTTP. The page goes to standard
output; exit codes are those of curl(1).`,
		Example: `  sockeye get http://example.com/                     # over the device of sockeye up
  sockeye get -v -o page.html http://example.com/     # tell the journey
  sudo sockeye get --tun tun7 --addr 192.0.2.2/24 --pcap get.pcapng http://192.0.2.1/`,
		Args: oneArgument("a URL, such as http://example.com/"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runGet(cmd, f, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "write the page to `FILE`")
	fl.BoolVarP(&f.head, "head", "I", false, "ask for the head only, and print it")
	fl.BoolVarP(&f.include, "include", "i", false, "print the response's head too")
	fl.BoolVarP(&f.failing, "fail", "f", false, "exit with 22 and without output where the status is 400 or more")
	f.connect = 30 * time.Second
	secondsVar(cmd, &f.most, "max-time", "m", "give up after this `TIME`, in seconds or such as 1m30s (default: never)")
	secondsVar(cmd, &f.connect, "connect-timeout", "", "give up connecting, the name included, after this `TIME`")
	f.asks = true
	f.register(cmd)
	return cmd
}

func (p *program) runGet(cmd *cobra.Command, f *getFlags, url string) error {
	if _, err := http.ParseURL(url); err != nil { // before anything is touched
		return fail(curlCode(err), err)
	}
	if f.most < 0 || f.connect <= 0 {
		return usage(cmd, errors.New("-m must not be negative, and --connect-timeout must be more than 0"))
	}
	return p.within(&f.linkFlags, unusable(cmd), func(s *session, stop *interruption) error {
		return stop.interrupted(p.fetch(s, f, url))
	})
}

// fetch does one request and writes what came.
func (p *program) fetch(s *session, f *getFlags, url string) error {
	r := &http.Request{Method: "GET", URL: url}
	if f.head {
		r.Method = "HEAD"
	}
	if f.most > 0 {
		r.Deadline = time.Now().Add(f.most)
	}
	job := newFetch(s)
	job.client.ConnectTimeout = f.connect
	if s.tell != nil {
		s.tell.URL(url)
	}
	out := &output{path: f.output, std: p.out}
	if f.head || f.include {
		out.head = func() []byte { return job.response }
	}
	var page io.Writer = out
	if p.mixed && s.tell != nil && (f.output == "" || f.output == "-") {
		job.aside = &held{page: out, told: p.err}
		page = job.aside
	}
	resp, n, err := p.transfer(job, f, r, out, page)
	if resp != nil && s.tell != nil {
		s.tell.Heading("The close")
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	_ = job.client.Close()
	if err == nil && s.tell != nil {
		job.closed()
		s.tell.End() // the rest is cleaning up
	}
	return errors.Join(finish(err, n), out.close())
}

// transfer fetches into out, the body by way of page.
func (p *program) transfer(job *fetch, f *getFlags, r *http.Request, out *output, page io.Writer) (*http.Response, int64, error) {
	out.refuse = func() error {
		if code := job.code; f.failing && code >= 400 {
			return fail(curlNoHTTP, fmt.Errorf("the server answered %d", code))
		}
		return nil
	}
	resp, n, err := job.do(r, page)
	if e := pageLost(job.aside.end()); err == nil { // what came before an error is written, too
		err = e
	}
	if err == nil {
		err = out.begin() // an empty page, too, makes a file
	}
	return resp, n, err
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

// An output is where a page goes: standard output or a file that is made when
// the first byte is there.
type output struct {
	path    string
	std     io.Writer
	head    func() []byte // nil: not wanted
	refuse  func() error
	file    *os.File
	started bool
}

// begin opens the file and writes the head.
func (o *output) begin() error {
	if o.started {
		return nil
	}
	o.started = true
	if err := o.refuse(); err != nil {
		return err
	}
	if o.path != "" && o.path != "-" {
		f, err := os.Create(o.path)
		if err != nil {
			return fail(curlWrite, fmt.Errorf("cannot write the page: %w", err))
		}
		o.file, o.std = f, f
	}
	if o.head == nil {
		return nil
	}
	if _, err := o.std.Write(o.head()); err != nil {
		return fail(curlWrite, err)
	}
	return nil
}

func (o *output) Write(p []byte) (int, error) {
	if err := o.begin(); err != nil {
		return 0, err
	}
	return o.std.Write(p)
}

func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.Close(); err != nil {
		return fail(curlWrite, err)
	}
	return nil
}
