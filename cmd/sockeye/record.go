package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// tapLimit is how many bytes of packets a Tap holds until they are taken.
const tapLimit = 64 << 20

// pace is how often packets are taken from the Tap.
const pace = 10 * time.Millisecond

// A recorder takes a stack's packets for --pcap and for the journey. It is
// made before the stack, which wants its Tap and its trace; attach begins it.
type recorder struct {
	tap  *link.Tap // nil: nothing is recorded
	path string
	file *os.File
	buf  *bufio.Writer
	st   *stack.Stack
	tell *journey.Journey // nil: none

	mu      sync.Mutex
	w       *capture.Writer
	err     error
	dropped uint64
	known   states // of the packets that are not written yet

	waiting  []link.Record // not written yet
	waits    int           // bytes of them
	holdBack time.Duration // how long they wait; see secretsLate

	stop, done chan struct{}
}

// A captureError says that --pcap's file is not what was asked for.
type captureError struct{ error }

func (e *captureError) Unwrap() error { return e.error }

// newRecorder makes a recorder; path "" means no file, told says that a journey will follow.
func newRecorder(path string, told bool) (*recorder, error) {
	r := &recorder{path: path, holdBack: 2 * pace} // what is known of a packet comes a little after it
	if path == "" && !told {
		return r, nil
	}
	r.tap = link.NewTap(tapLimit)
	if path == "" {
		return r, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, &captureError{fmt.Errorf("cannot write the capture: %w", err)}
	}
	r.file, r.buf = f, bufio.NewWriterSize(f, 1<<18)
	return r, nil
}

// configure puts the Tap, and the trace that a journey needs, into a stack's configuration.
func (r *recorder) configure(cfg *stack.Config, told bool) {
	cfg.Tap = r.tap
	if told || r.path != "" {
		cfg.Trace = r.events
	}
}

// events takes trace events; before attach there is nothing to tell.
func (r *recorder) events(es []trace.Event) {
	r.mu.Lock()
	tell := r.tell
	if r.w != nil {
		r.known.add(es)
	}
	r.mu.Unlock()
	if tell != nil {
		tell.Events(es)
	}
}

// attach begins the recording of st; device names its link in the file.
func (r *recorder) attach(st *stack.Stack, device string, tell *journey.Journey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st, r.tell = st, tell
	if r.tap == nil {
		return nil
	}
	if r.buf != nil {
		w, err := capture.NewWriter(r.buf, capture.Options{Wall: time.Now(), Base: st.Now(), Interface: device})
		if err != nil {
			return &captureError{fmt.Errorf("cannot write the capture: %w", err)}
		}
		r.w = w
	}
	r.stop, r.done = make(chan struct{}), make(chan struct{})
	go r.loop()
	return nil
}

func (r *recorder) loop() {
	defer close(r.done)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.drain()
			if r.tell != nil {
				// Late by two paces, so that what comes from other goroutines is in order.
				r.tell.Flush(r.st.Now().Add(-2 * pace))
			}
		}
	}
}

// drain takes what the Tap holds.
func (r *recorder) drain() { r.take(false) }

// take takes what the Tap holds, and writes it or, with all, also what still waits.
func (r *recorder) take(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tap == nil {
		return
	}
	records, dropped := r.tap.Take()
	r.dropped += dropped
	r.put(records, all)
	if r.tell != nil {
		r.tell.Packets(records)
	}
}

// settle gives what is still on its way a moment before a chapter ends. It is a
// courtesy to the reader and no synchronisation: what comes later is told in
// the next chapter, and nothing is lost.
func (r *recorder) settle() {
	time.Sleep(2 * time.Millisecond)
	r.drain()
}

// call is what a socket.API tells of.
func (r *recorder) call(c socket.Call) { r.tell.Call(r.st.Now(), c) }

// close ends the recording, after the stack. It says what is missing in the file.
func (r *recorder) close() error {
	if r.stop != nil {
		close(r.stop)
		<-r.done
	}
	r.take(true)
	if r.tell != nil {
		r.tell.End()
	}
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.err, r.buf.Flush(), r.file.Close())
	r.file = nil
	if err != nil {
		return &captureError{fmt.Errorf("cannot write the capture %s: %w", r.path, err)}
	}
	if r.dropped > 0 {
		return &captureError{fmt.Errorf("%d packets are missing in %s: they came faster than they could be written", r.dropped, r.path)}
	}
	return nil
}
