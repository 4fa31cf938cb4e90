package browse

import (
	"maps"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sockeye-net/sockeye/apps/http"
)

// net/http keeps the fields of HTTP/2 in a map and says no stream's number, so the order in which a server sent
// them is taken from the frames: the head is among those that came and with which nobody has been answered yet.

// mostWaiting bounds the heads that wait for their response to be handed out.
const mostWaiting = 256

// headsSeen are the heads of the responses on one connection that have come.
type headsSeen struct {
	mu  sync.Mutex
	all [][]http.Field
}

// note keeps the head of a final response.
func (h *headsSeen) note(f Frame) {
	if code := http.Get(f.Fields, ":status"); f.Sent || code == "" || code[0] == '1' {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) >= mostWaiting {
		h.all = slices.Delete(h.all, 0, 1)
	}
	h.all = append(h.all, f.Fields)
}

// of is a response's fields in the order in which they came; nil where that is not known.
func (h *headsSeen) of(r *nethttp.Response) []http.Field {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, fields := range h.all {
		if http.Get(fields, ":status") != strconv.Itoa(r.StatusCode) || !maps.EqualFunc(headerOf(fields), r.Header, slices.Equal) {
			continue
		}
		h.all = slices.Delete(h.all, i, i+1)
		return slices.DeleteFunc(slices.Clone(fields), func(f http.Field) bool { return strings.HasPrefix(f.Name, ":") })
	}
	return nil
}

// headerOf is a head as net/http makes it of the fields.
func headerOf(fields []http.Field) nethttp.Header {
	all := nethttp.Header{}
	for _, f := range fields {
		if f.Name != "trailer" && !strings.HasPrefix(f.Name, ":") { // which it has elsewhere
			all.Add(f.Name, f.Value)
		}
	}
	return all
}

// sorted is a header's fields by their names.
func sorted(h nethttp.Header) (fields []http.Field) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			fields = append(fields, http.Field{Name: strings.ToLower(name), Value: v})
		}
	}
	return fields
}
