package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// getFlags are get's own flags, with curl's names and letters.
type getFlags struct {
	linkFlags
	url string

	method   string
	headers  []string
	data     []string // each with a first letter that says how it is meant: see dataFlag
	user     string
	agent    string
	noAgent  bool // -A ""
	referer  string
	cookie   []string // each -b, see cookieFlags
	head     bool
	old      bool // HTTP/1.0
	only1    bool // HTTP/1.1 at most
	http2    bool
	zipped   bool
	follow   bool
	downward bool

	output   string
	remote   bool
	jar      string
	include  bool
	failing  bool
	silent   bool
	showErr  bool
	writeOut string
	resume   string
	every    time.Duration
	parts    bool // --page

	proxy    string
	insecure bool
	cacert   string
	resolve  []string
	most     time.Duration
	connect  time.Duration
}

func (p *program) get() *cobra.Command {
	f := &getFlags{}
	cmd := &cobra.Command{
		Use:   "get URL",
		Short: "Fetch a URL over HTTP, HTTPS or FTP",
		Long: `Get fetches a URL with our own TCP, IP, DNS and HTTP/1; TLS and HTTP/2 are Go's,
on our sockets. The page goes to standard output; flags and exit codes are those
of curl(1). With SSLKEYLOGFILE in the environment TLS's secrets go to the file
that it names and, with --pcap, into the capture. ftp: is fetched in passive mode,
a path that ends with / is listed. file: is printed; mailto:, news:, urn: and tel:
are explained, and nothing is sent.`,
		Example: `  sockeye get http://example.com/                     # over the device of sockeye up
  sockeye get -L -o page.html https://example.com/    # follow redirects, into a file
  sockeye get -v http://example.com/                  # tell the journey
  sockeye get --page http://example.com/              # with images and style sheets, as a waterfall
  sockeye get --html journey.html https://example.com/
  sockeye get -d user=me -d text=hello http://example.com/form
  sockeye get -C - -O http://example.com/large.iso    # go on where it stopped
  sockeye get -v ftp://192.0.2.1/pub/README           # two connections: commands, and the file
  sockeye get --every 2s -s http://example.com/state  # again and again, when it changes
  sudo sockeye get --tun tun7 --addr 192.0.2.2/24 --pcap get.pcapng http://192.0.2.1/`,
		Args: oneArgument("a URL, such as http://example.com/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.url = args[0]
			return p.runGet(cmd, f)
		},
	}
	f.requestFlags(cmd)
	f.resultFlags(cmd)
	f.wayFlags(cmd)
	f.sharedFlags(cmd)
	f.out = true
	f.register(cmd)
	return cmd
}

// requestFlags are those of what is asked.
func (f *getFlags) requestFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.method, "request", "X", "", "use this `METHOD`")
	fl.VarP(&dataFlag{&f.data, 'd'}, "data", "d", "POST these `BYTES`; @FILE (@-: the input): what it has, no line ends")
	fl.Var(&dataFlag{&f.data, 'r'}, "data-raw", "-d in which @ has no meaning (`BYTES`)")
	fl.Var(&dataFlag{&f.data, 'b'}, "data-binary", "-d in which a file keeps its line ends (`BYTES`)")
	fl.StringVarP(&f.referer, "referer", "e", "", "what page led here (`URL`); URL;auto: then each redirect")
	fl.BoolVarP(&f.head, "head", "I", false, "ask for the head only, and print it")
	fl.BoolVarP(&f.old, "http1.0", "0", false, "speak HTTP/1.0")
	fl.BoolVar(&f.only1, "http1.1", false, "do not offer HTTP/2")
	fl.BoolVar(&f.http2, "http2", false, "offer HTTP/2 to servers with https; it is offered anyhow")
	fl.BoolVar(&f.zipped, "compressed", false, "ask for gzip, and undo it")
	fl.BoolVarP(&f.follow, "location", "L", false, "follow redirects, ten at most")
	fl.BoolVar(&f.downward, "downgrade", false, "follow redirects from https to http, too")
}

