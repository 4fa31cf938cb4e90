package http

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A maker makes responses of a seed: most of what it says is plausible, and here and there something is not.
// What servers, proxies and attackers have been seen to get wrong is in its lists.
type maker struct {
	*rand.Rand
	odd int // of 100 decisions so many are odd
}

// A made response, and how it is asked for.
type made struct {
	raw    string
	method string
	zipped bool // gzip was asked for, and is to be undone
}

func newMaker(seed uint64) *maker {
	r := rand.New(rand.NewPCG(seed, 9112))
	return &maker{r, []int{0, 2, 5, 15}[r.IntN(4)]}
}

// strange is the decision for something odd.
func (m *maker) strange() bool { return m.IntN(100) < m.odd }

// one of several.
func one[T any](m *maker, of ...T) T { return of[m.IntN(len(of))] }

// usually it is the first, and one of the others where something odd is due.
func usually(m *maker, usual string, odd ...string) string {
	if m.strange() {
		return one(m, odd...)
	}
	return usual
}

// response makes one, mutated or not.
func (m *maker) response() made {
	r := made{method: "GET"}
	if m.IntN(8) == 0 {
		r.method = "HEAD"
	}
	body := m.text(m.IntN(40))
	coding := ""
	if r.zipped = m.IntN(6) == 0; r.zipped {
		body = m.gzipped(body)
		coding = usually(m, "gzip", "x-gzip", "GZIP", "gzip, gzip", "gzip;q=1", "deflate", "identity", "", "br", "gzip\x00", "*")
	}
	var b strings.Builder
	for m.IntN(5) == 0 {
		b.WriteString(m.interim())
	}
	b.WriteString(m.status())
	b.WriteString(m.fields(len(body), coding, &body))
	b.WriteString(m.end())
	b.WriteString(body)
	r.raw = b.String()
	if m.IntN(12) == 0 {
		r.raw = r.raw[:m.IntN(len(r.raw)+1)]
	}
	if m.IntN(3) == 0 {
		r.raw = m.mutated(r.raw)
	}
	return r
}

func (m *maker) end() string {
	return usually(m, "\r\n", "\n", "\r", "\r\r\n", "\n\r", "", "\r\n ", "\x00\r\n")
}

func (m *maker) text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghij0123456789 \r\n:"[m.IntN(24)]
	}
	return string(b)
}

func (m *maker) status() string {
	version := one(m, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	version = usually(m, version, "HTTP/1.2", "HTTP/1.9", "HTTP/0.9", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/1.10", "HTTP/1.",
		"HTTP/1", "http/1.1", "HTTP/ 1.1", "HTTP/1.1 ", " HTTP/1.1", "HTTP/01.1", "HTTP/1.01", "HTTP/+1.1", "HTTP/1,1", "ICY", "", "RTSP/1.0")
	code := one(m, "200", "200", "200", "200", "206", "404", "500", "204", "304", "205", "203", "302", "416", "599")
	code = usually(m, code, "099", "000", "20", "2", "2000", "200.0", "+200", "-200", "0x200", "999", "600", "101", "100", "2 00", "abc", "", "20\x00", "２00")
	reason := usually(m, one(m, " OK", " OK", " Not  Found", " ", ""), "\tOK", "  OK", " O\x00K", " \xe9", " O\rK", " "+strings.Repeat("x", 300), " \x1b[0m", "OK")
	return version + usually(m, " ", "  ", "\t", "", "\v", "\x00") + code + reason + m.end()
}

// interim is a response of class 1 with what must not matter in it.
func (m *maker) interim() string {
	return "HTTP/1.1 " + usually(m, one(m, "100 Continue", "103 Early Hints", "102 Processing"), "101 Switching Protocols", "199 ", "110") + "\r\n" +
		usually(m, one(m, "", "Link: </a>\r\n", "A: b\r\n"), "Content-Length: 3\r\n", "Content-Length: x\r\n", "Transfer-Encoding: chunked\r\n",
			"Transfer-Encoding: gzip\r\n", "Connection: close\r\n", " A: b\r\n", "A\r\n", "Upgrade: h2c\r\nConnection: upgrade\r\n") + usually(m, "\r\n", "\n", "", "abc\r\n\r\n")
}

// fields are those that frame the body, among others. The body becomes what they say, mostly.
func (m *maker) fields(n int, coding string, body *string) string {
	var all []string
	length := func() { all = append(all, m.field("Content-Length", m.length(n))) }
	chunked := func() {
		all = append(all, m.field("Transfer-Encoding", usually(m, "chunked", "Chunked", "chunked ", "\vchunked", "chunked\x00", "xchunked", "chunked;q=1",
			"chunked;a", "\"chunked\"", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "identity", "identity, chunked",
			"chunked, identity", "", "chunke", "chun ked", "deflate", "trailers")))
	}
	switch how := m.IntN(10); {
	case how < 4:
		length()
	case how < 8:
		chunked()
		*body = m.chunks(*body)
	case how == 8 && m.strange():
		length()
		chunked()
		*body = m.chunks(*body)
	}
	for m.strange() {
		one(m, length, chunked)()
	}
	for coding != "" {
		all = append(all, m.field("Content-Encoding", coding))
		coding = usually(m, "", "gzip", "identity", "br")
	}
	for m.IntN(3) > 0 {
		all = append(all, m.other())
	}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all, "")
}

