package http

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// To add a response that was once read wrongly: a row here, with the marks of the rules and attacks that it
// belongs to. The differential tests (differ_test.go, curl_test.go) begin with these rows too.

// A kase is a response and what becomes of it.
type kase struct {
	of   string // whose it is: rows of testdata/conformance.md (C-44) and of testdata/attacks.md (65)
	name string
	raw  string
	body string // where err is nil
	err  error
}

const (
	ok      = "HTTP/1.1 200 OK\r\n"
	inParts = ok + "Transfer-Encoding: chunked\r\n\r\n"
)

// responses are answers to GET.
var responses = []kase{
	// RFC 9112 4: the status line.
	{"C-45", "no reason, with the blank (RFC 9112 4)", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "", nil},
	{"C-45", "no reason and no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", nil},
	{"C-45", "HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nx", "x", nil},
	{"C-45", "a later minor version (RFC 9110 6.2)", "HTTP/1.7 200 OK\r\n\r\nx", "x", nil},
	{"C-45", "HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "two digits", "HTTP/1.1 20 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "four digits", "HTTP/1.1 2000 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "a sign before the code", "HTTP/1.1 +20 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "below 100", "HTTP/1.1 099 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "two blanks", "HTTP/1.1  200 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "a control character in the reason", "HTTP/1.1 200 \x1b[2J\r\n\r\n", "", WeirdReply},
	{"C-45", "another minor of two digits", "HTTP/1.10 200 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "lower case", "http/1.1 200 OK\r\n\r\n", "", WeirdReply},
	{"C-45", "an empty line first", "\r\n" + ok + "\r\n", "", WeirdReply},
	{"C-47", "nothing", "", "", io.EOF},
	{"C-47", "ends in the status line", "HTTP/1.1 2", "", RecvFailed},
	{"C-47", "ends in the headers", ok + "A: b\r\n", "", RecvFailed},
	{"C-44", "101 unasked", "HTTP/1.1 101 Switching\r\n\r\n", "", WeirdReply},
	{"C-44 65", "a 1xx with a length that is none", "HTTP/1.1 103 Early\r\nContent-Length: x\r\n\r\n" + ok + "\r\n", "", WeirdReply},
	{"C-44 65", "a 1xx with a coding that is unknown", "HTTP/1.1 103 Early\r\nTransfer-Encoding: x\r\n\r\n" + ok + "\r\n", "", BadCoding},
	{"C-44", "a length of a 1xx is none of the final one's", "HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\n" + ok + "\r\nabc", "abc", nil},
	{"69", "HTTP/0.9", "<html>hello</html>\r\n", "", WeirdReply},
	{"69", "HTTP/0.9, short", "hi", "", RecvFailed},

	// Nothing is without end.
	{"64", "a status line", "HTTP/1.1 200 " + strings.Repeat("x", maxLine), "", WeirdReply},
	{"64", "a header line", ok + "A: " + strings.Repeat("x", maxLine), "", WeirdReply},
	{"64", "header fields", ok + strings.Repeat("A: b\r\n", maxFields+1), "", WeirdReply},
	{"64", "header bytes", ok + strings.Repeat("A: "+strings.Repeat("x", 60_000)+"\r\n", 5) + "\r\n", "", WeirdReply},
	{"64", "1xx responses (RFC 9110 15.2)", strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", maxInterim+1) + ok + "\r\n", "", WeirdReply},
	{"64", "1xx bytes", strings.Repeat("HTTP/1.1 103 Early\r\nA: "+strings.Repeat("x", 60_000)+"\r\n\r\n", 5) + ok + "\r\n", "", WeirdReply},
	{"64", "as many 1xx as we take", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim) + ok + "\r\nx", "x", nil},
	{"64", "as many fields as we take", ok + strings.Repeat("A: b\r\n", maxFields) + "\r\nx", "x", nil},
	{"64", "a line as long as we take", ok + "A: " + strings.Repeat("x", maxLine-5) + "\r\n\r\nx", "x", nil},

	// RFC 9112 6.3: how long the body is.
	{"C-44", "rule 1: 204 has none", "HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", "", nil},
	{"C-44", "rule 1: 304 has none", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "", nil},
	{"C-44 65", "rule 3: chunked wins over the length", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", nil},
	{"C-44 65", "rule 4: a coding that is not chunked at the end", ok + "Transfer-Encoding: chunked, gzip\r\n\r\nabc", "", BadCoding},
	{"C-44 65", "rule 4: an unknown coding", ok + "Transfer-Encoding: gzip\r\n\r\nabc", "", BadCoding},
	{"C-44 65", "rule 5: two lengths that differ", ok + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "", WeirdReply},
	{"C-44 65", "rule 5: a list of lengths", ok + "Content-Length: 3, 3\r\n\r\nabc", "", WeirdReply},
	{"C-44 65", "rule 5: the same length twice is one (RFC 9110 8.6)", ok + "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", "abc", nil},
	{"C-44 65", "rule 6: the length, and no byte beyond it", ok + "Content-Length: 3\r\n\r\nabcdef", "abc", nil},
	{"C-44", "rule 8: the end of the connection", ok + "\r\nabc", "abc", nil},
	{"C-44 65", "6.1: chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
	{"65", "the same in other digits", ok + "Content-Length: 3\r\nContent-Length: 03\r\n\r\nabc", "", WeirdReply},
	{"65", "a plus", ok + "Content-Length: +3\r\n\r\nabc", "", WeirdReply},
	{"65", "a minus", ok + "Content-Length: -3\r\n\r\nabc", "", WeirdReply},
	{"65", "hexadecimal", ok + "Content-Length: 0x3\r\n\r\nabc", "", WeirdReply},
	{"65", "empty", ok + "Content-Length:\r\n\r\nabc", "", WeirdReply},
	{"65", "2^63", ok + "Content-Length: 9223372036854775808\r\n\r\nabc", "", WeirdReply},
	{"65", "2^64+3", ok + "Content-Length: 18446744073709551619\r\n\r\nabc", "", WeirdReply},
	{"65", "2^63-1 and short", ok + "Content-Length: 9223372036854775807\r\n\r\nabc", "", Partial},
	{"65", "gzip, chunked", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "", BadCoding},
	{"65", "chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", BadCoding},
	{"65", "chunked, identity", ok + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "", BadCoding},
	{"65", "a vertical tab before chunked", ok + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "", WeirdReply},
	{"65", "a bad length that chunked would hide", ok + "Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", WeirdReply},

	// RFC 9112 7.1: chunks.
	{"C-46 66", "two chunks; sizes are hexadecimal in either case", inParts + "3\r\nabc\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "abc01234567890123456789", nil},
	{"C-46 66", "7.1.1: extensions are passed over", inParts + "3;a=\"b\"\r\nabc\r\n0;x\r\n\r\n", "abc", nil},
	{"C-46 66", "7.1.2: a trailer", inParts + "3\r\nabc\r\n0\r\nA: b\r\n\r\n", "abc", nil},
	{"C-46 66", "leading zeros", inParts + "0003\r\nabc\r\n000\r\n\r\n", "abc", nil},
	{"C-46 66", "no size: nothing is not zero", inParts + "\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "0x", inParts + "0x3\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "a plus before the size", inParts + "+3\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "a minus before the size", inParts + "-1\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "a blank after the size", inParts + "3 \r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"66", "an underscore", inParts + "1_0\r\n", "", WeirdReply},
	{"66", "17 digits", inParts + "00000000000000003\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "2^63 in a chunk", inParts + "8000000000000000\r\nabc", "", WeirdReply},
	{"C-46 66", "2^64 in a chunk", inParts + "10000000000000000\r\nabc", "", WeirdReply},
	{"66", "bare LF after the size", inParts + "3\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"66", "bare LF after the data", inParts + "3\r\nabc\n0\r\n\r\n", "", WeirdReply},
	{"C-46 66", "longer than it says: CRLF after the data", inParts + "3\r\nabcd\r\n0\r\n\r\n", "", WeirdReply},
	{"66", "a CR in an extension", inParts + "3;a\rb\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"66", "a huge extension", inParts + "3;" + strings.Repeat("x", maxChunkLine) + "\r\nabc\r\n0\r\n\r\n", "", WeirdReply},
	{"66", "many extensions", inParts + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\na\r\n", 17) + "0\r\n\r\n", "", WeirdReply},
	{"66", "an endless trailer", inParts + "0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 20) + "\r\n", "", WeirdReply},
	{"C-46 66", "a trailer that is no field", inParts + "0\r\nA b\r\n\r\n", "", WeirdReply},

	// RFC 9112 8: less than was said.
	{"C-47 74", "a byte short", ok + "Content-Length: 4\r\n\r\nabc", "", Partial},
	{"74", "no byte at all", ok + "Content-Length: 4\r\n\r\n", "", Partial},
	{"C-47 66", "cut in the size", inParts + "3\r\nabc\r\n1", "", Partial},
	{"C-47 66 74", "cut within a chunk", inParts + "4\r\nabc", "", ErrTruncated},
	{"C-47 66", "no last chunk", inParts + "3\r\nabc\r\n", "", Partial},
	{"C-47 66", "cut before the final CRLF", inParts + "3\r\nabc\r\n0\r\n", "", Partial},
	{"C-47", "cut within the trailer", inParts + "0\r\nA: b\r\n", "", Partial},

	// RFC 9112 2.2 and 5: what is not exactly a line is none.
	{"C-45 67", "bare LF after the status line (RFC 9112 2.2)", "HTTP/1.1 200 OK\nA: b\r\n\r\n", "", WeirdReply},
	{"67", "bare LF after a field", ok + "A: b\nContent-Length: 1\r\n\r\nx", "", WeirdReply},
	{"67", "bare LF as the empty line", ok + "A: b\r\n\nx", "", WeirdReply},
	{"C-45 67", "bare CR in a value", ok + "A: b\rC: d\r\n\r\n", "", WeirdReply},
	{"67", "CR CR LF", ok + "A: b\r\r\n\r\n", "", WeirdReply},
	{"67", "NUL in a value", ok + "A: b\x00\r\n\r\n", "", WeirdReply},
	{"C-45 67", "a blank before the colon (RFC 9112 5.1)", ok + "Content-Length : 3\r\n\r\nabc", "", WeirdReply},
	{"C-45 67", "a folded line (RFC 9112 5.2)", ok + "A: b\r\n c\r\n\r\n", "", WeirdReply},
	{"C-45 67", "a blank before the first field (RFC 9112 2.2)", ok + " A: b\r\n\r\n", "", WeirdReply},
	{"C-45 67", "no colon", ok + "A\r\n\r\n", "", WeirdReply},
	{"67", "no name", ok + ": a\r\n\r\n", "", WeirdReply},
	{"67", "a name that is not ASCII", ok + "\xc3\xa9: a\r\n\r\n", "", WeirdReply},
	{"C-45", "5: blanks around the value", ok + "Content-Length: \t 1 \r\n\r\na", "a", nil},
}

// of runs the rows that are one rule's or one attack's.
func of(t *testing.T, mark string) {
	t.Helper()
	n := 0
	for _, row := range responses {
		if slices.Contains(strings.Fields(row.of), mark) {
			n++
			row.run(t, "GET")
		}
	}
	require.NotZero(t, n, "rows of %s", mark)
}

func (row *kase) run(t *testing.T, method string) {
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
	h, interim, err := readHeads(cn, 0)
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
