package http

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeadAsItCame(t *testing.T) {
	raw := "HTTP/1.1 404 Not  Found\r\nX-a: 1\r\nServer:  x \t\r\nx-A:\r\nSet-Cookie: b\xff\r\n\r\n"
	got, err := parse(raw+"rest", "GET", 5)
	require.NoError(t, err)
	require.Equal(t, raw, string(got.raw))
	require.Equal(t, "HTTP/1.1 404 Not  Found", got.line)
	require.Equal(t, "Not  Found", got.reason)
	require.Equal(t, []Field{{"X-a", "1"}, {"Server", "x"}, {"x-A", ""}, {"Set-Cookie", "b\xff"}}, got.fields)
	require.Equal(t, "rest", got.body)
	require.Equal(t, "1", Get(got.fields, "x-a"))
}

func TestAttack_64_Endless(t *testing.T) { of(t, "64") }

// A stream that never ends is given up once the caps are reached, not when memory is.
func TestAttack_64_EndlessStreamIsReadNoFurther(t *testing.T) {
	for _, start := range []string{"HTTP/1.1 200 ", ok + "A: ", ok + "Transfer-Encoding: chunked\r\n\r\n1;"} {
		read := 0
		in := io.MultiReader(strings.NewReader(start), endless{})
		cn := &conn{client: &Client{}}
		cn.fill = func(p []byte) (int, error) {
			n, err := in.Read(p)
			read += n
			return n, err
		}
		h, _, err := readHeads(&cn.reader, 0)
		if err == nil {
			kind, length, keep, ferr := h.frame("GET")
			require.NoError(t, ferr)
			_, err = io.ReadAll(newBody(cn, kind, length, keep))
		}
		require.ErrorIs(t, err, WeirdReply)
		require.LessOrEqual(t, read, maxLine+2*readBuffer)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAttack_65_Framing(t *testing.T) {
	of(t, "65")
	got, err := parse(ok+"Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", "GET", 9)
	require.NoError(t, err)
	require.Equal(t, "abcd", got.body, "chunked wins (RFC 9112 6.3)")
	require.False(t, got.keep, "and the connection closes")
}

func TestAttack_66_Chunks(t *testing.T) {
	of(t, "66")
	got, err := parse(inParts+"1\r\nx\r\n0\r\nA: b\r\nC:d\r\n\r\nnext", "GET", 3)
	require.NoError(t, err)
	require.Equal(t, []Field{{"A", "b"}, {"C", "d"}}, got.trailer)
	require.Equal(t, 4, got.left, "not a byte beyond the end")
}

func TestAttack_67_Lines(t *testing.T) { of(t, "67") }

// Of what is wrong with a request its first fault is told.
func TestFirstOfSeveralFaults(t *testing.T) {
	_, err := (&Client{}).Do(&Request{URL: "http://h/", Fields: []Field{{"A", "b\n"}, {"C:", "d"}}})
	require.ErrorContains(t, err, "the value of the header A has")
}

func TestAttack_67_WhatWeSend(t *testing.T) {
	c := &Client{}
	for _, row := range []struct {
		name string
		r    Request
		kind Kind
	}{
		{"CR LF in a value", Request{Fields: []Field{{"A", "b\r\nC: d"}}}, BadRequest},
		{"LF in a value", Request{Fields: []Field{{"A", "b\nC"}}}, BadRequest},
		{"NUL in a value", Request{Fields: []Field{{"A", "b\x00"}}}, BadRequest},
		{"a colon in a name", Request{Fields: []Field{{"A:", "b"}}}, BadRequest},
		{"an empty name", Request{Fields: []Field{{"", "b"}}}, BadRequest},
		{"CR LF in a name", Request{Fields: []Field{{"A\r\nB", "b"}}}, BadRequest},
		{"a field that frames", Request{Fields: []Field{{"transfer-encoding", "chunked"}}}, BadRequest},
		{"two Hosts", Request{Fields: []Field{{"host", "x"}, {"Host", "y"}}}, BadRequest},
		{"an empty Host", Request{Fields: []Field{{"Host", ""}}}, BadRequest},
		{"a method with more in it", Request{Method: "GET / HTTP/1.1\r\nX:"}, BadRequest},
		{"CR LF in the URL", Request{URL: "http://h/\r\nA: b"}, BadURL},
		{"NUL in the URL", Request{URL: "http://h/\x00"}, BadURL},
		{"a blank in the URL", Request{URL: "http://h/ HTTP/1.0"}, BadURL},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.r.URL == "" {
				row.r.URL = "http://h/"
			}
			_, err := c.Do(&row.r)
			require.ErrorIs(t, err, row.kind)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := (&Client{UserAgent: "a\r\nb"}).Do(&Request{URL: "http://h/"})
	require.ErrorIs(t, err, BadRequest)

	u, err := ParseURL("http://h:8080/p?q#f")
	require.NoError(t, err)
	raw, err := c.encode(&Request{Fields: []Field{{"accept", "x"}, {"A", "b"}}, Close: true}, u)
	require.NoError(t, err)
	require.Equal(t, "GET /p?q HTTP/1.1\r\nHost: h:8080\r\nUser-Agent: sockeye\r\naccept: x\r\nA: b\r\nConnection: close\r\n\r\n", string(raw))
}

func TestAttack_69_NoBody(t *testing.T) {
	for _, row := range []struct{ name, method, raw string }{
		{"HEAD with a length", "HEAD", ok + "Content-Length: 5\r\n\r\n"},
		{"HEAD, chunked", "HEAD", ok + "Transfer-Encoding: chunked\r\n\r\n"},
		{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parse(row.raw+"hello", row.method, 1<<20)
			require.NoError(t, err)
			require.Empty(t, got.body)
			require.Equal(t, 5, got.left, "what follows is not the body")
		})
	}
	of(t, "69")
}

func TestAttack_74_Truncated(t *testing.T) {
	of(t, "74")
	got, err := parse(ok+"Content-Length: 4\r\n\r\nabc", "GET", 1<<20)
	require.ErrorIs(t, err, ErrTruncated)
	require.Equal(t, "abc", got.body, "what came is there")
}

func TestPersistence(t *testing.T) {
	for _, row := range []struct {
		name string
		raw  string
		keep bool
	}{
		{"1.1 (RFC 9112 9.3)", ok + "Content-Length: 0\r\n\r\n", true},
		{"1.1, close", ok + "Content-Length: 0\r\nConnection: foo, Close\r\n\r\n", false},
		{"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"1.0, keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true},
		{"to the end", ok + "\r\n", false},
	} {
		got, err := parse(row.raw, "GET", 1<<20)
		require.NoError(t, err)
		require.Equal(t, row.keep, got.keep, row.name)
	}
}

func TestParseURL(t *testing.T) {
	for _, row := range []struct {
		in   string
		want string // host port target
		kind Kind
	}{
		{"http://example.test", "example.test 80 /", 0},
		{"http://example.test/a/b?c=d#e", "example.test 80 /a/b?c=d", 0},
		{"HTTP://Example.test:8080?q", "example.test 8080 /?q", 0},
		{"example.test/x", "example.test 80 /x", 0},
		{"example.test/x?u=http://y", "example.test 80 /x?u=http://y", 0},
		{"https://h/", "h 443 /", 0},
		{"http://h/a/./b/../c?x/../y", "h 80 /a/c?x/../y", 0},
		{"http://h/../..", "h 80 /", 0},
		{"http://u:p@h/", "h 80 /", 0},
		{"http://h:/", "h 80 /", 0},
		{"http://[2001:db8::1]:81/", "2001:db8::1 81 /", 0},
		{"ftp://h/", "", UnsupportedScheme},
		{"", "", BadURL},
		{"http://", "", BadURL},
		{"http:///x", "", BadURL},
		{"http:/h/x", "", BadURL},
		{"http://h:0/", "", BadURL},
		{"http://h:65536/", "", BadURL},
		{"http://h:x/", "", BadURL},
		{"http://h:1:2/", "", BadURL},
		{"http://[::1/", "", BadURL},
		{"http://[1.2.3.4]/", "", BadURL},
		{"http://[::1]x/", "", BadURL},
		{"http://a b/", "", BadURL},
		{"http://b\u00fccher.test/", "", BadURL},
		{"http://a<b/", "", BadURL},
	} {
		t.Run(row.in, func(t *testing.T) {
			u, err := ParseURL(row.in)
			if row.kind != 0 {
				require.ErrorIs(t, err, row.kind)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, u.Host+" "+itoa(u.EffectivePort())+" "+u.Target())
			again, err := ParseURL(u.String())
			require.NoError(t, err)
			again.Guessed = u.Guessed
			require.Equal(t, u, again)
		})
	}
}

func itoa(n uint16) string {
	var b []byte
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// Every kind has a text, and errors unwrap to kind and cause.
func TestErrors(t *testing.T) {
	for k := UnsupportedScheme; k <= BadRedirect; k++ {
		require.NotEmpty(t, k.Error())
		require.True(t, errors.Is(&Error{Kind: k}, k))
	}
	require.Equal(t, "op: text: EOF", (&Error{Kind: Partial, Op: "op", Text: "text", Err: io.EOF}).Error())
	require.Equal(t, `"`+strings.Repeat("x", 60)+`"...`, quote(strings.Repeat("x", 100)))
	require.False(t, bytes.Contains([]byte(quote("\x1b\n")), []byte("\n")))
}
