package http

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A parsed is a whole response.
type parsed struct {
	*head
	interim int
	body    string
	trailer []Field
	keep    bool
	left    int // bytes after the response
}

// parse reads a response from bytes that come step at a time, then the end.
func parse(raw, method string, step int) (*parsed, error) {
	in := strings.NewReader(raw)
	cn := &conn{client: &Client{}}
	cn.fill = func(p []byte) (int, error) { return in.Read(p[:min(len(p), step)]) }
	h, interim, err := readHeads(&cn.reader, 0)
	if err != nil {
		return nil, err
	}
	kind, length, keep, err := h.frame(method)
	if err != nil {
		return nil, err
	}
	b := newBody(cn, kind, length, keep)
	body, err := io.ReadAll(b)
	return &parsed{head: h, interim: interim, body: string(body), trailer: b.Trailer(), keep: keep, left: in.Len() + cn.buffered()}, err
}

// A case is a response and what becomes of it.
type kase struct {
	name string
	raw  string
	body string // where err is nil
	err  error
}

func run(t *testing.T, method string, rows []kase) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for _, step := range []int{1, 7, 1 << 20} {
				got, err := parse(row.raw, method, step)
				if row.err != nil {
					require.ErrorIs(t, err, row.err)
					require.NotContains(t, err.Error(), "\n")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, row.body, got.body)
			}
		})
	}
}

const ok = "HTTP/1.1 200 OK\r\n"

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

func TestStatusLine(t *testing.T) {
	run(t, "GET", []kase{
		{"no reason, with the blank (RFC 9112 4)", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "", nil},
		{"no reason and no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", nil},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nx", "x", nil},
		{"a later minor version (RFC 9110 2.5)", "HTTP/1.7 200 OK\r\n\r\nx", "x", nil},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "", WeirdReply},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n", "", WeirdReply},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", "", WeirdReply},
		{"a sign", "HTTP/1.1 +20 OK\r\n\r\n", "", WeirdReply},
		{"below 100", "HTTP/1.1 099 OK\r\n\r\n", "", WeirdReply},
		{"two blanks", "HTTP/1.1  200 OK\r\n\r\n", "", WeirdReply},
		{"a control character in the reason", "HTTP/1.1 200 \x1b[2J\r\n\r\n", "", WeirdReply},
		{"another minor of two digits", "HTTP/1.10 200 OK\r\n\r\n", "", WeirdReply},
		{"lower case", "http/1.1 200 OK\r\n\r\n", "", WeirdReply},
		{"an empty line first", "\r\n" + ok + "\r\n", "", WeirdReply},
		{"nothing", "", "", io.EOF},
		{"ends in the status line", "HTTP/1.1 2", "", RecvFailed},
		{"ends in the headers", ok + "A: b\r\n", "", RecvFailed},
		{"101 unasked", "HTTP/1.1 101 Switching\r\n\r\n", "", WeirdReply},
	})
}

