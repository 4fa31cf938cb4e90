package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The kernel's end in a process of its own, as peers are: it shares neither a
// scheduler nor a poller with who is under test.

// What a peer does with its connections.
const (
	peerSink   = "sink"
	peerSource = "source"
	peerEcho   = "echo"
)

// A peerReport is what a peer says when it is done, as a line of JSON.
type peerReport struct {
	Bytes int64         // that arrived
	Took  time.Duration // the transfer
	Spent time.Duration // of the processor
}

// A peer is the process, as its parent sees it.
type peer struct {
	cmd *exec.Cmd
	in  io.Closer // ends it
	out *bufio.Reader
}

// ServePeer is a peer's life: it listens, says so, accepts conns connections, does
// what kind says for d, reports, and lives on until in ends.
func ServePeer(kind string, conns int, d time.Duration, in io.Reader, out io.Writer) error {
	l, err := listenHere()
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if kind == peerEcho {
		var all sync.WaitGroup
		go serveEcho(l, &all)
	} else if err := serveBulk(kind, l, conns, d, out); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return nil
}

func serveBulk(kind string, l net.Listener, conns int, d time.Duration, out io.Writer) error {
	var all []net.Conn
	for range conns {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		tune(c)
		all = append(all, c)
	}
	var r peerReport
	var got atomic.Int64
	failed := make([]error, conns)
	var running sync.WaitGroup
	begin, cpu := time.Now(), used()
	for i, c := range all {
		if err := c.SetDeadline(begin.Add(d)); err != nil {
			return err
		}
		running.Go(func() {
			if kind == peerSink {
				failed[i] = sink(c, &got)
			} else {
				failed[i] = source(c)
			}
		})
	}
	running.Wait()
	r.Took, r.Spent, r.Bytes = time.Since(begin), used()-cpu, got.Load()
	for _, err := range failed {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.Join(failed...)
		}
	}
	return json.NewEncoder(out).Encode(r)
}

// apart starts a peer, and returns when it listens.
func (p *path) apart(kind string, conns int, d time.Duration) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "bench", "--peer", kind, "--conns", strconv.Itoa(conns), "--time", d.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	start := cmd.Start
	if p.there != nil {
		start = func() error { return p.there.Start(cmd) }
	}
	if err := start(); err != nil {
		return nil, err
	}
	w := &peer{cmd, in, bufio.NewReader(out)}
	if line, err := w.out.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the peer says %q", line), err, w.end())
	}
	return w, nil
}

func (w *peer) report() (r peerReport, err error) {
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

func (w *peer) end() error { return errors.Join(w.in.Close(), w.cmd.Wait()) }

// bulkApart is bulk with the kernel's end in a process of its own.
func bulkApart(ctx context.Context, to *path, p *Plan, flows int, up bool) (r Result, err error) {
	kind := peerSource
	if up {
		kind = peerSink
	}
	w, err := to.apart(kind, flows, p.Time)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, w.end()) }()
	var conns []net.Conn
	for range flows {
		c, err := to.dial(ctx)
		if err != nil {
			return r, err
		}
		defer c.Close()
		tune(c)
		conns = append(conns, c)
	}
	var got atomic.Int64
	work := sinks(conns, &got)
	if up {
		work = sources(conns)
	}
	failed := make([]error, len(work))
	var all sync.WaitGroup
	begin, cpu := time.Now(), used()
	for _, c := range conns {
		if err := c.SetDeadline(begin.Add(p.Time)); err != nil {
			return r, err
		}
	}
	for i, do := range work {
		all.Go(func() { failed[i] = do() })
	}
	all.Wait()
	took, spent := time.Since(begin), used()-cpu
	for _, err := range failed {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return r, errors.Join(append(failed, errors.New("the transfer ended early"))...)
		}
	}
	said, err := w.report()
	if err != nil {
		return r, err
	}
	n := got.Load()
	if up {
		n, took = said.Bytes, said.Took
	}
	if n == 0 {
		return r, errors.New("nothing came in that time")
	}
	r.Gbps = float64(n) * 8 / took.Seconds() / 1e9
	r.CPUPerGB = (spent + said.Spent).Seconds() / (float64(n) / 1e9)
	return r, nil
}
