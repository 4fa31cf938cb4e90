package journey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func newPageScene() *scene {
	s := newScene()
	s.o.Page, s.rec = true, newRecording()
	return s
}

// page is the data of a scene's page, as the script reads it.
func (s *scene) page(t *testing.T) (html string, d pageData) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.WritePage(&b))
	_, data, ok := strings.Cut(b.String(), `id="data">`)
	require.True(t, ok)
	data, _, ok = strings.Cut(data, "</script>")
	require.True(t, ok)
	d.recording = &recording{}
	require.NoError(t, json.Unmarshal([]byte(data), &d))
	return b.String(), d
}

func TestPageHasEveryPacket(t *testing.T) {
	s := newPageScene()
	s.URL("http://www.sockeye.test/")
	s.handshake()
	s.exchange()
	s.Events([]trace.Event{{At: s.now, Conn: s.conn, Kind: trace.Sent, State: uint8(tcp.StateEstablished), Cwnd: 14480, SRTT: 90}})
	s.after(time.Millisecond)
	s.seg(link.Out, trace.SendACK, wire.ACK, 43, 45, "", stamps)
	s.Requested(Request{URL: "http://www.sockeye.test/", Code: 200, Bytes: 6, Via: "192.0.2.2:40000", End: time.Millisecond})
	s.End()
	_, d := s.page(t)
	arrows := 0
	for _, r := range d.Rows {
		if r.Kind == "packet" {
			arrows++
		}
	}
	require.Equal(t, s.arrows[0]+s.arrows[1], arrows)
	require.Equal(t, 7, len(d.Packets))
	require.Equal(t, "GET / HTTP/1.1", d.Rows[7].Why)
	last := d.Packets[6].Layers
	require.Equal(t, []string{"ip", "tcp", "state"}, []string{last[0].Name, last[1].Name, last[2].Name})
	require.Contains(t, last[2].Fields, [2]string{"cwnd", "14,480 bytes"})
	require.Len(t, d.Flows, 1)
	f := d.Flows[0]
	require.Equal(t, [][6]int64{{114, 1, 43, 1, 0, 0}, {421, 1, 45, 0, 0, 0}}, f.Data)
	require.Equal(t, int64(14480), f.Cwnd[0][1])
	require.Len(t, f.RTT, 2, "of the SYN and of the request")
	require.Equal(t, "/", d.Visits[0].Name[len(d.Visits[0].Name)-1:])
	_, again := s.page(t)
	require.Equal(t, d, again, "writing it twice changes nothing")
}

// What comes from the network stays text in the page, too.
func TestPageIsNotWrittenByThePeer(t *testing.T) {
	s := newPageScene()
	evil := "HTTP/1.1 </script><script>alert(1)</script>\r\n<img src=x>: <b>\r\n\r\n{{js}}"
	s.URL("http://a.test/</title><script>alert(2)</script>")
	s.handshake()
	s.seg(link.In, trace.None, wire.ACK, 1, 1, evil, stamps)
	s.End()
	html, d := s.page(t)
	require.Equal(t, 2, strings.Count(html, "<script"), "the data and the page's own")
	require.Equal(t, 1, strings.Count(html, "const D = JSON.parse"))
	require.Contains(t, d.Rows[len(d.Rows)-1].Why, "</script>", "it is there, as text")
}

// A long transfer makes no endless page.
func TestPageIsBounded(t *testing.T) {
	s := newPageScene()
	s.handshake()
	for i := range mostRows + 100 {
		s.seg(link.In, trace.None, wire.ACK, 1+i, 1, "x", stamps)
	}
	s.End()
	_, d := s.page(t)
	require.Len(t, d.Rows, mostRows)
	require.Equal(t, 3+mostRows+100, d.Missing+len(d.Packets))
}

// A page is shown to others: no password is in it, neither in its title nor in what its packets carry.
func TestPageHasNoPassword(t *testing.T) {
	s := newPageScene()
	s.URL("http://joe:hush-hush@www.sockeye.test/")
	s.handshake()
	request := "GET / HTTP/1.1\r\nProxy-authorization: Basic aHVzaC1odXNo\r\nAuthorization: Bearer hush-hush hush-hush\r\nHost: a\r\n\r\n"
	s.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, 1, 1, request, stamps)
	s.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, 1+len(request), 1, "PASS hush-hush\r\n", stamps)
	s.End()
	html, d := s.page(t)
	require.Contains(t, html, "<title>http://joe:***@www.sockeye.test/ - Sockeye</title>")
	var octets []byte
	for _, p := range d.Packets {
		b, err := hex.DecodeString(p.Octets)
		require.NoError(t, err)
		octets = append(octets, b...)
	}
	for _, text := range []string{html, string(octets)} {
		require.NotContains(t, text, "hush")
		require.NotContains(t, text, "aHVzaC1odXNo")
	}
	require.Contains(t, string(octets), "Authorization: Bearer ********* *********\r\nHost: a")
	require.Contains(t, string(octets), "PASS *********\r\n")
	require.Contains(t, html, "PASS *********")
}

// What is not TCP is in the sums of the layers, too: they are all that went over the wire.
func TestPageSumsAllLayers(t *testing.T) {
	s := newPageScene()
	s.udp(link.Out, []byte("question"))
	s.udp(link.In, []byte("long answer"))
	s.Blank()
	_, d := s.page(t)
	require.Equal(t, []layerSum{{"what the program has", "data", 8, 11}, {"UDP: header", "udp", 8, 8}, {"IPv4", "ip", 20, 20}}, d.Layers)
	s.handshake()
	solicitation := make([]byte, 48)
	solicitation[0] = 0x60
	s.Packets([]link.Record{{At: s.now, Dir: link.In, Data: solicitation, Length: len(solicitation)}})
	s.End()
	_, d = s.page(t)
	var layers, packets int64
	for _, l := range d.Layers {
		layers += l.Out + l.In
	}
	for _, p := range d.Packets {
		packets += int64(p.Length)
	}
	require.Equal(t, packets, layers)
	require.Len(t, d.Layers, 6)
}

// Where nothing was told the page has lists without members, which its script can walk over, and no null.
func TestPageOfNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, New(Options{Out: io.Discard, Page: true}).WritePage(&b))
	_, data, ok := strings.Cut(b.String(), `<script type="application/json" id="data">`)
	require.True(t, ok)
	data, _, _ = strings.Cut(data, "</script>")
	require.Contains(t, data, `"rows":[],"packets":[]`)
	require.NotContains(t, data, "null")
}
