package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/url"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// runFTP is get of an ftp: URL.
func (p *program) runFTP(cmd *cobra.Command, f *getFlags, u *url.URL) error {
	for what, used := range map[string]bool{"-x": f.proxy != "", "-d": len(f.data) > 0, "-X": f.method != "", "--page": f.parts, "--every": f.every != 0} {
		if used {
			return usage(cmd, fmt.Errorf("%s means nothing with ftp", what))
		}
	}
	if u.Host == "" {
		return fail(3, errors.New("the URL names no host"))
	}
	known, err := f.known()
	if err != nil {
		return err
	}
	out, err := p.output(f)
	if err != nil {
		return err
	}
	return p.within(&f.linkFlags, unusable(cmd), func(s *session, stop *interruption) error {
		ctx, cancel := f.lasting(stop)
		defer cancel()
		job := newFetch(s)
		job.known = known
		job.timed.begun = time.Now()
		j := &ftpJob{p: p, f: f, job: job, out: out, at: u}
		err := j.run(ctx)
		werr := p.writeOut(&job.timed, f, out.name(), err)
		return stop.interrupted(errors.Join(err, out.close(), werr))
	})
}

// An ftpJob fetches one file or directory.
type ftpJob struct {
	p    *program
	f    *getFlags
	job  *fetch
	out  *output
	at   *url.URL
	page *beginning
	size int64

	locals []netip.AddrPort // of the control connection, then of that for data
}

func (j *ftpJob) run(ctx context.Context) error {
	s, tell := j.job.s, j.job.s.tell
	user, password, _ := strings.Cut(j.f.user, ":")
	j.out.refuse = func() error { return nil }
	j.page = &beginning{w: j.out}
	r := &browse.FTP{URL: j.at, User: user, Password: password, From: j.out.from, Head: j.f.head, Dial: j.dial, Out: j.page, Begins: j.begins}
	if tell != nil {
		tell.URL(j.f.url)
		r.Joined, r.Said = j.joined, func(ours bool, line string) { tell.Line(s.stack.Now(), ours, line) }
		r.Ends = j.ends
		j.job.heading = j.heading
	} else {
		r.Joined = j.noted
	}
	n, code, err := r.Fetch(ctx)
	w := &j.job.timed
	w.bytes, w.all, w.code, w.at = n, w.since(), code, j.at
	switch {
	case err == nil && j.f.head:
	case err == nil && !(j.out.from > 0 && j.out.from == j.size):
		err = j.out.begin() // an empty file, too, is one
	case j.page.err != nil:
		err = pageLost(j.page.err)
	}
	if tell != nil && err == nil {
		j.closed()
		tell.EachClosed(msl, j.locals)
		tell.End()
	}
	return finishFTP(err, n)
}

// ends tells what came, before we say good-bye.
func (j *ftpJob) ends(n int64, err error) {
	if err == nil {
		j.job.s.tell.Content(j.page.b, n)
		j.job.s.tell.Heading("The close")
	}
}

// dial connects within the time for that.
func (j *ftpJob) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, j.f.connect)
	defer cancel()
	return j.job.dial(ctx, network, address)
}

// heading begins the chapter of a connection that is about to be made.
func (j *ftpJob) heading(to netip.AddrPort) {
	if len(j.locals) > 0 {
		j.job.s.tell.Data(to)
		return
	}
	j.job.timed.named = j.job.timed.since()
	j.job.s.tell.Connection(j.job.s.way(to.Addr()))
}

// joined tells of a connection that is there.
func (j *ftpJob) joined(data bool, c net.Conn) {
	j.noted(data, c)
	j.job.s.tell.Agreed()
	if !data {
		j.job.s.tell.Dialogue()
	}
}

// noted notes a connection, for -w and for the end of the journey.
func (j *ftpJob) noted(data bool, c net.Conn) {
	w := &j.job.timed
	w.connects++
	if !data {
		w.connected = w.since()
	}
	local, _ := netip.ParseAddrPort(c.LocalAddr().String())
	w.remote, _ = netip.ParseAddrPort(c.RemoteAddr().String())
	w.local = local
	j.locals = append(j.locals, local)
}

// begins hears what the server says of the file.
func (j *ftpJob) begins(file *browse.FTPFile) {
	j.size = file.Size
	j.job.timed.first = j.job.timed.since()
	if j.f.head {
		if !file.Modified.IsZero() {
			fmt.Fprintf(j.page, "Last-Modified: %s\r\n", file.Modified.Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		}
		if file.Size >= 0 {
			fmt.Fprintf(j.page, "Content-Length: %d\r\nAccept-ranges: bytes\r\n", file.Size)
		}
		return
	}
	if !j.f.silent && j.out.path != "" && j.out.path != "-" && isTerminal(j.p.err) && j.job.s.tell == nil {
		j.out.bar = newBar(j.p.err, max(file.Size-j.out.from, -1))
	}
}

// closed waits until the ends of both connections have been seen.
func (j *ftpJob) closed() {
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		j.job.s.rec.settle()
		j.job.s.tell.Flush(j.job.s.stack.Now())
		open := false
		for _, local := range j.locals {
			st := j.job.s.tell.StateFrom(local)
			open = open || st != 0 && st != tcp.StateTimeWait && st != tcp.StateClosed
		}
		if !open {
			return
		}
	}
}

// finishFTP gives err curl's code.
func finishFTP(err error, n int64) error {
	var e *browse.FTPError
	if errors.As(err, &e) {
		return fail(ftpCode(e), err)
	}
	return finish(err, n)
}

// ftpCode is curl's exit code for what an FTP server refuses.
func ftpCode(e *browse.FTPError) int {
	if e.Code == 421 { // the server gives up waiting, or has no time
		return 28
	}
	switch e.Command {
	case "":
		return 8
	case "USER", "PASS":
		return 67
	case "CWD":
		return 9
	case "TYPE":
		return 17
	case "PASV", "EPSV":
		if e.Code == 227 {
			return 14
		}
		return 13
	case "REST":
		if e.Code == 0 {
			return 36
		}
		return 31
	case "RETR", "SIZE":
		if e.Code == 550 {
			return 78
		}
		return 19
	case "LIST", "NLST":
		return 19
	}
	return 8
}