func (m *maker) length(n int) string {
	s := strconv.Itoa(n)
	return usually(m, s, strconv.Itoa(n+1), strconv.Itoa(max(n-1, 0)), "+"+s, "-"+s, "0"+s, "0x"+s, s+", "+s, s+","+strconv.Itoa(n+1), "", " ", s+" ", "\t"+s,
		s+";", s+"\x00", "\v"+s, s+"\f", s+".0", s+" 1", "1e1", "18446744073709551616", "18446744073709551617", "9223372036854775807", "9223372036854775808",
		"-1", "chunked", "\""+s+"\"", "１", s+"\xa0", "00000000000000000000"+s)
}

// field is a line, its blanks and its end a little odd at times.
func (m *maker) field(name, value string) string {
	if m.strange() {
		name = one(m, strings.ToLower(name), strings.ToUpper(name), name+" ", name+"\t", " "+name, "\t"+name, name+"\x00", name+"\v", strings.ReplaceAll(name, "-", "_"),
			name+"\r\n", "X-"+name, name+"X", "", "\xef\xbb\xbf"+name, name+":", "("+name+")", name+"\r")
	}
	gap := usually(m, ": ", ":", ":\t", ":  \t ", " :", ": \r\n ", ":\r\n\t", "=", "", ":\n ", ":\r ", ":\v", "\x00:", ": \x00")
	return name + gap + value + usually(m, "", " ", "\t", "\r\n x", "\r\n\t", " \r\n ", "\x00", "\r", ",", "\x7f") + m.end()
}

// other is a field that frames nothing.
func (m *maker) other() string {
	switch m.IntN(8) {
	case 0:
		return m.field("Connection", usually(m, one(m, "close", "keep-alive", "Keep-Alive"), "close, keep-alive", "x", "upgrade", "", "Transfer-Encoding", "close\x00"))
	case 1:
		return m.field("Trailer", usually(m, "Sum", "Content-Length", "Transfer-Encoding", "", "A, B", "\x00"))
	case 2:
		return m.field("Set-Cookie", "a=b; Path=/")
	case 3:
		return m.field("Content-Type", "text/plain; charset=utf-8")
	case 4:
		return m.field("Upgrade", "h2c")
	case 5:
		return m.field("ETag", `"x"`)
	}
	return m.field(one(m, "A", "Server", "X-y", "!#$%&'*+-.^_`|~", "Date"), usually(m, one(m, "b", "", "b c", `"q"`, "b:c", "\xe9t\xe9"),
		"\x01", "\x1b[2J", strings.Repeat("y", 5000), "b\x00c", "b\rc", "b\nc", "\xff"))
}

