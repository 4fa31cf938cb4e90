//go:build linux

package browse

import (
	"crypto/tls"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2/hpack"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// The frames of HTTP/2 are told, with their heads and what HPACK made of them.
func TestFrames(t *testing.T) {
	w := newWorld(t)
	site := w.serve("h2", "example.com", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == "/" {
			nethttp.Redirect(rw, r, "/end", nethttp.StatusFound)
			return
		}
		rw.Header().Set("X-Fish", "salmon")
		_, _ = io.WriteString(rw, strings.Repeat("x", 40000))
	})
	var mu sync.Mutex
	var all []Frame
	w.Frames = func(f Frame) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, f)
	}
	var hops []string
	w.Hopped = func(h Hop, next *url.URL) { hops = append(hops, h.URL.Path+" "+next.Path) }
	resp, body, err := w.fetch(&http.Request{URL: site + "/"})
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", resp.Proto)
	require.NotNil(t, resp.TLS)
	require.True(t, resp.Reused, "the second hop")
	require.NotZero(t, resp.Local.Port())
	require.Len(t, body, 40000)
	require.Equal(t, []string{"/ /end"}, hops)

	mu.Lock()
	defer mu.Unlock()
	heads, data := map[bool][]Frame{}, 0
	for _, f := range all {
		if f.Fields != nil {
			heads[f.Sent] = append(heads[f.Sent], f)
		}
		if f.Type == FrameData && !f.Sent {
			data += f.Length
		}
	}
	require.GreaterOrEqual(t, data, 40000)
	require.Len(t, heads[true], 2)
	require.Len(t, heads[false], 2)
	for sent, list := range heads {
		require.Equal(t, uint32(1), list[0].Stream)
		require.Equal(t, uint32(3), list[1].Stream)
		require.Less(t, list[0].Packed, list[0].Plain)
		if sent { // the second time most of it is in the table
			require.Less(t, list[1].Packed, list[0].Packed)
		}
	}
	require.Equal(t, "https", http.Get(heads[true][1].Fields, ":scheme"))
	require.Equal(t, "/end", http.Get(heads[true][1].Fields, ":path"))
	require.Equal(t, "200", http.Get(heads[false][1].Fields, ":status"))
	require.Equal(t, "salmon", http.Get(heads[false][1].Fields, "x-fish"))
}

// Fields come in the order in which the server sent them, of several at a time each its own; what is no final head is
// nobody's.
func TestOrderOfFields(t *testing.T) {
	field := func(pairs ...string) (all []http.Field) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, http.Field{Name: pairs[i], Value: pairs[i+1]})
		}
		return all
	}
	h := &headsSeen{}
	for _, f := range []Frame{
		{Fields: field(":status", "103", "link", "x")},
		{Sent: true, Fields: field(":method", "GET", "z", "1")},
		{Fields: field(":status", "200", "z", "1", "a", "2", "z", "3", "trailer", "t")},
		{Fields: field(":status", "404", "z", "1", "a", "2", "z", "3")},
		{Fields: field("t", "after the body")},
		{Type: FrameData},
	} {
		h.note(f)
	}
	header := func() nethttp.Header { return nethttp.Header{"A": {"2"}, "Z": {"1", "3"}} }
	require.Nil(t, h.of(&nethttp.Response{StatusCode: 200, Header: nethttp.Header{"A": {"2"}}}), "another one")
	require.Nil(t, h.of(&nethttp.Response{StatusCode: 103, Header: nethttp.Header{"Link": {"x"}}}))
	require.Equal(t, field("z", "1", "a", "2", "z", "3"), h.of(&nethttp.Response{StatusCode: 404, Header: header()}))
	require.Equal(t, field("z", "1", "a", "2", "z", "3", "trailer", "t"), h.of(&nethttp.Response{StatusCode: 200, Header: header()}))
	require.Nil(t, h.of(&nethttp.Response{StatusCode: 200, Header: header()}), "each once")
	require.Equal(t, field("a", "2", "z", "1", "z", "3"), sorted(header()))
	for range 2 * mostWaiting {
		h.note(Frame{Fields: field(":status", "200")})
	}
	require.Len(t, h.all, mostWaiting)
}

// However the bytes are cut, the frames are the same; what is no HTTP/2 does no harm.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 4, 0, 0, 0, 1, 0x82}, uint8(3))
	f.Add([]byte{0, 0, 3, 1, 0x2C, 0, 0, 0, 1, 9, 9, 9}, uint8(1))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 9, 0, 0, 0, 0, 1}, uint8(255))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		read := func(step int) (all []Frame) {
			r := newFrames(false, func(f Frame) { all = append(all, f) })
			for at := 0; at < len(b); at += step {
				r.take(b[at:min(len(b), at+step)])
			}
			return all
		}
		require.Equal(t, read(len(b)+1), read(int(cut)+1))
	})
}

// A head in several frames, padded and with a priority, is one head (RFC 9113 6.2, 6.10).
func TestFramesOfOneHead(t *testing.T) {
	var head strings.Builder
	e := hpack.NewEncoder(&head)
	require.NoError(t, e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"}))
	require.NoError(t, e.WriteField(hpack.HeaderField{Name: "fish", Value: "salmon"}))
	h := head.String()
	first := "\x02" + "\x00\x00\x00\x00\x10" + h[:3] + "\x00\x00"
	wire := "\x00\x00" + string(rune(len(first))) + "\x01\x28\x00\x00\x00\x01" + first +
		"\x00\x00" + string(rune(len(h)-3)) + "\x09\x04\x00\x00\x00\x01" + h[3:]
	var all []Frame
	newFrames(false, func(f Frame) { all = append(all, f) }).take([]byte(wire))
	require.Len(t, all, 2)
	require.Nil(t, all[0].Fields)
	require.Equal(t, []http.Field{{Name: ":status", Value: "200"}, {Name: "fish", Value: "salmon"}}, all[1].Fields)
	require.Equal(t, len(h), all[1].Packed)
	require.Equal(t, len(":status: 200\r\nfish: salmon\r\n"), all[1].Plain)
}

// A connection with TLS ends with FIN both ways, although the peer's close_notify is left unread.
func TestCloseOverTLSIsPolite(t *testing.T) {
	w := newWorld(t)
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	defer cert.Close()
	w.roots.AddCert(cert.Certificate())
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		defer l.Close()
		raw, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer raw.Close()
		s := tls.Server(raw, cert.TLS)
		buf := make([]byte, 4096)
		if _, err = s.Read(buf); err == nil {
			_, _ = io.WriteString(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			_, err = s.Read(buf)
		}
		if err == io.EOF { // close_notify: ours answers it
			_ = s.CloseWrite()
			_, err = raw.Read(buf)
		}
		ended <- err
	}()
	w.OnlyHTTP1 = true
	_, body, err := w.fetch(&http.Request{URL: "https://example.com:" + strings.Split(l.Addr().String(), ":")[1] + "/"})
	require.NoError(t, err)
	require.Equal(t, "hi", body)
	require.NoError(t, w.Close())
	require.Equal(t, io.EOF, <-ended)
}
