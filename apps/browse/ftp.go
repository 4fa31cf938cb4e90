package browse

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// An FTP is a file or a directory to fetch over FTP (RFC 959): binary, in passive mode (EPSV, or PASV where the
// server does not know that), on two connections that Dial makes. URL, Dial and Out are required.
type FTP struct {
	URL            *url.URL
	User, Password string // "": the URL's; where it has none either, anonymous
	From           int64  // the first byte that is wanted
	Head           bool   // only Size and Modified
	Dial           Dial
	Out            io.Writer     // gets the file, or the lines of the directory as the server writes them
	IdleTimeout    time.Duration // without a byte on a connection. 0: 60 s

	Begins func(*FTPFile)               // called before the first byte, or in its place. nil: nobody wants to know
	Joined func(data bool, c net.Conn)  // hears of each connection. nil: nobody
	Said   func(ours bool, line string) // hears of each line of the dialogue, passwords left out. nil: nobody
	Ends   func(n int64, err error)     // called after the last byte, before the good-bye. nil: nobody wants to know
}

// An FTPFile is what a server says of a file before it sends it.
type FTPFile struct {
	Size     int64     // -1: not said
	Modified time.Time // zero: not said
}

// anonymous is who has no name there, and what stands for a password then (RFC 1635).
const anonymous, anonymousPassword = "anonymous", "ftp@example.com"

const ftpIdle = 60 * time.Second

// Fetch fetches, and returns how many bytes came and the code of the last reply. The error is an *http.Error or
// an *FTPError, or what Out said.
func (f *FTP) Fetch(ctx context.Context) (n int64, code int, err error) {
	w, err := f.where()
	if err != nil {
		return 0, 0, err
	}
	t := &ftpTalk{f: f, ctx: ctx}
	defer t.leave()
	n, err = t.fetch(w)
	if err = t.why(err); f.Ends != nil {
		f.Ends(n, err)
	}
	return n, t.code, err
}

// An ftpPlace is a URL's path as FTP has it (RFC 1738 3.2).
type ftpPlace struct {
	dirs []string // to change into, one after the other
	file string   // "": the directory itself
	kind byte     // of ";type=": i, a or d
}

// where reads the URL's path.
func (f *FTP) where() (w ftpPlace, err error) {
	path := strings.TrimPrefix(f.URL.Path, "/")
	if f.URL.HasQuery { // FTP has no queries
		path += "?" + f.URL.Query
	}
	w.kind = 'i'
	if i := len(path) - len(";type=i"); i >= 0 && strings.EqualFold(path[i:len(path)-1], ";type=") {
		w.kind, path = path[len(path)-1]|0x20, path[:i]
	}
	parts := strings.Split(path, "/")
	w.file = url.Decode(parts[len(parts)-1])
	for i, p := range parts[:len(parts)-1] {
		switch {
		case p != "":
			w.dirs = append(w.dirs, url.Decode(p))
		case i == 0: // ftp://host//etc is from the root, and not from where one is let in
			w.dirs = append(w.dirs, "/")
		}
	}
	user, password := f.who()
	for _, s := range append([]string{w.file, user, password}, w.dirs...) {
		for i := range len(s) {
			if s[i] < ' ' {
				return w, &http.Error{Kind: http.BadURL, Op: f.URL.Public(), Text: "a control character cannot be sent to an FTP server"}
			}
		}
	}
	return w, nil
}

// who is as whom we log in.
func (f *FTP) who() (user, password string) {
	switch {
	case f.User != "":
		return f.User, f.Password
	case f.URL.User != "":
		return url.Decode(f.URL.User), url.Decode(f.URL.Password)
	}
	return anonymous, anonymousPassword
}

func (t *ftpTalk) fetch(w ftpPlace) (int64, error) {
	f := t.f
	host := net.JoinHostPort(f.URL.Host, strconv.Itoa(int(f.URL.EffectivePort())))
	c, err := ftp.Dial(host, ftp.DialWithDialFunc(t.dial), ftp.DialWithDisabledMLSD(true))
	if err != nil {
		return 0, err
	}
	user, password := f.who()
	if err = c.Login(user, password); err != nil {
		return 0, err
	}
	for _, d := range w.dirs {
		if err := c.ChangeDir(d); err != nil {
			return 0, err
		}
	}
	if w.file == "" || w.kind == 'd' {
		return t.list(c, w)
	}
	if w.kind == 'a' {
		if err := c.Type(ftp.TransferTypeASCII); err != nil {
			return 0, err
		}
	}
	return t.retrieve(c, w)
}

