package journey

import (
	"fmt"
	"strings"
	"time"
)

// A Request is one line of the waterfall. Times count from the first request's
// beginning; what did not happen is zero.
type Request struct {
	URL    string
	Proto  string // "HTTP/1.1"
	Kind   string // the media type of what came
	Code   int    // 0: nothing came
	Bytes  int64
	Via    string // the connection: our end of it
	Reused bool   // it had served before
	Err    error

	Begun, Named, Connected, Secured, First, End time.Duration
}

// Requested notes a request that has ended.
func (j *Journey) Requested(r Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.visits = append(j.visits, r)
}

// barColumns is how wide the bars of a waterfall are.
const barColumns = 32

// Waterfall tells the requests of a page, a bar each.
func (j *Journey) Waterfall() {
	j.end(func() {
		j.waterfall()
		j.blank()
	})
}

func (j *Journey) waterfall() {
	var end time.Duration
	conns := map[string]int{}
	for _, r := range j.visits {
		end = max(end, r.End)
		if r.Via != "" && conns[r.Via] == 0 {
			conns[r.Via] = len(conns) + 1
		}
	}
	j.line(margin + pad(j.t("what"), 24) + pad(j.t("code"), 5) + pad(j.t("bytes"), 10) + pad(j.t("over"), 5) + short(end))
	var bytes int64
	for _, r := range j.visits {
		code := fmt.Sprint(r.Code)
		if r.Code == 0 {
			code = "-"
		}
		over := "-"
		if r.Via != "" {
			over = fmt.Sprintf("#%d", conns[r.Via])
		}
		j.line(margin + pad(clean(lastPart(r.URL), 22), 24) + pad(code, 5) + pad(count(r.Bytes), 10) + pad(over, 4) + bar(&r, end))
		if r.Err != nil {
			j.line(margin + "  " + clean(r.Err.Error(), columns-len(margin)-2))
		}
		bytes += r.Bytes
	}
	j.blank()
	j.paragraph(j.t("%s over %s, %s in all. In a bar: n the name, c the connection, t TLS, . waiting for the first byte, = the body.",
		j.n(int64(len(j.visits)), "request"), j.n(int64(len(conns)), "connection"), j.n(bytes, "byte")))
}

// bar draws one request against the whole time.
func bar(r *Request, end time.Duration) string {
	b := []byte(strings.Repeat(" ", barColumns))
	at := func(d time.Duration) int {
		return int(int64(d) * (barColumns - 1) / max(int64(end), 1))
	}
	from := r.Begun
	for _, p := range []struct {
		until time.Duration
		mark  byte
	}{{r.Named, 'n'}, {r.Connected, 'c'}, {r.Secured, 't'}, {r.First, '.'}, {r.End, '='}} {
		if p.until == 0 || p.until < from {
			continue
		}
		for i := at(from); i <= at(p.until) && i < len(b); i++ {
			b[i] = p.mark
		}
		from = p.until
	}
	return "|" + string(b) + "|"
}

// lastPart is what people call a resource: the end of its path, with its query, or its host.
func lastPart(u string) string {
	u, _, _ = strings.Cut(u, "#")
	_, rest, ok := strings.Cut(u, "://")
	if !ok {
		return u
	}
	path, query, has := strings.Cut(rest, "?")
	if has {
		query = "?" + query
	}
	if i := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/'); i >= 0 {
		return path[i:] + query
	}
	return strings.TrimSuffix(path, "/") + "/" + query
}
