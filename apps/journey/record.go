package journey

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What a page keeps at most: beyond it things are counted, so that a long
// transfer makes no endless page.
const (
	mostRows    = 6000
	mostPoints  = 20000
	mostLines   = 5000
	shownOctets = 192 // of a packet
)

// A recording is what a page is made of. Its fields are the page's: see page.js.
type recording struct {
	Rows    []row      `json:"rows"`
	Packets []seen     `json:"packets"`
	Missing int        `json:"missing"` // packets that are not in Rows
	Flows   []*plotted `json:"flows"`
	text    []string

	now     *link.Record // the packet that is being told
	samples []sample
	index   map[flowKey]int
}

// A row is a line of the ladder.
type row struct {
	Kind   string  `json:"k"` // packet, call, state or frame
	At     float64 `json:"t"` // ms
	Text   string  `json:"x"`
	Why    string  `json:"w,omitempty"`
	Ours   bool    `json:"o,omitempty"`
	Lost   bool    `json:"lost,omitempty"`
	Flow   int     `json:"f"` // -1: none
	Packet int     `json:"p"` // -1: none
}

// A seen packet is one with its headers decoded.
type seen struct {
	Layers []layer `json:"l"`
	Octets string  `json:"h"` // hexadecimal, the first of them
	Length int     `json:"n"`
	at     clock.Instant
	conn   uint64
	flow   int
}

// A plotted flow is a connection with what its plots need.
type plotted struct {
	Local  string     `json:"local"`
	Remote string     `json:"remote"`
	TCP    bool       `json:"tcp"`
	Data   [][6]int64 `json:"data"`  // at (us), from, to, ours, repeated, lost
	Acks   [][4]int64 `json:"acks"`  // at, number, ours, the window's right edge
	SACKs  [][4]int64 `json:"sacks"` // at, from, to, ours: what a SACK block says has arrived
	Cwnd   [][3]int64 `json:"cwnd"`  // at, cwnd, srtt (us)
	Flight [][2]int64 `json:"flight"`
	RTT    [][2]int64 `json:"rtt"` // at, us: measured between data and ACK
	marks  []mark     // ours, not acknowledged yet
	sent   wire.Seq   // highest
	acked  wire.Seq   // highest
	known  map[uint64]bool
}

// A mark is a segment whose ACK will tell a round-trip time.
type mark struct {
	end wire.Seq
	at  clock.Instant
}

// A sample is what an event said of a connection.
type sample struct {
	at         clock.Instant
	conn       uint64
	state      uint8
	cwnd, srtt uint32
}

func newRecording() *recording {
	return &recording{Rows: []row{}, Packets: []seen{}, Flows: []*plotted{}, index: map[flowKey]int{}} // lists in JSON, and no null
}

// flow returns the number of a flow, -1 beyond their limit.
func (r *recording) flow(k flowKey, isTCP bool) int {
	if !k.local.IsValid() {
		return -1
	}
	if i, ok := r.index[k]; ok {
		return i
	}
	if len(r.Flows) >= maxFlows {
		return -1
	}
	r.index[k] = len(r.Flows)
	r.Flows = append(r.Flows, &plotted{Local: endpoint(k.local), Remote: endpoint(k.remote), TCP: isTCP, known: map[uint64]bool{},
		Data: [][6]int64{}, Acks: [][4]int64{}, SACKs: [][4]int64{}, Cwnd: [][3]int64{}, Flight: [][2]int64{}, RTT: [][2]int64{}})
	return len(r.Flows) - 1
}

// record adds a row that is no packet.
func (j *Journey) record(kind string, at clock.Instant, text string) {
	r := j.rec
	if r == nil || len(r.Rows) >= mostRows {
		return
	}
	f := -1
	if kind == "state" {
		f = r.flow(j.ladder.flow, true)
	}
	r.Rows = append(r.Rows, row{Kind: kind, At: j.since(at), Text: text, Flow: f, Packet: -1})
}

// recordPacket adds the packet that is being told.
func (j *Journey) recordPacket(ours bool, text, why string) {
	r := j.rec
	if r == nil || r.now == nil {
		return
	}
	p := r.now
	r.now = nil
	if len(r.Rows) >= mostRows {
		r.Missing++
		return
	}
	layers, k, isTCP := j.decode(p)
	f := r.flow(k, isTCP)
	if f >= 0 && r.Flows[f].TCP && p.Conn != 0 {
		r.Flows[f].known[p.Conn] = true
	}
	r.Rows = append(r.Rows, row{Kind: "packet", At: j.since(p.At), Text: text, Why: why, Ours: ours, Lost: j.lost, Flow: f, Packet: len(r.Packets)})
	r.Packets = append(r.Packets, seen{Layers: layers, Octets: hex.EncodeToString(hushedPacket(p.Data, layers)[:min(len(p.Data), shownOctets)]),
		Length: p.Length, at: p.At, conn: p.Conn, flow: f})
}

// since is a time in milliseconds from the first thing told.
func (j *Journey) since(at clock.Instant) float64 {
	if j.start == clock.Never {
		j.start = at
	}
	return float64(at.Sub(j.start).Microseconds()) / 1000
}

// recordSegment notes what a connection's plots need of a segment.
func (j *Journey) recordSegment(f *flow, at clock.Instant, s *segment) {
	r := j.rec
	if r == nil {
		return
	}
	i := r.flow(f.flowKey, true)
	if i < 0 || len(r.Flows[i].Data)+len(r.Flows[i].Acks) > mostPoints {
		return
	}
	j.since(at)
	us := at.Sub(j.start).Microseconds()
	r.Flows[i].take(f, us, at, s, j.lost)
}

