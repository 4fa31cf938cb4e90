package journey

import (
	"cmp"
	_ "embed" // the page's parts
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"
)

// The page is one file that needs no network: style, script and the journey's
// data are all in it.
//
//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/base.js
var baseJS string

//go:embed page/ladder.js
var ladderJS string

//go:embed page/plots.js
var plotsJS string

//go:embed page/page.js
var pageJS string

// pageTexts are the words that the page's script writes.
var pageTexts = []string{
	"The layers", "Requests", "The ladder", "The connections", "The story", "%s from us", "%s to us", "%s on the wire", "from us", "to us", "bytes",
	"all connections", "calls", "states", "frames", "name", "connection", "TLS", "waiting", "body", "reused",
	"Click a packet to see its headers.", "%s more are not drawn: the ladder is long", "sequence number", "congestion window",
	"in flight", "round-trip time", "measured", "SRTT, smoothed", "data from us", "data to us", "acknowledged", "window", "sent again", "lost",
	"what the program has", "Nothing was sent.", "each colour is a layer of the selected packet",
	"Drag over a plot to see a part of it; click twice for all of it (keys: + - arrows 0). A click shows that packet in the ladder.",
}

// pageCounts are what the script counts.
var pageCounts = []string{"packet", "byte", "request"}

// pageData is what the script draws.
type pageData struct {
	*recording
	Us     string            `json:"us"`
	Peer   string            `json:"peer"`
	URL    string            `json:"url"`
	Visits []visit           `json:"visits"`
	Layers []layerSum        `json:"layers"`
	T      map[string]string `json:"T"`
}

type visit struct {
	URL    string  `json:"url"`
	Name   string  `json:"name"`
	Proto  string  `json:"proto"`
	Kind   string  `json:"kind"`
	Code   int     `json:"code"`
	Bytes  int64   `json:"bytes"`
	Via    string  `json:"via"`
	Reused bool    `json:"reused"`
	Begun  float64 `json:"begun"`
	Named  float64 `json:"named"`
	Conn   float64 `json:"connected"`
	TLS    float64 `json:"secured"`
	First  float64 `json:"first"`
	End    float64 `json:"end"`
}

// A layerSum is how many bytes a layer sent and received.
type layerSum struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // its colour
	Out  int64  `json:"out"`
	In   int64  `json:"in"`
}

// WritePage writes the journey so far as one page of HTML. Options.Page must have been set.
func (j *Journey) WritePage(w io.Writer) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rec == nil {
		return nil
	}
	j.finish()
	data, err := json.Marshal(j.pageData()) // escapes <, > and &: nothing from the network ends the script
	if err != nil {
		return fmt.Errorf("journey: the page: %w", err)
	}
	title := cmp.Or(clean(j.raw, 200), j.o.Title, j.t("The journey"))
	lang := j.o.Lang
	if lang == "" {
		lang = "en"
	}
	_, err = strings.NewReplacer("{{lang}}", lang, "{{title}}", html.EscapeString(title), "{{css}}", pageCSS,
		"{{data}}", string(data), "{{js}}", baseJS+"\n"+ladderJS+"\n"+plotsJS+"\n"+pageJS, "{{story}}", html.EscapeString(strings.Join(j.rec.text, "\n"))).WriteString(w, pageHTML)
	return err
}

func (j *Journey) pageData() *pageData {
	d := &pageData{recording: j.rec, Us: j.o.Us, Peer: j.t(j.o.Peer), URL: clean(j.raw, 300), T: map[string]string{}, Visits: []visit{}}
	for _, t := range pageTexts {
		d.T[t] = j.t(t)
	}
	for _, what := range pageCounts {
		d.T["#1"+what], d.T["#"+what] = j.counted(1, what), j.counted(2, what)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, r := range j.visits {
		d.Visits = append(d.Visits, visit{clean(r.URL, 200), clean(lastPart(r.URL), 40), r.Proto, clean(r.Kind, 40), r.Code, r.Bytes, r.Via, r.Reused,
			ms(r.Begun), ms(r.Named), ms(r.Connected), ms(r.Secured), ms(r.First), ms(r.End)})
	}
	d.Layers = j.layerSums()
	return d
}

// layerSums are the bytes of all layers that there are.
func (j *Journey) layerSums() []layerSum {
	var us, peer side
	for _, f := range j.flows {
		for _, s := range [...]struct{ all, one *side }{{&us, &f.us}, {&peer, &f.peer}} {
			s.all.ip += s.one.ip
			s.all.tcp += s.one.tcp
			s.all.options += s.one.options
			s.all.payload += s.one.payload
		}
	}
	out, in := j.besides[0], j.besides[1]
	all := []layerSum{
		{j.t("what the program has"), "data", us.payload + out.payload, peer.payload + in.payload},
		{"TCP: " + j.t("options"), "options", us.options, peer.options},
		{"TCP: " + j.t("header"), "tcp", us.tcp, peer.tcp},
		{"UDP: " + j.t("header"), "udp", out.udp, in.udp},
		{j.t("other"), "other", out.other, in.other},
		{"IPv4", "ip", us.ip + out.ip, peer.ip + in.ip},
	}
	return slices.DeleteFunc(all, func(l layerSum) bool { return l.Kind != "data" && l.Out+l.In == 0 })
}
