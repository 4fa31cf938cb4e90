package journey

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// What a program says of its own journey beside the chapters that every journey has.

// Mark notes at its time, as a line between the packets, what the program has done or found out. text is in the
// journey's language; quoted is from the network and follows it, cut so that the line fits.
func (j *Journey) Mark(now clock.Instant, text, quoted string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if quoted != "" {
		text += "  " + clean(quoted, max(8, columns-timeColumn-4-width(text)))
	}
	j.hear(item{at: now, order: orderCall, tell: func() {
		if j.recent != nil {
			j.recent.http = false // how it ends is not HTTP's affair
		}
		j.record("frame", now, text)
		j.rung(fmt.Sprintf("%*s  %s", timeColumn, j.time(now), j.call(text)), 0)
	}})
}

// Fact tells a name and what is to be said of it, in columns of their own, between what comes before and after.
func (j *Journey) Fact(name, text string) {
	j.end(func() { j.fact(name, text) })
}

// Table tells rows of cells, the first of them the head, each column as wide as its widest cell. Quantities stand
// to the right.
func (j *Journey) Table(rows [][]string) {
	wide := map[int]int{}
	for _, r := range rows {
		for i, cell := range r {
			wide[i] = max(wide[i], width(cell))
		}
	}
	j.end(func() {
		for _, r := range rows {
			line := margin
			for i, cell := range r {
				if isQuantity(cell) {
					line += left(cell, wide[i]) + "  "
				} else {
					line += pad(cell, wide[i]) + "  "
				}
			}
			j.line(line)
		}
		j.blank()
	})
}

// isQuantity: it begins with a digit and is no address.
func isQuantity(cell string) bool {
	return cell != "" && cell[0] >= '0' && cell[0] <= '9' && strings.Count(cell, ".") < 2
}

// Blank leaves a line free.
func (j *Journey) Blank() { j.end(j.blank) }

// Brief has the ladders from now on leave out their middle after so many lines; 0: after as many as always.
func (j *Journey) Brief(lines int) {
	j.end(func() { j.brief = lines })
}

// mostLines is how many lines of a ladder are printed before its middle is left out, and how many of its end.
func (j *Journey) mostLines() (all, tail int) {
	if j.brief > 0 {
		return j.brief, min(tailLines, j.brief/2)
	}
	return maxLines, tailLines
}

// Open is how many TCP connections, of those told of so far, have not been seen to their end.
func (j *Journey) Open() (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.flows {
		if !f.closing.done && !f.us.reset && !f.peer.reset {
			n++
		}
	}
	return n
}

// Traffic is what TCP has carried, whole packets, from us and to us.
type Traffic struct{ Packets, Bytes [2]int64 }

// Sub is what has been carried since an earlier time.
func (t Traffic) Sub(earlier Traffic) Traffic {
	for i := range 2 {
		t.Packets[i] -= earlier.Packets[i]
		t.Bytes[i] -= earlier.Bytes[i]
	}
	return t
}

// Traffic sums up what was told so far.
func (j *Journey) Traffic() (t Traffic) {
	j.end(func() {
		for _, f := range j.flows {
			for i, s := range [...]*side{&f.us, &f.peer} {
				t.Packets[i] += s.packets
				t.Bytes[i] += s.total()
			}
		}
	})
	return t
}
