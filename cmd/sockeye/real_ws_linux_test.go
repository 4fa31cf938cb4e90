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
		{"stomp: a wrong password", []string{"--stomp", "/topic/x", "-u", "me:wrong", "ws://192.0.2.1/stomp"}, "", "", "who are you?", 56},
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
