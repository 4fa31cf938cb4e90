package journey

import (
	"bytes"
	"strings"
	"testing"
)

// Every kind of URL, taken apart.
func TestURLs(t *testing.T) {
	golden(t, "urls.txt", toldURLs("en"))
	golden(t, "urls.ko.txt", toldURLs("ko"))
}

func toldURLs(lang string) string {
	var out bytes.Buffer
	for _, raw := range []string{
		"http://user:secret@www.sockeye.test:8080/fish/salmon.html?size=big&n=1#head",
		"https://www.sockeye.test/fish/",
		"www.sockeye.test",
		"https://192.0.2.1",
		"http://www.sockeye.test/fish/./trout/../../salmon.html",
		"wss://chat.sockeye.test/room",
		"ftp://ftp.sockeye.test/pub/fish%20list.txt",
		"file:///etc/hosts",
		"mailto:fish@sockeye.test,river@sockeye.test?subject=Up%20the%20stream&cc=sea@sockeye.test",
		"news:rec.outdoors.fishing",
		"news:4711@sockeye.test",
		"urn:isbn:0451450523",
		"gopher://old.sockeye.test/1",
		"http://www.sockeye.test:80800/",
		"http://www.sockeye.test/a-long-way-down-the-river/" + string(bytes.Repeat([]byte("and-on/"), 20)) + "a b",
		"http://",
	} {
		j := New(Options{Out: &out, Lang: lang})
		j.URL(raw)
		switch scheme, _, _ := strings.Cut(raw, ":"); scheme {
		case "mailto", "news", "urn", "file":
			j.Unsent(raw)
		}
	}
	return out.String()
}