// list has a directory's lines copied as they come: the library reads them, and we read along.
func (t *ftpTalk) list(c *ftp.ServerConn, w ftpPlace) (int64, error) {
	t.begins(&FTPFile{Size: -1})
	if t.f.Head {
		return 0, nil
	}
	t.copy = &counted{w: &lines{w: t.f.Out}}
	var err error
	if w.kind == 'd' {
		_, err = c.NameList(w.file)
	} else {
		_, err = c.List(w.file)
	}
	if t.copy.err != nil {
		err = t.copy.err
	}
	return t.copy.n, err
}

func (t *ftpTalk) retrieve(c *ftp.ServerConn, w ftpPlace) (int64, error) {
	file := &FTPFile{Size: -1}
	if n, err := c.FileSize(w.file); err == nil {
		file.Size = n
	} else if t.broken(err) {
		return 0, err
	}
	if t.f.Head {
		if at, err := c.GetTime(w.file); err == nil {
			file.Modified = at
		}
		if file.Size < 0 {
			return 0, &FTPError{Command: "SIZE", Code: t.code, Reply: t.reply}
		}
	}
	switch {
	case t.f.From > 0 && file.Size >= 0 && t.f.From > file.Size:
		return 0, &FTPError{Command: "REST", Code: 0, Reply: "the file has only " + strconv.FormatInt(file.Size, 10) + " bytes"}
	case t.f.Head, t.f.From > 0 && t.f.From == file.Size:
		t.begins(file)
		return 0, nil
	}
	r, err := c.RetrFrom(w.file, uint64(t.f.From))
	if err != nil {
		return 0, err
	}
	t.begins(file)
	t.moving = true
	out := &counted{w: t.f.Out}
	if w.kind == 'a' {
		out.w = &lines{w: t.f.Out}
	}
	_, err = io.Copy(out, struct{ io.Reader }{r})
	if out.err != nil {
		return out.n, out.err
	}
	if e := r.Close(); err == nil {
		err = e
	}
	if missing := file.Size - t.f.From - out.n; err == nil && file.Size >= 0 && missing > 0 && w.kind != 'a' {
		err = &http.Error{Kind: http.Partial, Op: t.op(), Text: strconv.FormatInt(missing, 10) + " bytes of the file are missing", Err: http.ErrTruncated}
	}
	return out.n, err
}

func (t *ftpTalk) begins(file *FTPFile) {
	if t.f.Begins != nil {
		t.f.Begins(file)
	}
}

// counted counts what is written, and remembers a failure to write.
type counted struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counted) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// lines writes text whose lines end with CR and LF, as FTP sends it, with LF only.
type lines struct {
	w  io.Writer
	cr bool // the last byte was one, and is not written yet
}

func (l *lines) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+1)
	for _, c := range p {
		if l.cr && c != '\n' {
			out = append(out, '\r')
		}
		if l.cr = c == '\r'; !l.cr {
			out = append(out, c)
		}
	}
	if _, err := l.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// An FTPError is a server's refusal.
type FTPError struct {
	Command string // what was refused, without its argument; "": it did not even greet
	Code    int    // of the reply; 0: we need no reply to know
	Reply   string // its last line, the code left out
}

var ftpMeans = map[string]string{
	"":     "greet us",
	"USER": "let us in",
	"PASS": "let us in",
	"CWD":  "change into the directory",
	"TYPE": "send bytes as they are",
	"EPSV": "say where the file comes from",
	"PASV": "say where the file comes from",
	"REST": "begin in the middle",
	"SIZE": "say how long it is",
	"RETR": "send the file",
	"LIST": "send the directory",
	"NLST": "send the directory",
}

func (e *FTPError) Error() string {
	what := ftpMeans[e.Command]
	if what == "" {
		what = "do " + e.Command
	}
	text := "the FTP server does not " + what + ": "
	if e.Code != 0 {
		text += strconv.Itoa(e.Code) + " "
	}
	return text + strconv.QuoteToASCII(e.Reply[:min(len(e.Reply), 200)])
}

var errFTPNoise = errors.New("a line of the server is no reply")
