package main

import (
	"fmt"
	"net/netip"
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
	case http.HeadReceived:
		w.first = at
	}
}

// text fills in the variables of -w, which are curl's; one that is not known is nothing.
func (w *written) text(format string) string {
	format = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\\`, `\`).Replace(format)
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(format, "%{")
		name, rest, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return b.String() + strings.ReplaceAll(format, "%%", "%")
		}
		b.WriteString(strings.ReplaceAll(before, "%%", "%") + w.value(name))
		format = rest
	}
}

func (w *written) value(name string) string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
	switch name {
	case "size_download":
		return strconv.FormatInt(w.bytes, 10)
	case "speed_download":
		return fmt.Sprintf("%.0f", float64(w.bytes)/max(w.all.Seconds(), 1e-6))
	case "num_connects":
		return strconv.Itoa(w.connects)
	case "time_namelookup":
		return seconds(w.named)
	case "time_connect":
		return seconds(w.connected)
	case "time_appconnect":
		return seconds(w.secured)
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
	case "num_redirects", "size_header", "http_version":
		return "0"
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
	case "num_redirects":
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