func TestAttack_64_Endless(t *testing.T) {
	run(t, "GET", []kase{
		{"a status line", "HTTP/1.1 200 " + strings.Repeat("x", maxLine), "", WeirdReply},
		{"a header line", ok + "A: " + strings.Repeat("x", maxLine), "", WeirdReply},
		{"header fields", ok + strings.Repeat("A: b\r\n", maxFields+1), "", WeirdReply},
		{"header bytes", ok + strings.Repeat("A: "+strings.Repeat("x", 60_000)+"\r\n", 5) + "\r\n", "", WeirdReply},
		{"1xx responses (RFC 9110 15.2)", strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", maxInterim+1) + ok + "\r\n", "", WeirdReply},
		{"1xx bytes", strings.Repeat("HTTP/1.1 103 Early\r\nA: "+strings.Repeat("x", 60_000)+"\r\n\r\n", 5) + ok + "\r\n", "", WeirdReply},
		{"as many 1xx as we take", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim) + ok + "\r\nx", "x", nil},
		{"as many fields as we take", ok + strings.Repeat("A: b\r\n", maxFields) + "\r\nx", "x", nil},
		{"a line as long as we take", ok + "A: " + strings.Repeat("x", maxLine-5) + "\r\n\r\nx", "x", nil},
	})
}

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
	run(t, "GET", []kase{
		{"Content-Length", ok + "Content-Length: 3\r\n\r\nabcdef", "abc", nil},
		{"the same twice (RFC 9110 8.6)", ok + "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", "abc", nil},
		{"two that differ", ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "", WeirdReply},
		{"the same in other digits", ok + "Content-Length: 3\r\nContent-Length: 03\r\n\r\nabc", "", WeirdReply},
		{"a list", ok + "Content-Length: 3, 3\r\n\r\nabc", "", WeirdReply},
		{"a plus", ok + "Content-Length: +3\r\n\r\nabc", "", WeirdReply},
		{"a minus", ok + "Content-Length: -3\r\n\r\nabc", "", WeirdReply},
		{"hexadecimal", ok + "Content-Length: 0x3\r\n\r\nabc", "", WeirdReply},
		{"empty", ok + "Content-Length:\r\n\r\nabc", "", WeirdReply},
		{"2^63", ok + "Content-Length: 9223372036854775808\r\n\r\nabc", "", WeirdReply},
		{"2^64+3", ok + "Content-Length: 18446744073709551619\r\n\r\nabc", "", WeirdReply},
		{"2^63-1 and short", ok + "Content-Length: 9223372036854775807\r\n\r\nabc", "", Partial},
		{"an unknown coding", ok + "Transfer-Encoding: gzip\r\n\r\nabc", "", BadCoding},
		{"gzip, chunked", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "", BadCoding},
		{"chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", BadCoding},
		{"chunked, identity", ok + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "", BadCoding},
		{"a vertical tab before chunked", ok + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
		{"Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
		{"a bad length that chunked would hide", ok + "Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
	})
	got, err := parse(ok+"Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", "GET", 9)
	require.NoError(t, err)
	require.Equal(t, "abcd", got.body, "chunked wins (RFC 9112 6.3)")
	require.False(t, got.keep, "and the connection closes")
}

func TestAttack_66_Chunks(t *testing.T) {
	te := ok + "Transfer-Encoding: chunked\r\n\r\n"
	run(t, "GET", []kase{
		{"two chunks", te + "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", nil},
		{"an extension (RFC 9112 7.1.1)", te + "3;a=\"b\"\r\nabc\r\n0;x\r\n\r\n", "abc", nil},
		{"a trailer", te + "3\r\nabc\r\n0\r\nA: b\r\n\r\n", "abc", nil},
		{"leading zeros", te + "0003\r\nabc\r\n000\r\n\r\n", "abc", nil},
		{"no size", te + "\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"0x", te + "0x3\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"a sign", te + "+3\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"a minus", te + "-1\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"a blank", te + "3 \r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"an underscore", te + "1_0\r\n", "", WeirdReply},
		{"17 digits", te + "00000000000000003\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"2^63", te + "8000000000000000\r\nabc", "", WeirdReply},
		{"2^64", te + "10000000000000000\r\nabc", "", WeirdReply},
		{"bare LF after the size", te + "3\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"bare LF after the data", te + "3\r\nabc\n0\r\n\r\n", "", WeirdReply},
		{"longer than it says", te + "3\r\nabcd\r\n0\r\n\r\n", "", WeirdReply},
		{"a CR in an extension", te + "3;a\rb\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"a huge extension", te + "3;" + strings.Repeat("x", maxChunkLine) + "\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
		{"many extensions", te + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\na\r\n", 17) + "0\r\n\r\n", "", WeirdReply},
		{"an endless trailer", te + "0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 20) + "\r\n", "", WeirdReply},
		{"a trailer that is no field", te + "0\r\nA b\r\n\r\n", "", WeirdReply},
		{"no last chunk", te + "3\r\nabc\r\n", "", Partial},
		{"cut in the size", te + "3\r\nabc\r\n1", "", Partial},
		{"cut in the data", te + "3\r\nab", "", Partial},
		{"cut before the final CRLF", te + "3\r\nabc\r\n0\r\n", "", Partial},
	})
	got, err := parse(te+"1\r\nx\r\n0\r\nA: b\r\nC:d\r\n\r\nnext", "GET", 3)
	require.NoError(t, err)
	require.Equal(t, []Field{{"A", "b"}, {"C", "d"}}, got.trailer)
	require.Equal(t, 4, got.left, "not a byte beyond the end")
}

func TestAttack_67_Lines(t *testing.T) {
	run(t, "GET", []kase{
		{"bare LF after the status line (RFC 9112 2.2)", "HTTP/1.1 200 OK\n\r\n", "", WeirdReply},
		{"bare LF after a field", ok + "A: b\nContent-Length: 1\r\n\r\nx", "", WeirdReply},
		{"bare LF as the empty line", ok + "A: b\r\n\nx", "", WeirdReply},
		{"bare CR in a value", ok + "A: b\rC: d\r\n\r\n", "", WeirdReply},
		{"CR CR LF", ok + "A: b\r\r\n\r\n", "", WeirdReply},
		{"NUL in a value", ok + "A: b\x00\r\n\r\n", "", WeirdReply},
		{"a blank before the colon (RFC 9112 5.1)", ok + "Content-Length : 3\r\n\r\nabc", "", WeirdReply},
		{"a folded line (RFC 9112 5.2)", ok + "A: b\r\n c\r\n\r\n", "", WeirdReply},
		{"a folded line at the start", ok + " A: b\r\n\r\n", "", WeirdReply},
		{"no colon", ok + "A\r\n\r\n", "", WeirdReply},
		{"no name", ok + ": a\r\n\r\n", "", WeirdReply},
		{"a name that is not ASCII", ok + "\xc3\xa9: a\r\n\r\n", "", WeirdReply},
	})
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
	run(t, "GET", []kase{
		{"HTTP/0.9", "<html>hello</html>\r\n", "", WeirdReply},
		{"HTTP/0.9, short", "hi", "", RecvFailed},
	})
}

func TestAttack_74_Truncated(t *testing.T) {
	run(t, "GET", []kase{
		{"a byte short", ok + "Content-Length: 4\r\n\r\nabc", "", Partial},
		{"no byte at all", ok + "Content-Length: 4\r\n\r\n", "", Partial},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nabc", "", ErrTruncated},
	})
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
