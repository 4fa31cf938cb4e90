package main

import (
	"fmt"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// states are what trace events say of connections, by the segments that they speak of: for the
// comments of a capture.
type states map[segmentKey]trace.Event

// A segmentKey tells one segment from another, near enough.
type segmentKey struct {
	seq, ack, len uint32
	flags         uint8
}

// mostStates bounds them.
const mostStates = 1 << 16

// add takes events of segments that were sent or received.
func (s *states) add(es []trace.Event) {
	if *s == nil {
		*s = make(states)
	}
	for _, e := range es {
		if e.Conn != 0 && e.State != 0 && (e.Kind == trace.Sent || e.Kind == trace.Received) && len(*s) < mostStates {
			(*s)[segmentKey{e.Seq, e.Ack, e.Len, e.Flags}] = e
		}
	}
}

// forget drops what no packet waits for.
func (s *states) forget() {
	if len(*s) > mostStates/2 {
		*s = nil
	}
}

// of is a comment on a packet: the state of its connection, the congestion window, the round-trip time.
func (s *states) of(r *link.Record) []string {
	h, b, err := wire.DecodeIPv4(r.Data)
	if err != nil || h.Protocol != wire.ProtoTCP || h.FragOff != 0 {
		return nil
	}
	t, payload, err := wire.DecodeTCP(b)
	if err != nil {
		return nil
	}
	k := segmentKey{uint32(t.Seq), uint32(t.Ack), uint32(len(payload)), uint8(t.Flags)}
	e, ok := (*s)[k]
	if !ok {
		return nil
	}
	delete(*s, k)
	text := tcp.State(e.State).String()
	if e.Cwnd > 0 {
		text += fmt.Sprintf(", cwnd %d", e.Cwnd)
	}
	if e.SRTT > 0 {
		text += fmt.Sprintf(", srtt %s", time.Duration(e.SRTT)*time.Microsecond)
	}
	return []string{text}
}
