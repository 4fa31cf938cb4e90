package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// written are the times and the sizes of a fetch, for -w.
type written struct {
	begun                                 time.Time
	named, connected, secured, first, all time.Duration // since begun
	resp                                  *browse.Response
	bytes                                 int64
	connects                              int
	headed                                time.Duration // when Do came back: HTTP/2 has no steps

	sent            int64         // bytes of the request's body
	request         int64         // bytes of the heads that we sent; of HTTP/1
	hopped          time.Duration // when the last redirect was followed, since begun
	tunnelled       int           // what the proxy answered to CONNECT
	method, referer string

	asked         string   // the URL
	at            *url.URL // of FTP, which has no resp
	code          int      // of its last reply
	local, remote netip.AddrPort
}

func (w *written) since() time.Duration { return time.Since(w.begun) }

// step notes when a step was done. The last connection's count, as with curl.
func (w *written) step(st http.Step) {
	at := st.At.Sub(w.begun)
	switch st.Kind {
	case http.Resolved:
		w.named = at
	case http.Connected:
		w.connected = at
		w.connects++
	case http.Secured:
		w.secured = at
	case http.Tunnelled:
		w.tunnelled = codeIn(st.Raw)
	case http.RequestSent:
		w.sent, w.request = 0, w.request+st.Bytes
	case http.BodySent:
		w.sent = st.Bytes
	case http.HeadReceived:
		w.first = at
	}
}

// codeIn is the code in a status line.
func codeIn(head []byte) int {
	_, rest, _ := strings.Cut(string(head), " ")
	code, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(strings.TrimSpace(code))
	return n
}

// A writing is -w's text as it is filled in.
type writing struct {
	*written
	out, err io.Writer
	failed   error // how the fetch ended
	file     string
}

// writeOut does -w: TEXT, or what is in a file (@FILE; @-: standard input), for a fetch that ended with err.
func (p *program) writeOut(w *written, f *getFlags, file string, err error) error {
	if f.writeOut == "" {
		return nil
	}
	text := f.writeOut
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, rerr := readAll(p.in, name)
		if rerr != nil {
			return fail(curlRead, fmt.Errorf("-w: %w", rerr))
		}
		text = strings.NewReplacer("\n", "", "\r", "").Replace(string(b)) // its line ends mean nothing
	}
	(&writing{written: w, out: p.out, err: p.err, failed: err, file: file}).write(text)
	return nil // p.out remembers
}

