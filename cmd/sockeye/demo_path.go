package main

import (
	"slices"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A path is a longer way to the other side: a link around another one. Each packet takes its time, and those of ours
// that it is told to lose do not arrive.
type path struct {
	link.Link
	start  time.Time
	faults link.Faults // of every packet that is not to be lost

	mu      sync.Mutex
	out, in *link.Impair
	going   *time.Timer // for the next packet from us to arrive
	coming  *time.Timer // for the next one to us
	data    int         // packets of ours with data, since lose
	drop    []int       // which of them are lost
	dark    time.Time   // until then all of them are
	lost    map[string]int
}

// pathRate is what the longer way carries, bytes per second: 4 Mbit/s, so that packets arrive one after the other. A
// full one takes 3 ms more than a SYN does, so that its round trip is not taken for one of the segment that was lost
// where a timer of ours was late meanwhile (RFC 8985 6.2: less than the shortest says nothing).
const pathRate = 4_000_000 / 8

// newPath makes l longer.
func newPath(l link.Link, delay time.Duration) *path {
	p := &path{Link: l, start: time.Now(), faults: link.Faults{Delay: delay, Rate: pathRate}, lost: map[string]int{}}
	p.out, p.in = link.NewImpair(p.faults, 1), link.NewImpair(p.faults, 2)
	p.going = time.AfterFunc(time.Hour, p.arrive)
	p.coming = time.AfterFunc(time.Hour, l.Wake)
	return p
}

// lose loses, of the packets of ours that carry TCP's data from now on, those with these numbers; the first is 1.
func (p *path) lose(numbers ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data, p.drop = 0, numbers
}

// loseFor loses all packets of ours that carry TCP's data, for a while.
func (p *path) loseFor(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dark = time.Now().Add(d)
}

// wasLost reports whether a packet of ours was lost, once for each that was.
func (p *path) wasLost(r *link.Record) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := string(r.Data)
	if p.lost[k] == 0 {
		return false
	}
	p.lost[k]--
	return true
}

func (p *path) now() clock.Instant { return clock.Instant(time.Since(p.start)) + 1 }

// WriteBatch implements link.Link: the packets set out.
func (p *path) WriteBatch(ps []link.Packet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range ps {
		p.put(&ps[i])
	}
	return p.deliver()
}

// put sends one packet on its way, or loses it.
func (p *path) put(k *link.Packet) {
	faults := p.faults
	if whole := k.AppendTo(nil); carriesData(whole) {
		if p.data++; slices.Contains(p.drop, p.data) || time.Now().Before(p.dark) {
			faults.Loss = 1
			p.lost[string(whole)]++
		}
	}
	p.out.SetFaults(faults)
	p.out.Put(p.now(), k)
}

// deliver hands over what has arrived. p.mu is held.
func (p *path) deliver() error {
	var ps [64]link.Packet
	for {
		n := p.out.Take(p.now(), ps[:])
		if n == 0 {
			break
		}
		if err := p.Link.WriteBatch(ps[:n]); err != nil {
			return err
		}
	}
	p.arm(p.going, p.out)
	return nil
}

// arrive is deliver by the timer.
func (p *path) arrive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.deliver() // what the link refuses now is lost on the way
}

// arm sets a timer for the next packet of m.
func (p *path) arm(t *time.Timer, m *link.Impair) {
	if at := m.Deadline(); at != clock.Never {
		t.Reset(max(0, at.Sub(p.now())))
	}
}

// TryRead implements link.Link: what comes takes its time, too.
func (p *path) TryRead(ps []link.Packet) (int, error) {
	var came [64]link.Packet
	n, err := p.Link.TryRead(came[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range n {
		p.in.Put(p.now(), &came[i])
	}
	got := p.in.Take(p.now(), ps)
	p.arm(p.coming, p.in)
	if got > 0 {
		return got, nil
	}
	return 0, err
}

// Wait implements link.Link.
func (p *path) Wait(alone bool) error {
	p.mu.Lock()
	due := p.in.Deadline().Due(p.now())
	p.mu.Unlock()
	if due {
		return nil
	}
	return p.Link.Wait(alone)
}

// Features implements link.Link: each packet goes alone, so that each can be lost, with its checksum, so that it is
// the one that was recorded.
func (p *path) Features() link.Features { return link.Features{MTU: p.Link.Features().MTU} }

// Close implements link.Link.
func (p *path) Close() error {
	p.going.Stop()
	p.coming.Stop()
	return p.Link.Close()
}

// carriesData reports whether a packet is a TCP segment with data.
func carriesData(whole []byte) bool {
	h, b, err := wire.DecodeIPv4(whole)
	if err != nil || h.Protocol != wire.ProtoTCP {
		return false
	}
	_, payload, err := wire.DecodeTCP(b)
	return err == nil && len(payload) > 0
}