// chunks is the body in chunks.
func (m *maker) chunks(body string) string {
	var b strings.Builder
	for body != "" {
		n := 1 + m.IntN(len(body))
		m.chunk(&b, body[:n])
		body = body[n:]
	}
	b.WriteString(usually(m, "0", "00", "0000000000000000", "00000000000000000", "-0", "0x0", "", "0 ", "+0") + m.extension() + m.end())
	for m.IntN(6) == 0 {
		b.WriteString(m.field(one(m, "Sum", "A", "Content-Length", "Transfer-Encoding", "Trailer"), "42"))
	}
	b.WriteString(usually(m, "\r\n", "\n", "", "\r", "\r\n\r\n", "x\r\n", " \r\n"))
	return b.String()
}

func (m *maker) chunk(b *strings.Builder, data string) {
	size := strconv.FormatInt(int64(len(data)), 16)
	size = usually(m, size, "0"+size, strings.ToUpper(size), "0x"+size, "+"+size, "-"+size, size+" ", " "+size, size+"\t", "", size+"h", size+"_0",
		"10000000000000000"+size, "ffffffffffffffff", "8000000000000000", "7fffffffffffffff", strconv.Itoa(len(data)), size+"\x00", "0000000000000000"+size, size+",")
	b.WriteString(size + m.extension() + m.end() + data + m.end())
}

func (m *maker) extension() string {
	return usually(m, one(m, "", "", "", ";a", ";a=b", `;a="b"`), " ;a", "; a", ";a=\"b\r\nc\"", ";\x00", ";a\rb", ";", ";;", ";a=\"", "\t;a=b", ";a\nb", " ", ","+"a", ";"+strings.Repeat("x", 3000))
}

// gzipped is text in gzip, mostly.
func (m *maker) gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if m.strange() {
		z.Name, z.Comment, z.Extra = "n", "c", []byte("xtra")
	}
	_, _ = z.Write([]byte(text)) // to memory
	_ = z.Close()
	s := b.String()
	if !m.strange() {
		return s
	}
	switch at := m.IntN(len(s)); m.IntN(8) {
	case 0:
		return s[:at]
	case 1:
		return s[:at] + string(s[at]^byte(1<<m.IntN(8))) + s[at+1:]
	case 2:
		return s + one(m, "x", "\x00", "\x00\x00\x00\x00", "\x1f", "\x1f\x8b", "\x1f\x8b\x08\x00", "garbage")
	case 3:
		return s + s
	case 4:
		return s + s[:at]
	case 5:
		return s[:3] + string(byte(m.IntN(256))) + s[4:]
	case 6:
		return text
	}
	return ""
}

// changes are the bytes that mean something to a reader of HTTP, or that none should take.
const changes = "\x00\t\n\v\f\r \"+,-.0123456789:;AFaf_xX\x7f\x80\xa0\xff"

// mutated is raw with up to three bytes or pieces of it changed.
func (m *maker) mutated(raw string) string {
	b := []byte(raw)
	for range 1 + m.IntN(3) {
		if len(b) == 0 {
			return ""
		}
		i := m.IntN(len(b))
		j := min(i+1+m.IntN(8), len(b))
		c := changes[m.IntN(len(changes))]
		switch m.IntN(7) {
		case 0:
			b[i] = c
		case 1:
			b = append(b[:i:i], append([]byte{c}, b[i:]...)...)
		case 2:
			b = append(b[:i:i], b[i+1:]...)
		case 3: // a piece twice
			b = append(b[:j:j], b[i:]...)
		case 4: // a piece gone
			b = append(b[:i:i], b[j:]...)
		case 5:
			b[i] ^= byte(1 << m.IntN(8))
		case 6: // a piece from elsewhere
			k := m.IntN(len(b))
			b = append(b[:k:k], append(bytes.Clone(b[i:j]), b[k:]...)...)
		}
	}
	return string(b)
}
