package journey

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Options say how a journey is told.
type Options struct {
	Out   io.Writer // where to; required
	Us    string    // what stands over our side of the ladder; "": "we"
	Peer  string    // what stands over the other side; "": "the peer"
	Color bool      // for a terminal
	All   bool      // leave out no middle of a long ladder
	Lang  string    // "en" or "ko", see Language; "": "en"
	Page  bool      // keep what WritePage needs
	Title string    // of the page where there is no URL; "": "The journey"

	// Settle is called before a chapter's end is told, so that events that
	// are still on their way can arrive. nil: nothing is.
	Settle func()

	// Lost is asked of each packet of ours whether the way lost it, so that its arrow does not arrive. nil: none was.
	Lost func(*link.Record) bool
}

// A Journey records and tells. It is safe for concurrent use.
type Journey struct {
	o       Options
	mu      sync.Mutex
	chapter int
	ladder  ladder
	flows   map[flowKey]*flow
	recent  *flow         // the TCP connection that was spoken of last
	waiting []item        // heard of, not told yet
	err     error         // of Out: nothing more is written
	start   clock.Instant // of the first thing told
	arrived int           // packets that came in
	arrows  [2]int        // packets told: ours, the peer's
	besides [2]besides    // what was no TCP: ours, the peer's
	over    bool
	text    bool // the last line printed was not blank
	names   fdNames
	streams []*stream // of HTTP/2
	rec     *recording
	visits  []Request
	raw     string // the URL

	tls       bool              // there was a handshake
	brief     int               // lines of a ladder; 0: maxLines
	cwnds     map[uint64]uint32 // by socket, the last that was heard of
	lost      bool              // the packet that is being told was
	inferring bool              // what no event says is seen from outside; see Explain
}

// New returns a journey that is about to begin.
func New(o Options) *Journey {
	if o.Us == "" {
		o.Us = "we"
	}
	if o.Peer == "" {
		o.Peer = "the peer"
	}
	j := &Journey{o: o, flows: map[flowKey]*flow{}, names: fdNames{}, cwnds: map[uint64]uint32{}}
	if o.Page {
		j.rec = newRecording()
	}
	return j
}

// Say prints a paragraph, in the journey's language where it has it, wrapped, between what comes before and after it.
func (j *Journey) Say(format string, args ...any) {
	j.end(func() {
		j.paragraph(j.t(format, args...))
		j.blank()
	})
}

// Sum prints the paragraph that text makes of the numbers of packets told so
// far: as many as there are arrows, those left out of long ladders included.
func (j *Journey) Sum(text func(ours, theirs int) string) {
	j.end(func() {
		j.paragraph(text(j.arrows[0], j.arrows[1]))
		j.blank()
	})
}

// end tells everything heard of so far, closes the ladder and runs tell.
func (j *Journey) end(tell func()) {
	if j.o.Settle != nil {
		j.o.Settle()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flush(clock.Never)
	j.closeLadder()
	tell()
}

// Heading begins a chapter.
func (j *Journey) Heading(title string) {
	j.end(func() { j.heading(title) })
}

// End tells what is left. The journey is over: what comes later is not told.
func (j *Journey) End() { j.end(func() { j.over = true }) }

func (j *Journey) heading(title string) {
	j.chapter++
	if j.text { // a ladder that went on
		j.blank()
	}
	head := fmt.Sprintf("%d  %s ", j.chapter, strings.ToUpper(j.t(title)))
	j.line(j.bold(head + strings.Repeat("-", max(0, columns-width(head)))))
	j.blank()
}

// line prints one line.
func (j *Journey) line(s string) {
	j.text = s != ""
	j.recordLine(s)
	if j.err == nil {
		_, j.err = io.WriteString(j.o.Out, strings.TrimRight(s, " ")+"\n")
	}
}

func (j *Journey) blank() { j.line("") }

// paragraph prints text at the margin, wrapped.
func (j *Journey) paragraph(text string) {
	for _, l := range wrap(text, columns-len(margin)) {
		j.line(margin + l)
	}
}

// fact prints a name and what is to be said of it, wrapped in its own column.
func (j *Journey) fact(name, text string) {
	name = j.t(name)
	for _, l := range wrap(text, columns-len(margin)-factColumn) {
		j.line(margin + pad(name, factColumn) + l)
		name = ""
	}
}