func (p *plotted) take(f *flow, us int64, at clock.Instant, s *segment, lost bool) {
	me, other, ours := &f.us, &f.peer, int64(1)
	if !s.ours {
		me, other, ours = other, me, 0
	}
	if s.len > 0 {
		from := int64(me.relative(s.Seq))
		p.Data = append(p.Data, [6]int64{us, from, from + int64(s.len), ours, truth(s.repeat), truth(lost)})
	}
	if s.Flags&wire.ACK != 0 && s.Flags&wire.RST == 0 && other.known {
		n := int64(other.relative(s.Ack))
		p.Acks = append(p.Acks, [4]int64{us, n, ours, n + f.window(s)})
		for _, b := range s.Options.SACK[:s.Options.NumSACK] {
			p.SACKs = append(p.SACKs, [4]int64{us, int64(other.relative(b.Left)), int64(other.relative(b.Right)), ours})
		}
	}
	p.measure(f, us, at, s)
}

// window is how far a segment lets its other side send.
func (f *flow) window(s *segment) int64 {
	mine, theirs := f.us.syn.Options, f.peer.syn.Options
	if s.Flags&wire.SYN != 0 || !mine.HasWindowScale || !theirs.HasWindowScale {
		return int64(s.Window)
	}
	if s.ours {
		return int64(s.Window) << min(mine.WindowScale, 14)
	}
	return int64(s.Window) << min(theirs.WindowScale, 14)
}

// measure notes what is in flight from us, and round-trip times (not of what was repeated: Karn).
func (p *plotted) measure(f *flow, us int64, at clock.Instant, s *segment) {
	switch end := s.Seq.Add(s.SegLen(s.len)); {
	case s.ours && s.repeat:
		p.marks = nil
	case s.ours && s.SegLen(s.len) > 0:
		if p.sent = wire.MaxSeq(p.sent, end); len(p.marks) == 0 && p.acked == 0 {
			p.sent, p.acked = end, s.Seq
		}
		if len(p.marks) < 4096 {
			p.marks = append(p.marks, mark{end, at})
		}
	case !s.ours && s.Flags&wire.ACK != 0 && p.acked.Less(s.Ack):
		p.acked = s.Ack
		n := 0
		for n < len(p.marks) && p.marks[n].end.LessEq(s.Ack) {
			n++
		}
		if n > 0 {
			p.RTT = append(p.RTT, [2]int64{us, at.Sub(p.marks[n-1].at).Microseconds()})
			p.marks = p.marks[n:]
		}
	default:
		return
	}
	p.Flight = append(p.Flight, [2]int64{us, int64(max(0, p.sent.Sub(p.acked)))})
}

// recordEvents notes what the stack itself says of its connections.
func (j *Journey) recordEvents(es []trace.Event) {
	if j.rec == nil {
		return
	}
	for _, e := range es {
		if e.Conn != 0 && (e.Cwnd > 0 || e.Kind == trace.StateChanged) && len(j.rec.samples) < mostPoints {
			j.rec.samples = append(j.rec.samples, sample{e.At, e.Conn, e.State, e.Cwnd, e.SRTT})
		}
	}
}

// recordLine keeps a line of the text.
func (j *Journey) recordLine(s string) {
	if j.rec == nil || len(j.rec.text) >= mostLines {
		return
	}
	for { // colours are the terminal's
		before, rest, ok := strings.Cut(s, "\x1b[")
		if !ok {
			break
		}
		_, rest, _ = strings.Cut(rest, "m")
		s = before + rest
	}
	j.rec.text = append(j.rec.text, strings.TrimRight(s, " "))
}

// finish puts samples to the connections and packets that they speak of.
func (j *Journey) finish() {
	r := j.rec
	of := map[uint64]*plotted{}
	for _, f := range r.Flows {
		for conn := range f.known {
			of[conn] = f
		}
		f.Cwnd = f.Cwnd[:0]
	}
	for _, s := range r.samples {
		if f := of[s.conn]; f != nil && s.cwnd > 0 && j.start != clock.Never {
			f.Cwnd = append(f.Cwnd, [3]int64{s.at.Sub(j.start).Microseconds(), int64(s.cwnd), int64(s.srtt)})
		}
	}
	slices.SortStableFunc(r.samples, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	last, next := map[*plotted]*sample{}, 0
	order := make([]int, len(r.Packets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.Packets[a].at, r.Packets[b].at) })
	for _, i := range order { // as the samples
		p := &r.Packets[i]
		for ; next < len(r.samples) && r.samples[next].at <= p.at; next++ {
			last[of[r.samples[next].conn]] = &r.samples[next]
		}
		if p.flow < 0 || r.Flows[p.flow] == nil {
			continue
		}
		if s := last[r.Flows[p.flow]]; s != nil && p.Layers[len(p.Layers)-1].Name != ourState {
			p.Layers = append(p.Layers, j.stateLayer(s))
		}
	}
}

const ourState = "state"

func (j *Journey) stateLayer(s *sample) layer {
	l := layer{Name: ourState, Title: j.t("Our connection then")}
	l.add(j.t("state"), tcp.State(s.state).String())
	if s.cwnd > 0 {
		l.add("cwnd", j.n(int64(s.cwnd), "byte"))
	}
	if s.srtt > 0 {
		l.addf("SRTT", "%.3f ms", float64(s.srtt)/1000)
	}
	return l
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
