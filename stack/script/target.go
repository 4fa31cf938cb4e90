package script

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// A Target is what a script runs on: what it uses of a host.Host, with the same
// meanings. Another stack is one too, behind an adapter.
type Target interface {
	Input(now clock.Instant, p *link.Packet)
	Expire(now clock.Instant)
	Transmit(now clock.Instant, out []link.Packet) int
	Deadline() clock.Instant
	Pending() bool
	Events() []host.Ready
	CloseAll(now clock.Instant)

	Open(now clock.Instant, k host.Kind) (host.Handle, error)
	Bind(now clock.Instant, s host.Handle, local netip.AddrPort) error
	Listen(now clock.Instant, s host.Handle, backlog int) error
	Accept(now clock.Instant, s host.Handle) (host.Handle, error)
	Connect(now clock.Instant, s host.Handle, remote netip.AddrPort) error
	Shutdown(now clock.Instant, s host.Handle, how host.How) error
	Close(now clock.Instant, s host.Handle) error

	SendWith(now clock.Instant, s host.Handle, p []byte, f host.SendFlags) (int, error)
	SendTo(now clock.Instant, s host.Handle, p []byte, to netip.AddrPort) (int, error)
	Recv(now clock.Instant, s host.Handle, p []byte, f host.RecvFlags) (int, error)
	RecvFrom(now clock.Instant, s host.Handle, p []byte, f host.RecvFlags) (n, size int, from netip.AddrPort, err error)

	Poll(s host.Handle) (host.Mask, error)
	SocketError(s host.Handle) error
	Options(s host.Handle) (host.Options, error)
	SetOptions(now clock.Instant, s host.Handle, o host.Options) error
	Info(now clock.Instant, s host.Handle) (tcp.Info, error)

	Push(now clock.Instant, s host.Handle) error
	SetQuickACK(now clock.Instant, s host.Handle, on bool) error
	QuickACK(s host.Handle) (bool, error)
	Queued(s host.Handle) (host.Queued, error)
	AtMark(s host.Handle) (bool, error)
	UrgentLeft(s host.Handle) (int, error)
	PathMTU(s host.Handle) (int, error)
}

// A Stage is where a script runs that does not run on our own host.
type Stage struct {
	// Open makes the target. An error of type Lacks says that the script asks
	// for what the target has not.
	Open func(host.Config, link.Features) (Target, error)
	// Shows reports whether the target's Info fills a field of tcp_info; an
	// assertion about another field is passed over.
	Shows func(field string) bool
}

// Lacks is the error of a target that has not what a script asks for.
type Lacks string

func (l Lacks) Error() string { return "it lacks " + string(l) }

// A Failure says where a script does not hold, and how it went until there.
type Failure struct {
	Name   string // of the script
	Line   int
	Event  string // as written
	Err    error
	Ladder []string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s:%d: %v\n\tladder so far:\n\t\t%s", f.Name, f.Line, f.Err, strings.Join(f.Ladder, "\n\t\t"))
}

func (f *Failure) Unwrap() error { return f.Err }

// RunOn runs the script in a file on another stack. What a stack may choose by
// taste does not count there: PSH, the order and the padding of the options, the
// shift of the window scale, and how wide an open window is. An error of type
// *Failure says that the script does not hold.
func RunOn(s Stage, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p, err := parse(path, string(text))
	if err != nil {
		return err
	}
	p.stage = &s
	return p.run()
}

// open makes what the script runs on.
func (p *program) open() (Target, error) {
	config, features := p.settings.host()
	if p.stage != nil {
		return p.stage.Open(config, features)
	}
	return host.New(config, features)
}