// readAll is a file, or standard input.
func readAll(in io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// write fills in the variables of -w, which are curl's; of one that is not known it says so.
func (w *writing) write(format string) {
	format = strings.NewReplacer(`\\`, `\\`, `\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(format) // curl's, and no other
	to := w.out
	say := func(text string) { _, _ = io.WriteString(to, text) } // who writes out remembers
	for {
		before, after, ok := strings.Cut(format, "%")
		say(before)
		if !ok {
			return
		}
		name, rest, closed := strings.Cut(after, "}")
		switch {
		case strings.HasPrefix(after, "%"):
			say("%")
			rest = after[1:]
		case closed && strings.HasPrefix(name, "header{"):
			say(w.header(strings.TrimPrefix(name, "header{")))
		case !closed || !strings.HasPrefix(name, "{"):
			say("%")
			rest = after
		case name == "{stdout":
			to = w.out
		case name == "{stderr":
			to = w.err
		case name == "{onerror" && w.failed == nil:
			return
		case name == "{onerror":
		default:
			value, known := w.value(name[1:])
			if !known {
				fmt.Fprintf(w.err, "sockeye get: unknown --write-out variable: %q\n", name[1:])
			}
			say(value)
		}
		format = rest
	}
}

// header is a field of the last response.
func (w *writing) header(name string) string {
	if w.resp == nil {
		return ""
	}
	return http.Get(w.resp.Fields, name)
}

// writable are the variables that are known.
var writable = strings.Fields(`content_type errormsg exitcode filename_effective header_json http_code http_connect http_version
	json local_ip local_port method num_connects num_headers num_redirects onerror redirect_url referer remote_ip remote_port
	response_code scheme size_download size_header size_request size_upload speed_download speed_upload time_appconnect
	time_connect time_namelookup time_pretransfer time_redirect time_starttransfer time_total url url_effective urlnum`)

// value is a variable.
func (w *writing) value(name string) (text string, known bool) {
	if !slices.Contains(writable, name) {
		return "", false
	}
	switch name {
	case "exitcode":
		return strconv.Itoa(codeOf(w.failed)), true
	case "errormsg":
		if w.failed != nil {
			return oneLine(w.failed.Error()), true
		}
		return "", true
	case "filename_effective":
		return w.file, true
	case "json":
		return w.json(), true
	}
	return w.written.value(name), true
}

// codeOf is the code that an error ends the program with.
func codeOf(err error) int {
	var e *exit
	if errors.As(err, &e) {
		return e.code
	}
	return 0
}

// json is all variables, for programs: numbers where they are numbers.
func (w *writing) json() string {
	all := map[string]any{}
	for _, name := range writable {
		switch name {
		case "json", "header_json", "onerror":
			continue
		}
		text, _ := w.value(name)
		all[name] = text
		if n, err := strconv.ParseFloat(text, 64); err == nil && name != "http_version" && !strings.HasSuffix(name, "_ip") {
			all[name] = n
		}
		if text == "" {
			all[name] = nil
		}
	}
	b, _ := json.Marshal(all) // strings and numbers
	return string(b)
}

func (w *written) value(name string) string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
	speed := func(n int64) string { return fmt.Sprintf("%.0f", float64(n)/max(w.all.Seconds(), 1e-6)) }
	switch name {
	case "size_download":
		return strconv.FormatInt(w.bytes, 10)
	case "size_upload":
		return strconv.FormatInt(w.sent, 10)
	case "size_request":
		return strconv.FormatInt(w.request+w.sent, 10)
	case "speed_download":
		return speed(w.bytes)
	case "speed_upload":
		return speed(w.sent)
	case "num_connects":
		return strconv.Itoa(w.connects)
	case "urlnum":
		return "0"
	case "http_connect":
		return fmt.Sprintf("%03d", w.tunnelled)
	case "time_namelookup":
		return seconds(w.named)
	case "time_connect":
		return seconds(w.connected)
	case "time_appconnect":
		return seconds(w.secured)
	case "time_pretransfer":
		return seconds(max(w.named, w.connected, w.secured))
	case "time_redirect":
		return seconds(w.hopped)
	case "time_starttransfer":
		return seconds(w.first)
	case "time_total":
		return seconds(w.all)
	}
	if w.at != nil {
		return w.replied(name)
	}
	if w.resp == nil {
		return w.unanswered(name)
	}
	return w.answered(name)
}

// unanswered are the variables where nothing came.
func (w *written) unanswered(name string) string {
	switch name {
	case "http_code", "response_code":
		return "000"
	case "num_redirects", "size_header", "http_version", "num_headers":
		return "0"
	case "method":
		return w.method
	case "header_json":
		return "{}"
	case "url_effective", "url":
		return w.asked
	}
	return ""
}

// replied are the variables of which an FTP server's replies tell.
func (w *written) replied(name string) string {
	switch name {
	case "http_code", "response_code":
		return fmt.Sprintf("%03d", w.code)
	case "url_effective", "url":
		return w.at.String()
	case "scheme":
		return w.at.Scheme
	case "num_redirects", "num_headers", "size_header", "http_version":
		return "0"
	}
	return place(name, w.local, w.remote)
}

// place are the variables of a connection's ends.
func place(name string, local, remote netip.AddrPort) string {
	switch name {
	case "remote_ip":
		return remote.Addr().String()
	case "remote_port":
		return strconv.Itoa(int(remote.Port()))
	case "local_ip":
		return local.Addr().String()
	case "local_port":
		return strconv.Itoa(int(local.Port()))
	}
	return ""
}

// answered are the variables of which a response tells.
func (w *written) answered(name string) string {
	switch r := w.resp; name {
	case "http_code", "response_code":
		return fmt.Sprintf("%03d", r.Code)
	case "http_version":
		return strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0")
	case "content_type":
		return http.Get(r.Fields, "Content-Type")
	case "num_redirects":
		return strconv.Itoa(len(r.Via))
	case "num_headers":
		return strconv.Itoa(len(r.Fields))
	case "header_json":
		return headerJSON(r.Fields)
	case "method":
		return w.method
	case "referer":
		return w.referer
	case "redirect_url":
		if next, err := r.URL.Resolve(http.Get(r.Fields, "Location")); err == nil && http.Get(r.Fields, "Location") != "" {
			return next.String()
		}
	case "url_effective", "url":
		return r.URL.String()
	case "scheme":
		return r.URL.Scheme
	case "size_header":
		n := len(r.Head())
		for _, h := range r.Via {
			n += len(h.Raw)
		}
		return strconv.Itoa(n)
	}
	return place(name, w.resp.Local, w.resp.Remote)
}

// headerJSON is fields as curl writes them: the names in lower case in the order of their first, with all their values.
func headerJSON(fields []http.Field) string {
	var names []string
	values := map[string][]string{}
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if values[name] == nil {
			names = append(names, name)
		}
		values[name] = append(values[name], f.Value)
	}
	var b strings.Builder
	for i, name := range names {
		key, _ := json.Marshal(name) // strings
		all, _ := json.Marshal(values[name])
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "%s:%s", key, all)
	}
	return "{" + b.String() + "\n}"
}
