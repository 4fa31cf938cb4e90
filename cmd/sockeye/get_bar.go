package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A bar shows on a terminal how far a long page has come. A nil one shows nothing.
type bar struct {
	to          io.Writer
	total, done int64 // bytes; total -1: unknown
	begun, seen time.Time
}

const (
	barPause = 200 * time.Millisecond // between two looks
	barDelay = 500 * time.Millisecond // what is over by then needs no bar
	barWidth = 16                     // so that large numbers fit into 80 columns, too
)

func newBar(to io.Writer, total int64) *bar {
	now := time.Now()
	return &bar{to: to, total: total, begun: now, seen: now.Add(barDelay - barPause)}
}

func (b *bar) add(n int) {
	if b == nil {
		return
	}
	b.done += int64(n)
	if now := time.Now(); now.Sub(b.seen) >= barPause {
		b.seen = now
		fmt.Fprint(b.to, "\r"+b.line(now.Sub(b.begun))+"\x1b[K")
	}
}

// line is the bar after some time.
func (b *bar) line(after time.Duration) string {
	rate := int64(float64(b.done) / max(after.Seconds(), 0.001))
	if b.total <= 0 {
		return fmt.Sprintf("%10s  %s/s ", bytesText(b.done), bytesText(rate))
	}
	full := min(int(b.done*barWidth/b.total), barWidth)
	left := "?"
	if rate > 0 {
		left = (time.Duration((b.total-b.done)/rate) * time.Second).String()
	}
	return fmt.Sprintf("[%s%s] %3d %%  %s of %s  %s/s  %s left ", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		b.done*100/b.total, bytesText(b.done), bytesText(b.total), bytesText(rate), left)
}

// end takes the bar off the screen.
func (b *bar) end() {
	if b != nil && b.seen.After(b.begun.Add(barDelay-barPause)) {
		fmt.Fprint(b.to, "\r\x1b[K")
	}
}

// bytesText is a number of bytes for a person.
func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprint(n, " B")
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit && i < 3; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[i])
}
