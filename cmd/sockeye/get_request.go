package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// A dataFlag collects -d and its kin in the order in which they are given; how says which of them it is.
type dataFlag struct {
	to  *[]string
	how byte
}

func (d *dataFlag) Set(text string) error {
	*d.to = append(*d.to, string(d.how)+text)
	return nil
}

func (d *dataFlag) String() string { return "" }
func (d *dataFlag) Type() string   { return "BYTES" }

// request is what the flags ask for.
func (f *getFlags) request(in io.Reader) (*http.Request, error) {
	r := &http.Request{Method: f.method, URL: f.url, Old: f.old}
	switch {
	case f.head && len(f.data) > 0:
		return nil, errors.New("-I asks for no body and -d sends one: use one of them")
	case f.method == "" && f.head:
		r.Method = "HEAD"
	case f.method == "" && len(f.data) > 0:
		r.Method = "POST"
	}
	if err := f.fields(r, in); err != nil {
		return nil, err
	}
	body, err := f.body(in)
	if err != nil {
		return nil, err
	}
	if len(f.data) > 0 {
		r.Body = strings.NewReader(body)
		if r.Length == 0 {
			r.Length = int64(len(body))
		}
		if !given(f.headers, "Content-Type") {
			r.Fields = append(r.Fields, http.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
		}
		const large = 1 << 20 // from there on curl asks first, too
		r.Expect = r.Expect || len(body) > large
	}
	return r, nil
}

// fields are the header fields that the flags ask for.
func (f *getFlags) fields(r *http.Request, in io.Reader) error {
	add := func(name, value string) {
		if value != "" && !given(f.headers, name) {
			r.Fields = append(r.Fields, http.Field{Name: name, Value: value})
		}
	}
	if f.user != "" {
		user, password, _ := strings.Cut(f.user, ":")
		add("Authorization", browse.Basic(user, password))
	}
	add("User-Agent", f.agent)
	if f.agent == "" && f.noAgent {
		r.Omit = append(r.Omit, "User-Agent")
	}
	referer, _ := strings.CutSuffix(f.referer, autoReferer)
	add("Referer", referer)
	cookies, _ := f.cookieFlags()
	add("Cookie", strings.Join(cookies, ";")) // as curl joins them
	if f.zipped {
		add(http.AcceptGzip.Name, http.AcceptGzip.Value)
	}
	headers, err := f.eachHeader(in)
	if err != nil {
		return err
	}
	for _, h := range headers {
		switch name, value, ok := strings.Cut(h, ":"); {
		case ok && strings.Trim(value, " \t") == "":
			r.Omit = append(r.Omit, name) // "Accept:": without it
		case ok && meant(r, name, strings.Trim(value, " \t")):
		case ok:
			r.Fields = append(r.Fields, http.Field{Name: name, Value: strings.Trim(value, " \t")})
		case strings.HasSuffix(h, ";"):
			r.Fields = append(r.Fields, http.Field{Name: strings.TrimSuffix(h, ";")}) // "Name;": with nothing in it
		default:
			return fmt.Errorf("-H %q: a header is a name, a colon and a value", h)
		}
	}
	return nil
}

// meant does what a header asks for that is the client's own to send, and whether it is one.
func meant(r *http.Request, name, value string) bool {
	switch strings.ToLower(name + ": " + value) {
	case "connection: close":
		r.Close = true
	case "expect: 100-continue":
		r.Expect = true
	case "transfer-encoding: chunked":
		r.Length = -1
	default:
		return false
	}
	return true
}

// eachHeader are the headers that -H gives, those of a file (@FILE; @-: standard input) a line each.
func (f *getFlags) eachHeader(in io.Reader) (all []string, err error) {
	for _, h := range f.headers {
		file, ok := strings.CutPrefix(h, "@")
		if !ok {
			all = append(all, h)
			continue
		}
		b, err := readAll(in, file)
		if err != nil {
			return nil, fail(curlRead, fmt.Errorf("-H: %w", err))
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// autoReferer after -e's URL, or alone, has each redirect's Referer name what led there, as with curl.
const autoReferer = ";auto"

// given says whether -H names a field.
func given(headers []string, name string) bool {
	for _, h := range headers {
		if n, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSuffix(n, ";"), name) {
			return true
		}
	}
	return false
}

// body joins what -d and its kin give with &, as curl; @-: standard input.
func (f *getFlags) body(in io.Reader) (string, error) {
	var parts []string
	for _, d := range f.data {
		how, text := d[0], d[1:]
		if name, ok := strings.CutPrefix(text, "@"); ok && how != 'r' {
			b, err := readAll(in, name)
			if err != nil {
				return "", fail(curlRead, fmt.Errorf("-d: %w", err))
			}
			text = string(b)
			if how == 'd' {
				text = strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(text)
			}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "&"), nil
}

// equip gives a browser what the flags say of the way.
func (f *getFlags) equip(b *browse.Browser) error {
	b.Redirects, b.Downgrade = 0, f.downward
	if f.follow {
		b.Redirects = 10
	}
	b.Refer = strings.HasSuffix(f.referer, autoReferer) && !given(f.headers, "Referer")
	b.Insecure, b.OnlyHTTP1 = f.insecure, f.only1 || f.old
	b.Client.ConnectTimeout = f.connect
	if err := f.through(b.Client); err != nil {
		return err
	}
	if f.cacert == "" {
		return nil
	}
	pem, err := os.ReadFile(f.cacert)
	if err != nil {
		return fail(curlCACert, fmt.Errorf("--cacert: %w", err))
	}
	b.Roots = x509.NewCertPool()
	if !b.Roots.AppendCertsFromPEM(pem) {
		return fail(curlCACert, fmt.Errorf("--cacert %s: there is no certificate in it", f.cacert))
	}
	return nil
}

// through sets the proxy.
func (f *getFlags) through(c *http.Client) error {
	at := strings.TrimSuffix(strings.TrimPrefix(f.proxy, "http://"), "/")
	if strings.Contains(at, "://") {
		return fail(curlNoProxy, fmt.Errorf("-x %s: only HTTP proxies are used, with http:// or without", hidden(f.proxy)))
	}
	if i := strings.LastIndexByte(at, '@'); i >= 0 {
		user, password, _ := strings.Cut(at[:i], ":")
		c.ProxyAuth, at = browse.Basic(url.Decode(user), url.Decode(password)), at[i+1:]
	}
	if at != "" {
		if u, err := url.Parse("http://" + at); err != nil || u.Host == "" || u.Path != "" || u.HasQuery || u.HasFragment {
			return fail(curlNoProxy, fmt.Errorf("-x %s: a proxy is host:port, or user:password@host:port", hidden(f.proxy)))
		}
	}
	c.Proxy = at
	return nil
}

// hidden is a proxy without the user and the password that may stand before it.
func hidden(proxy string) string {
	scheme, at, ok := strings.Cut(proxy, "://")
	if !ok {
		scheme, at = "", proxy
	} else {
		scheme += "://"
	}
	return scheme + at[strings.LastIndexByte(at, '@')+1:]
}

// known are the addresses that --resolve gives: HOST:PORT:ADDR, of which HOST may be *, and as with curl
// a + before it changes nothing here and -HOST:PORT forgets what an earlier one has said.
func (f *getFlags) known() (knownHosts, error) {
	known := knownHosts{}
	for _, r := range f.resolve {
		text, forget := strings.CutPrefix(r, "-")
		part := strings.SplitN(strings.TrimPrefix(text, "+"), ":", 3)
		want := 3
		if forget {
			want = 2
		}
		if len(part) != want {
			return nil, fail(curlOption, fmt.Errorf("--resolve %s: it is HOST:PORT:ADDR", r))
		}
		port, err := strconv.ParseUint(part[1], 10, 16)
		if err != nil {
			return nil, fail(curlOption, fmt.Errorf("--resolve %s: %q is no port", r, part[1]))
		}
		at := hostPort{strings.ToLower(part[0]), uint16(port)}
		delete(known, at) // the last one counts
		if forget {
			continue
		}
		for a := range strings.SplitSeq(part[2], ",") {
			addr, err := netip.ParseAddr(strings.Trim(a, "[]"))
			if err != nil {
				return nil, fail(curlOption, fmt.Errorf("--resolve %s: %q is no address", r, a))
			}
			known[at] = append(known[at], addr)
		}
	}
	return known, nil
}