// resultFlags are those of what becomes of the answer.
func (f *getFlags) resultFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "write the page to `FILE`")
	fl.BoolVarP(&f.remote, "remote-name", "O", false, "write the page to a file of its own name")
	fl.StringVarP(&f.jar, "cookie-jar", "c", "", "keep cookies, and write them to `FILE` in the end")
	fl.BoolVarP(&f.include, "include", "i", false, "print the response's head too")
	fl.BoolVarP(&f.failing, "fail", "f", false, "exit with 22 and without output where the status is 400 or more")
	fl.BoolVarP(&f.silent, "silent", "s", false, "no progress and no errors")
	fl.BoolVarP(&f.showErr, "show-error", "S", false, "with -s: errors all the same")
	fl.StringVarP(&f.writeOut, "write-out", "w", "", "print `TEXT` afterwards, with variables such as %{http_code}")
	fl.StringVarP(&f.resume, "continue-at", "C", "", "go on at byte `N`; -: where the file ends")
	fl.BoolVar(&f.parts, "page", false, "fetch images and style sheets, too; show when each came")
	secondsVar(cmd, &f.every, "every", "", "fetch each `TIME` and print what has changed, until interrupted")
}

// wayFlags are those of how to get there.
func (f *getFlags) wayFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.proxy, "proxy", "x", "", "go through this HTTP `PROXY`, host:port or user:password@host:port")
}

// sharedFlags are those that ws has, too: who we are, whom we believe, and how long we wait.
func (f *getFlags) sharedFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "send this `HEADER`, such as \"Accept: text/html\"")
	fl.StringVarP(&f.user, "user", "u", "", "`USER:PASSWORD` for Basic authentication, for FTP or for STOMP")
	fl.StringVarP(&f.agent, "user-agent", "A", "", "what to say we are (`NAME`)")
	fl.StringArrayVarP(&f.cookie, "cookie", "b", nil, "send these `COOKIES`, such as \"a=1; b=2\", or those of a file")
	fl.BoolVarP(&f.insecure, "insecure", "k", false, "believe any certificate")
	fl.StringVar(&f.cacert, "cacert", "", "believe whom the certificates in `FILE` vouch for, nobody else")
	fl.StringArrayVar(&f.resolve, "resolve", nil, "this `HOST:PORT:ADDR` is known; nobody is asked")
	f.connect = 30 * time.Second
	secondsVar(cmd, &f.most, "max-time", "m", "give up after this `TIME`, such as 2 or 1m30s (default: never)")
	secondsVar(cmd, &f.connect, "connect-timeout", "", "give up connecting, name included, after this `TIME`")
}

func (p *program) runGet(cmd *cobra.Command, f *getFlags) error {
	failBrokenPipes()
	if done, err := p.unfetched(f); done { // before anything is touched
		return err
	}
	u, err := url.Parse(f.url)
	if err != nil || u.Scheme != "ftp" {
		if _, err := http.ParseURL(f.url); err != nil {
			return fail(curlCode(err), err)
		}
	}
	if f.most < 0 || f.connect <= 0 || f.every < 0 {
		return usage(cmd, errors.New("-m and --every must not be negative, and --connect-timeout must be more than 0"))
	}
	if u.Scheme == "ftp" {
		return f.quiet(p.runFTP(cmd, f, u))
	}
	f.noAgent = cmd.Flags().Changed("user-agent")
	r, err := f.request(p.in)
	if err != nil {
		return unasked(cmd, err)
	}
	err = p.within(&f.linkFlags, unusable(cmd), func(s *session, stop *interruption) error {
		return stop.interrupted(p.fetchAll(s, stop, f, r))
	})
	return f.quiet(err)
}

// unasked is why there is nothing to be sent: of a file that cannot be read, or of the call.
func unasked(cmd *cobra.Command, err error) error {
	var told *exit
	if errors.As(err, &told) {
		return err
	}
	return usage(cmd, err)
}

// quiet is err, without its text where -s asks for that.
func (f *getFlags) quiet(err error) error {
	if f.silent && !f.showErr {
		err = hushed(err)
	}
	return err
}

// lasting is ctx with the time of -m.
func (f *getFlags) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.most > 0 {
		return context.WithTimeout(ctx, f.most)
	}
	return context.WithCancel(ctx)
}

// hushed is err without its text.
func hushed(err error) error {
	var e *exit
	if errors.As(err, &e) {
		return fail(e.code, nil)
	}
	return err
}
