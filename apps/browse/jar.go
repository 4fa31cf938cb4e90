package browse

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
)

// A Jar holds cookies. Its zero value is empty and ready. It is safe for concurrent use.
type Jar struct {
	mu   sync.Mutex
	all  []Cookie // in the order in which they were made
	made int
}

// Set keeps the cookie of one Set-Cookie field that u sent, or takes out the one that it ends. It
// reports whether the field was one to follow.
func (j *Jar) Set(u *url.URL, field string, now time.Time) bool {
	c, ok := parseCookie(u, field, now)
	if ok {
		j.put(c, now)
	}
	return ok
}

// put is RFC 6265 5.3, steps 11 and 12.
func (j *Jar) put(c Cookie, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made++
	c.made = j.made
	same := func(o Cookie) bool { return o.Name == c.Name && o.Domain == c.Domain && o.Path == c.Path }
	if i := slices.IndexFunc(j.all, same); i >= 0 {
		c.made = j.all[i].made
		j.all = slices.Delete(j.all, i, i+1)
	}
	if c.over(now) {
		return
	}
	j.all = append(j.all, c)
	slices.SortStableFunc(j.all, func(a, b Cookie) int { return a.made - b.made })
	j.bound(c.Domain, now)
}

// bound throws out what is over, then the oldest of a domain that has too many, then the oldest.
func (j *Jar) bound(domain string, now time.Time) {
	j.all = slices.DeleteFunc(j.all, func(c Cookie) bool { return c.over(now) })
	of := 0
	for _, c := range j.all {
		if c.Domain == domain {
			of++
		}
	}
	if of > maxPerDomain {
		i := slices.IndexFunc(j.all, func(c Cookie) bool { return c.Domain == domain })
		j.all = slices.Delete(j.all, i, i+1)
	}
	if len(j.all) > maxCookies {
		j.all = slices.Delete(j.all, 0, 1)
	}
}

// Header is the Cookie field for a request of u: longer paths first, then older ones (RFC 6265 5.4).
// "": there is none.
func (j *Jar) Header(u *url.URL, now time.Time) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var sent []Cookie
	for _, c := range j.all {
		if c.matches(u, now) {
			sent = append(sent, c)
		}
	}
	slices.SortStableFunc(sent, func(a, b Cookie) int { return len(b.Path) - len(a.Path) })
	var b strings.Builder
	for _, c := range sent {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Name + "=" + c.Value)
	}
	return b.String()
}

// All is what is in the jar now, the oldest first.
func (j *Jar) All() []Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.all)
}

// Save writes the jar in the form that curl and Netscape have: seven columns, the session's cookies with time 0.
func (j *Jar) Save(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "# Netscape HTTP Cookie File\n\n")
	for _, c := range j.All() {
		domain, below := c.Domain, "FALSE"
		if !c.HostOnly {
			domain, below = "."+c.Domain, "TRUE"
		}
		if c.HTTPOnly {
			domain = "#HttpOnly_" + domain
		}
		at := int64(0)
		if !c.Expires.IsZero() {
			at = c.Expires.Unix()
		}
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", domain, below, c.Path, upper(c.Secure), at, c.Name, c.Value)
	}
	return b.Flush()
}

func upper(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// Load adds the cookies of a file as Save writes it. A line that is none is an error that names it.
func (j *Jar) Load(r io.Reader, now time.Time) error {
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line, only := strings.CutPrefix(in.Text(), "#HttpOnly_")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		c, ok := parseLine(line)
		if !ok {
			return fmt.Errorf("line %d is not a cookie: seven columns with tabs between are wanted", n)
		}
		c.HTTPOnly = only
		j.put(c, now)
	}
	return in.Err()
}

func parseLine(line string) (c Cookie, ok bool) {
	f := strings.Split(line, "\t")
	if len(f) != 7 {
		return c, false
	}
	at, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil || f[5] == "" || !strings.HasPrefix(f[2], "/") || strings.ContainsAny(f[5]+f[6], ";\r\n\x00") {
		return c, false
	}
	c = Cookie{Name: f[5], Value: f[6], Path: f[2], Secure: f[3] == "TRUE",
		Domain: strings.ToLower(strings.TrimPrefix(f[0], ".")), HostOnly: f[1] != "TRUE"}
	if at > 0 {
		c.Expires = time.Unix(at, 0)
	}
	return c, true
}
