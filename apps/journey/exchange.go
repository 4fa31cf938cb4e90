package journey

import (
	"strings"
)

// bodyLines is how much of a page is shown.
const bodyLines = 12

// Talk begins the fourth chapter: calls, request and response.
func (j *Journey) Talk() {
	j.end(func() {
		j.heading("The calls, the request, the response")
	})
}

// Messages shows a request's head, a response's head and the beginning of its
// body, as they were on the wire.
func (j *Journey) Messages(request, response, body []byte, total int64) {
	j.end(func() {
		if j.recent != nil {
			j.recent.http = true
		}
		j.blank()
		j.message("> ", request, 40)
		j.blank()
		j.message("< ", response, 40)
		if len(body) > 0 {
			j.line(margin + "<")
			j.message("< ", body, bodyLines)
		}
		if rest := total - int64(len(body)); rest > 0 {
			j.line(margin + "< ... " + j.t("%s more", j.n(rest, "byte")))
		}
		j.blank()
	})
}

func (j *Journey) message(mark string, text []byte, most int) {
	lines := strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	for i, l := range lines {
		if i == most {
			j.line(margin + mark + "... " + j.t("%s more", j.n(int64(len(lines)-i), "line")))
			return
		}
		j.line(margin + mark + j.covered(clean(strings.TrimRight(l, "\r"), columns-len(margin)-len(mark))))
	}
}

// covered is a line of a message without the password that it may carry.
func (j *Journey) covered(line string) string {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !strings.EqualFold(name, "Authorization") && !strings.EqualFold(name, "Proxy-Authorization") {
		return line
	}
	how, _, _ := strings.Cut(strings.TrimLeft(value, " "), " ")
	return name + ": " + how + " " + j.t("(not shown)")
}
