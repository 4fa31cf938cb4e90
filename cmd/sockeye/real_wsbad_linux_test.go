package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// frames answers an upgrade, and then with bytes by the path; it ends the connection when the client does.
func frames(replies map[string]string) nethttp.HandlerFunc {
	return func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		c, both, err := rw.(nethttp.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Go on\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+acceptOf(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		io.WriteString(c, replies[r.URL.Path])
		if r.URL.Path != "/silent" {
			answerClose(c, both.Reader)
			return
		}
		io.Copy(io.Discard, both)
	}
}

// answerClose answers pings, and a CLOSE with its own code, as long as the client speaks.
func answerClose(c net.Conn, in *bufio.Reader) {
	for {
		var head [6]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		for i := range payload {
			payload[i] ^= head[2+i%4]
		}
		switch head[0] & 0x0f {
		case 8:
			c.Write(append([]byte{0x88, byte(len(payload))}, payload...))
			return
		case 9:
			c.Write(append([]byte{0x8a, byte(len(payload))}, payload...))
		}
	}
}

func closing(code uint16, why string) string {
	b := binary.BigEndian.AppendUint16([]byte{0x88, byte(2 + len(why))}, code)
	return string(b) + why
}

// What a server must not say, and how it may end (RFC 6455).
func TestWebSocketOfABadServer(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":80")
		return err
	})
	s := &nethttp.Server{Handler: frames(map[string]string{
		"/parts":    "\x01\x02he\x89\x01p\x00\x02ll\x80\x01o",
		"/halves":   "\x01\x01\xc3\x80\x01\xa4",
		"/not-utf8": "\x81\x02\xff\xfe",
		"/masked":   "\x81\x82\x01\x02\x03\x04ab",
		"/later":    "\x81\x01a" + "\x82\x7e\x00\x80" + strings.Repeat("\x80", 128) + "\x81\x81\x01\x02\x03\x04a",
		"/reserved": "\xc1\x01a",
		"/opcode":   "\x83\x01a",
		"/rest":     "\x80\x01a",
		"/ping":     "\x09\x01a",
		"/minus":    "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x01a",
		"/none":     "\x88\x00",
		"/away":     closing(1001, "lunch"),
		"/why":      closing(1011, "why \x1b[31m\xe2\x80\xae"),
		"/1005":     closing(1005, ""),
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	for _, row := range []struct {
		path, out, err string
		code           int
	}{
		{"/parts", "hello\n", "", 0},
		{"/halves", "ä\n", "", 0},
		{"/not-utf8", "", "not UTF-8", 56},
		{"/masked", "", "a frame with a mask", 56},
		{"/later", "a\n" + strings.Repeat("\x80", 128), "a frame with a mask", 56},
		{"/reserved", "", "must not: received header with unexpected rsv bits", 56},
		{"/opcode", "", "must not: received unknown opcode", 56},
		{"/rest", "", "must not: received continuation", 56},
		{"/ping", "", "must not: received fragmented control frame", 56},
		{"/minus", "", "must not: received negative payload", 56},
		{"/none", "", "", 0},
		{"/away", "", "", 0},
		{"/why", "", `closed with 1011 why \x1b[31m\u202e`, 56},
		{"/1005", "", "must not: received invalid close payload", 56},
		{"/silent", "", "the time allowed is over", 28},
	} {
		t.Run(row.path, func(t *testing.T) {
			args := []string{"ws", "ws://" + kernelIP + row.path}
			if row.path == "/silent" {
				args = append(args, "-m", "0.3")
			}
			cmd := sockeye(on(args...)...)
			in, hold, err := os.Pipe()
			require.NoError(t, err)
			defer in.Close()
			defer hold.Close()
			if row.path == "/silent" || row.out != "" && row.code == 0 { // else the server ends it
				require.NoError(t, hold.Close())
			}
			cmd.Stdin = in
			p := w.run(cmd)
			require.Equal(t, row.code, p.code, p.stderr())
			require.Equal(t, row.out, p.stdout())
			require.Contains(t, p.stderr(), row.err)
			if row.code != 0 {
				requireOneLine(t, p)
			}
		})
	}
}
