package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What was read together may hold trains: segments that continue the one before
// them under the same headers. The first takes the whole walk. For those behind it
// the headers are compared, not decoded, and their bytes copied to where they
// belong and summed in one pass; then TCP takes all of them at once (tcp/train.go
// says why that is the same). What fails any of this takes the walk by itself.

// InputBatch takes packets that were read together, in order. It is Input for
// each of them, and faster. It borrows ps until it returns and never keeps a reference.
func (h *Host) InputBatch(now clock.Instant, ps []link.Packet) {
	for len(ps) > 0 {
		h.lead = nil
		h.Input(now, &ps[0])
		n := 1
		if h.lead != nil && len(ps) > 1 && ps[0].GSOSize == 0 {
			n += h.inputTrain(now, h.lead, ps)
		}
		ps = ps[n:]
	}
}

// inputTrain takes those of ps that follow the first, which has just arrived at s
// and is still in h.arrival, and returns how many they are.
func (h *Host) inputTrain(now clock.Instant, s *socket, ps []link.Packet) int {
	a := &h.arrival
	if s.conn == nil || !h.leader.Set(ps[0].Head) {
		return 0
	}
	room := s.conn.TrainRoom(a)
	t := tcp.Train{Size: h.leader.Size()}
	n := 0
	for n+1 < len(ps) && ps[n+1].GSOSize == 0 {
		size, push, ok := h.leader.Follows(ps[n+1].Head)
		if !ok || t.Bytes+size > room {
			break
		}
		t.Bytes, t.Push = t.Bytes+size, push
		n++
	}
	if n == 0 {
		return 0
	}
	h.copyTrain(s.conn.TrainSpans(a, t.Bytes), ps[1:1+n], &t)
	s.conn.ArriveTrain(now, a, &t)
	if t.Segments == 0 {
		return 0
	}
	for i := range ps[1 : 1+t.Segments] {
		if h.tap != nil {
			h.tap.Put(now, link.In, trace.None, 0, &ps[1+i])
		}
	}
	h.counters.IP.InReceives += uint64(t.Segments)
	h.counters.IP.InDelivers += uint64(t.Segments)
	h.counters.TCP.InSegs += uint64(t.Segments)
	h.collect(now, s)
	return t.Segments
}

// copyTrain copies the payload of ps to spans, up to the first whose checksum is
// wrong or that does not fit, and makes t what was copied.
func (h *Host) copyTrain(spans [2][]byte, ps []link.Packet, t *tcp.Train) {
	want, last := t.Bytes, t.Push
	var place [2][]byte
	t.Bytes, t.Push = 0, false
	for i := range ps {
		p := &ps[i]
		n := min(t.Size, want-t.Bytes)
		payload := p.Head[h.leader.HeaderLen():][:n]
		if len(spans[0])+len(spans[1]) < n {
			return
		}
		moveSpans(&place, &spans, n)
		if p.CsumDone {
			copy(place[1], payload[copy(place[0], payload):])
		} else if sum := h.leader.SumHeader(p.Head, n); wire.Fold(wire.SumCopyPair(sum, place, payload)) != 0 {
			return
		}
		t.Bytes += n
		t.Segments++
		t.Push = last && t.Bytes == want
	}
}
