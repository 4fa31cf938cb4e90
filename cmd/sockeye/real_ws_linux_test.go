package main

import (
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/stomp"
)

// talk is a server of WebSockets: it says everything twice, at /stomp as a broker, at /bye it closes.
func talk(w nethttp.ResponseWriter, r *nethttp.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return
	}
	defer c.CloseNow()
	if r.URL.Path == "/bye" {
		c.Close(websocket.StatusPolicyViolation, "not you")
		return
	}
	for {
		kind, p, err := c.Read(r.Context())
		if err != nil {
			return
		}
		for _, answer := range answers(r.URL.Path, string(p)) {
			if c.Write(r.Context(), kind, []byte(answer)) != nil {
				return
			}
		}
	}
}

func answers(path, text string) []string {
	if path != "/stomp" {
		return []string{text, text}
	}
	f, err := stomp.Parse(text)
	if err != nil {
		panic(err)
	}
	say := func(command, body string, headers ...stomp.Header) []string {
		s, err := (&stomp.Frame{Command: command, Headers: headers, Body: body}).Encode()
		if err != nil {
			panic(err)
		}
		return []string{"\n", s}
	}
	switch f.Command {
	case "CONNECT":
		if f.Get("passcode") == "wrong" {
			return say("ERROR", "", stomp.Header{Name: "message", Value: "who are you?"})
		}
		return say("CONNECTED", "", stomp.Header{Name: "version", Value: "1.2"})
	case "SEND":
		return say("MESSAGE", f.Get("destination")+" got "+f.Body, stomp.Header{Name: "subscription", Value: "1"})
	case "DISCONNECT":
		return say("RECEIPT", "", stomp.Header{Name: "receipt-id", Value: f.Get("receipt")})
	}
	return nil
}

func TestWebSocket(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":80")
		return err
	})
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(talk))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	for _, row := range []struct {
		name string
		args []string
		in   string
		out  string
		err  string
		code int
	}{
		{"lines", []string{"ws://192.0.2.1/"}, "a\nb\n", "a\na\nb\nb\n", "", 0},
		{"no input", []string{"ws://192.0.2.1/"}, "", "", "", 0},
		{"bytes", []string{"--binary", "ws://192.0.2.1/"}, "a\x00\nb", "a\x00\nba\x00\nb", "", 0},
		{"stomp", []string{"--stomp", "/topic/x", "ws://192.0.2.1/stomp"}, "one\ntwo\n", "/topic/x got one\n/topic/x got two\n", "", 0},
		{"stomp: a wrong password", []string{"--stomp", "/topic/x", "-u", "me:wrong", "ws://192.0.2.1/stomp"}, "", "", "sockeye ws: the broker says: who are you?", 56},
		{"the server closes", []string{"ws://192.0.2.1/bye"}, "", "", "1008 not you", 56},
		{"refused", []string{"ws://192.0.2.1:81/"}, "", "", "refused", 7},
		{"no such scheme", []string{"ftp://192.0.2.1/"}, "", "", "ws and wss", 1},
		{"a URL that is none", []string{"ws://a b/"}, "", "", "%20", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			cmd := sockeye(on(append([]string{"ws"}, row.args...)...)...)
			cmd.Stdin = strings.NewReader(row.in)
			p := w.run(cmd)
			require.Equal(t, row.code, p.code, p.stderr())
			require.Equal(t, row.out, p.stdout())
			require.Contains(t, p.stderr(), row.err)
		})
	}
}

// requireTold checks that a journey tells things in their order.
func requireTold(t *testing.T, told string, parts ...string) {
	t.Helper()
	told, from := strings.Join(strings.Fields(told), " "), 0
	for _, part := range parts {
		i := strings.Index(told[from:], part)
		require.GreaterOrEqual(t, i, 0, "%s is not told, or not in its place: %s", part, told)
		from += i
	}
}

// The journey of a WebSocket: where to, how, the upgrade, the frames and the end; a password of STOMP is not in it.
func TestWebSocketJourney(t *testing.T) {
	w := newWorld(t)
	for port, secure := range map[string]bool{"80": false, "443": true} {
		var l net.Listener
		w.do(func() (err error) {
			l, err = net.Listen("tcp4", kernelIP+":"+port)
			return err
		})
		s := httptest.NewUnstartedServer(nethttp.HandlerFunc(talk))
		s.Listener.Close()
		s.Listener = l
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
	}
	tell := func(code int, args ...string) string {
		cmd := sockeye(on(append([]string{"ws", "-v"}, args...)...)...)
		cmd.Stdin = strings.NewReader("salmon\n")
		p := w.run(cmd)
		require.Equal(t, code, p.code, p.stderr())
		if strings.HasPrefix(args[len(args)-1], "ws:") { // over TLS the server is gone when our close_notify comes
			require.NotContains(t, p.stderr(), "RST")
		}
		return p.stderr()
	}
	frames := []string{"ws > TEXT len 6 mask ", "salmon", "ws < TEXT len 6 salmon", "ws < TEXT len 6 salmon", "ws > CLOSE", "ws < CLOSE"}
	requireTold(t, tell(0, "--lang", "en", "ws://"+kernelIP+"/"), append([]string{"THE URL", "scheme ws", "THE CONNECTION", "socket(AF_INET, SOCK_STREAM) = 3", "SYN seq 0",
		"connect(3, 192.0.2.1:80) = 0", "window scale", "THE UPGRADE", "> GET / HTTP/1.1", "< HTTP/1.1 101", "101 The server agrees", "MESSAGES"}, append(frames, "who first The peer did.", "CLOSE-WAIT -> LAST-ACK")...)...)
	requireTold(t, tell(0, "--lang", "en", "-k", "wss://"+kernelIP+"/"), append([]string{"THE URL", "scheme wss", "THE CONNECTION", "connect(3, 192.0.2.1:443) = 0", "TLS", "SNI none",
		"ALPN we offered http/1.1; the server chose http/1.1", "believed unchecked", "THE UPGRADE", "> GET / HTTP/1.1", "< HTTP/1.1 101", "MESSAGES"}, frames...)...)
	requireTold(t, tell(60, "--lang", "en", "wss://"+kernelIP+"/"), "TLS", "certificate 1", "believed no: x509:")
	told := tell(0, "--lang", "ko", "--stomp", "/topic/x", "-u", "me:hush", "ws://"+kernelIP+"/stomp")
	requireTold(t, told, "업그레이드", "메시지", "ws > TEXT", "CONNECT ...", "SUBSCRIBE", "ws > CLOSE")
	require.NotContains(t, told, "hush")
}

// What get has of TLS and of who we are ws has too.
func TestWebSocketOverTLS(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":443")
		return err
	})
	asked := make(chan nethttp.Header, 1)
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		asked <- r.Header
		talk(w, r)
	}))
	s.Listener.Close()
	s.Listener = l
	s.StartTLS()
	t.Cleanup(s.Close)
	keys := filepath.Join(w.dir, "keys")
	cmd := sockeye(on("ws", "-k", "-A", "me/1", "-b", "a=1", "wss://"+kernelIP+"/")...)
	cmd.Env = append(cmd.Env, "SSLKEYLOGFILE="+keys)
	cmd.Stdin = strings.NewReader("x\n")
	p := w.run(cmd)
	require.Zero(t, p.code, p.stderr())
	require.Equal(t, "x\nx\n", p.stdout())
	head := <-asked
	require.Equal(t, "me/1 a=1", head.Get("User-Agent")+" "+head.Get("Cookie"))
	secrets, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.Contains(t, string(secrets), "CLIENT_TRAFFIC_SECRET_0")
}
