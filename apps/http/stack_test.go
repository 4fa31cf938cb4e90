package http

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// site2 is two hosts joined in memory: on the other one net/http serves h at port 80 and a name server says that
// www.test is there.
func site2(t *testing.T, h nethttp.HandlerFunc) *Client {
	ours, theirs := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	n := stdnet.New(theirs)
	l, err := n.Listen("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	u, err := n.ListenPacket("udp", "192.0.2.2:53")
	require.NoError(t, err)
	srv := &nethttp.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	wg.Go(func() { zone(u) })
	t.Cleanup(func() {
		srv.Close()
		u.Close()
		wg.Wait()
	})
	api := socket.New(ours)
	r := &dns.Resolver{API: api, Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:53")}}
	c := &Client{API: api, Resolve: r.LookupA}
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// zone answers every question for an A record of www.test with 192.0.2.2, and any other with NXDOMAIN.
func zone(u net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := u.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		q := m.Questions[0]
		if got, _ := dns.ParseName("www.test"); len(q.Name.String()) == len(got) && q.Type == dns.TypeA {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 2}},
			}}
		} else {
			m.RCode = dnsmessage.RCodeNameError
		}
		if raw, err := m.Pack(); err == nil {
			_, _ = u.WriteTo(raw, from)
		}
	}
}

func TestOverOurStack(t *testing.T) {
	big := make([]byte, 8<<20)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(big)
	c := site2(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			_, _ = w.Write(big)
		case "/chunked":
			for part := big; len(part) > 0; part = part[1<<18:] {
				_, _ = w.Write(part[:1<<18])
				w.(nethttp.Flusher).Flush()
			}
		case "/eof":
			w.Header().Set("Connection", "close")
			w.Header().Set("Transfer-Encoding", "identity")
			_, _ = w.Write(big)
		case "/short":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "short")
		case "/slow":
			<-r.Context().Done()
		}
	})
	for _, path := range []string{"/length", "/chunked", "/eof"} {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprint(path, " close:", once), func(t *testing.T) {
				resp, err := c.Do(&Request{URL: "http://www.test" + path, Close: once, Deadline: time.Now().Add(time.Minute)})
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, sha256.Sum256(big), sha256.Sum256(body))
				require.Equal(t, "192.0.2.2:80", resp.Remote.String())
			})
		}
	}
	resp, err := c.Head("http://www.test/length")
	require.NoError(t, err)
	require.EqualValues(t, len(big), resp.ContentLength)
	require.NoError(t, resp.Body.Close())

	resp, err = c.Get("http://www.test/short")
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, ErrTruncated)
	require.NoError(t, resp.Body.Close())

	_, err = c.Get("http://nowhere.test/")
	require.ErrorIs(t, err, Unresolved)
	require.ErrorIs(t, err, dns.ErrNXDomain)

	_, err = c.Get("http://www.test:81/")
	require.ErrorIs(t, err, NotConnected)

	// Nobody has this address: SO_SNDTIMEO ends connect.
	hurry := &Client{API: c.API, ConnectTimeout: 50 * time.Millisecond}
	_, err = hurry.Get("http://192.0.2.99/")
	require.ErrorIs(t, err, Timeout)
	require.ErrorContains(t, err, "connect to 192.0.2.99:80")

	_, err = c.Do(&Request{URL: "http://www.test/slow", Deadline: time.Now().Add(100 * time.Millisecond)})
	require.ErrorIs(t, err, Timeout)
}

// Both closes of the journey: ours first, and the server's first.
func TestWhoClosesFirstOverOurStack(t *testing.T) {
	c := site2(t, func(w nethttp.ResponseWriter, r *nethttp.Request) { _, _ = io.WriteString(w, "hello") })
	for _, row := range []struct {
		name string
		once bool
		want string
	}{
		{"kept alive", false, "resolved, connecting, connected, request sent, head received, body ended, kept alive, closed"},
		{"Connection: close", true, "resolved, connecting, connected, request sent, head received, body ended, peer closed, closed"},
	} {
		seen := ""
		one := &Client{API: c.API, Resolve: c.Resolve, Observe: func(s Step) {
			if seen != "" {
				seen += ", "
			}
			seen += s.Kind.String()
		}}
		resp, err := one.Do(&Request{URL: "http://www.test/", Close: row.once})
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(body))
		require.NoError(t, resp.Body.Close())
		require.NoError(t, one.Close())
		require.Equal(t, row.want, seen, row.name)
	}
}
