package http

import (
	"bufio"
	"compress/gzip"
	"io"
	nethttp "net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ours beside net/http and curl: never looser than both.
//
// The strict reading: what we take, net/http takes and curl takes, and both read the same status and the same
// body in it; we are looser than neither. What only one of them refuses may be taken all the same where a row
// of excuses names it and the rule by which the other is right. There is no excuse for what both refuse, and
// none for a status or a body that one of them reads otherwise.
// What we refuse is ours to refuse.

// A reading is what somebody makes of a response.
type reading struct {
	code int
	body string
	err  error
}

// readOurs is our own reading, of bytes that come step at a time.
func readOurs(m made, step int) (r reading) {
	got, err := parse(m.raw, m.method, step)
	if err != nil {
		return reading{err: err}
	}
	r = reading{code: got.code, body: got.body}
	if m.zipped {
		var plain io.Reader
		if plain, r.err = Decode(got.fields, strings.NewReader(got.body), gunzip); r.err == nil {
			r.body, r.err = readAll(plain)
		}
	}
	return r
}

// readNetHTTP is net/http's reading: what its Transport does with what its ReadResponse reads.
func readNetHTTP(m made) reading {
	in := bufio.NewReaderSize(strings.NewReader(m.raw), len(m.raw)+16)
	for {
		resp, err := nethttp.ReadResponse(in, &nethttp.Request{Method: m.method})
		if err != nil {
			return reading{err: err}
		}
		if resp.StatusCode >= 100 && resp.StatusCode < 200 && resp.StatusCode != nethttp.StatusSwitchingProtocols {
			continue
		}
		body, err := readAll(resp.Body)
		coding := strings.ToLower(resp.Header.Get("Content-Encoding"))
		if err == nil && m.zipped && body != "" && (coding == "gzip" || coding == "x-gzip") { // RFC 9110 8.4.1.3 for the other name
			var z *gzip.Reader
			if z, err = gzip.NewReader(strings.NewReader(body)); err == nil {
				body, err = readAll(z)
			}
		}
		return reading{resp.StatusCode, body, err}
	}
}

func readAll(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	return string(b), err
}

// A tally counts who took what.
type tally struct {
	made, taken, refused int
	stricter             int // refused by us, taken by the other
	faults               int
	excused              map[string]int
}

// beside holds our reading against another's.
func (y *tally) beside(t *testing.T, who string, m made, us, them reading) {
	t.Helper()
	y.made++
	switch {
	case us.err != nil && them.err != nil:
		y.refused++
	case us.err != nil:
		y.refused++
		y.stricter++
	case them.err != nil:
		y.taken++
		e := excused(who, m, them.err)
		if e == nil {
			y.fault(t, "%s %q (gzip: %v)\n we take it (%d %q), %s does not: %v", m.method, m.raw, m.zipped, us.code, us.body, who, them.err)
			return
		}
		if y.excused == nil {
			y.excused = map[string]int{}
		}
		y.excused[e.why]++
	default:
		y.taken++
		if us.code != them.code || us.body != them.body {
			y.fault(t, "%s %q (gzip: %v)\n we read %d %q\n %s reads %d %q", m.method, m.raw, m.zipped, us.code, us.body, who, them.code, them.body)
		}
	}
}

// fault tells of a difference, and ends the test after some of them.
func (y *tally) fault(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Errorf(format, args...)
	if y.faults++; y.faults == 10 {
		t.FailNow()
	}
}

func (y *tally) report(t *testing.T, who string) {
	t.Logf("beside %s: %d responses, %d taken by us, %d refused, %d of them taken by %s; excused: %v",
		who, y.made, y.taken, y.refused, y.stricter, who, y.excused)
	require.Greater(t, y.taken, y.made/10, "what is compared has to be taken at times")
	require.Greater(t, y.refused, y.made/10, "and refused at times")
}

// long is how many of something a test does: few, many where SOCKEYE_LONG is set, a tenth of few with -short.
func long(few, many int) int {
	switch {
	case os.Getenv("SOCKEYE_LONG") != "":
		return many
	case testing.Short():
		return few / 10
	}
	return few
}

// The rows of the table and thousands of made responses beside net/http.
func TestNeverLooserThanNetHTTP(t *testing.T) {
	var y tally
	compare := func(m made) {
		us, slow := readOurs(m, 1<<20), readOurs(m, 1)
		require.Equal(t, us.err == nil, slow.err == nil, "%q: at once %v, byte by byte %v", m.raw, us.err, slow.err)
		if us.err == nil {
			require.Equal(t, us, slow, "at once and byte by byte")
		}
		y.beside(t, "net/http", m, us, readNetHTTP(m))
	}
	for _, row := range responses {
		compare(made{raw: row.raw, method: "GET"})
		compare(made{raw: row.raw, method: "HEAD"})
	}
	for seed := range uint64(long(20_000, 1_000_000)) {
		compare(newMaker(seed).response())
	}
	y.report(t, "net/http")
}

// Some responses, changed at every byte.
func TestNeverLooserThanNetHTTPAtAnyByte(t *testing.T) {
	var y tally
	for _, raw := range []string{
		ok + "Content-Length: 3\r\nA: b\r\n\r\nabc",
		ok + "Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
	} {
		for i := range len(raw) {
			for _, c := range []byte(changes) {
				for _, mutant := range []string{
					raw[:i] + string([]byte{c}) + raw[i+1:],
					raw[:i] + string([]byte{c}) + raw[i:],
					raw[:i] + raw[i+1:],
				} {
					m := made{raw: mutant, method: "GET"}
					y.beside(t, "net/http", m, readOurs(m, 1<<20), readNetHTTP(m))
				}
			}
		}
	}
	y.report(t, "net/http")
}

func gunzip(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
