package script

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A descriptor is an entry of the script's table of open sockets.
type descriptor struct {
	s         host.Handle
	kind      host.Kind
	nonblock  bool
	read      uint32 // bytes of the stream read: where the pattern goes on
	written   uint32
	lingering time.Duration
}

// A running call is one that has begun.
type running struct {
	e          *event
	c          *call
	at         when
	fd         int
	d          *descriptor
	done       int           // bytes of a write or of a read for all
	connecting bool          // Connect was called
	closed     bool          // Close was called
	timeout    clock.Instant // of poll, of a lingering close; Never: none
}

// An outcome is what a call gave.
type outcome struct {
	n     int
	err   error
	wrong string // beside the result: what was read is not what was sent
}

// errBlocks is the outcome of a call that has to wait.
var errBlocks = errors.New("it blocks")

// begin starts a call, and ends it where it does not block.
func (m *machine) begin(e *event, c *call, at when) error {
	m.batch = false
	r := &running{e: e, c: c, at: at, fd: -1}
	if c.name != "socket" && c.name != "poll" {
		fd, err := c.number(0)
		if err != nil {
			return err
		}
		r.fd, r.d = fd, m.fds[fd]
	}
	m.note(m.elapsed(), e.text)
	o := m.step(r)
	if o.err != errBlocks {
		if at.blocks && at.lo != at.end {
			return fmt.Errorf("a call that does not block\n%s", sideBySide(e.text, o.String()))
		}
		return m.judge(r, o)
	}
	if !at.blocks {
		return fmt.Errorf("a call that blocks\n%s", sideBySide(e.text, "it blocks"))
	}
	m.running = append(m.running, r)
	return nil
}

// resume lets the calls go on that blocked, and reports whether one ended.
func (m *machine) resume() (again bool, err error) {
	tolerance := m.prog.settings.tolerance
	for i := 0; i < len(m.running); i++ {
		r := m.running[i]
		o := m.step(r)
		if o.err == errBlocks {
			if m.elapsed() > r.at.end+tolerance {
				return false, fmt.Errorf("a call that does not return\n%s", sideBySide(r.e.text, "it still blocks at "+seconds(m.elapsed())))
			}
			continue
		}
		m.running = slices.Delete(m.running, i, i+1)
		i--
		again = true
		m.note(m.elapsed(), "... "+r.c.name+" "+o.String())
		if d := m.elapsed() - r.at.end; d > tolerance || d < -tolerance {
			return false, fmt.Errorf("a call that returns at another time\n%s",
				sideBySide(r.e.text, "it returns at "+seconds(m.elapsed())))
		}
		if err := m.judge(r, o); err != nil {
			return false, err
		}
	}
	return again, nil
}

// judge compares a call's outcome with what the script says.
func (m *machine) judge(r *running, o outcome) error {
	switch {
	case o.err != nil && errnoName(o.err) == "":
		return fmt.Errorf("%s: %w", r.c.name, o.err)
	case o.err != nil && errnoName(o.err) == r.c.errno, o.err == nil && r.c.errno == "" && o.n == r.c.result:
		if o.wrong == "" {
			return nil
		}
		return fmt.Errorf("%s: %s", r.c.name, o.wrong)
	}
	return fmt.Errorf("another result of a call\n%s", sideBySide(r.e.text, r.e.text[:max(0, resultAt(r.e.text))]+o.String()))
}

// resultAt is where a call's result begins in its line.
func resultAt(text string) int {
	for i := len(text) - 1; i > 0; i-- {
		if text[i] == '=' && i > 0 && text[i-1] != '=' {
			return i
		}
	}
	return -1
}

func (o outcome) String() string {
	if o.err == errBlocks {
		return "= (blocks)"
	}
	if o.err != nil {
		return "= -1 " + errnoName(o.err) + " (" + o.err.Error() + ")"
	}
	return fmt.Sprintf("= %d", o.n)
}

// step tries a call.
func (m *machine) step(r *running) outcome {
	if r.c.name == "socket" {
		return m.socket(r.c)
	}
	if r.c.name == "poll" {
		return m.poll(r)
	}
	if r.d == nil {
		return outcome{err: host.ErrBadHandle}
	}
	f, ok := calls[r.c.name]
	if !ok {
		return m.other(r)
	}
	return f(m, r)
}

// calls lists the calls on a descriptor.
var calls = map[string]func(*machine, *running) outcome{
	"bind":       (*machine).bind,
	"listen":     (*machine).listen,
	"accept":     (*machine).accept,
	"accept4":    (*machine).accept,
	"connect":    (*machine).connect,
	"shutdown":   (*machine).shutdown,
	"close":      (*machine).close,
	"fcntl":      (*machine).fcntl,
	"ioctl":      (*machine).ioctl,
	"setsockopt": (*machine).setsockopt,
	"getsockopt": (*machine).getsockopt,
	"read":       (*machine).recv,
	"recv":       (*machine).recv,
	"recvfrom":   (*machine).recv,
	"write":      (*machine).send,
	"send":       (*machine).send,
	"sendto":     (*machine).send,
}

func (m *machine) socket(c *call) outcome {
	kind, err := c.number(1)
	if err != nil {
		return outcome{err: err}
	}
	k := map[int]host.Kind{1: host.Stream, 2: host.Datagram}[kind&0xF]
	if proto, _ := c.number(2); k == host.Datagram && proto == 1 {
		k = host.Echo
	}
	s, err := m.h.Open(m.now, k)
	if err != nil {
		return outcome{err: err}
	}
	return m.install(c, &descriptor{s: s, kind: k, nonblock: kind&constants["SOCK_NONBLOCK"] != 0})
}

// install gives a new descriptor the number that the script says.
func (m *machine) install(c *call, d *descriptor) outcome {
	if c.result < 0 || m.fds[c.result] != nil {
		return outcome{n: 1 << 20} // a success that is not what the script says
	}
	m.fds[c.result] = d
	return outcome{n: c.result}
}

func (m *machine) bind(r *running) outcome {
	addr := netip.AddrPortFrom(netip.IPv4Unspecified(), ourPort)
	if v := r.c.arg(1); v.kind == valueStruct {
		addr = v.sockaddr(addr)
	}
	err := m.h.Bind(m.now, r.d.s, addr)
	if err == nil {
		m.ourPort = addr.Port()
	}
	return outcome{err: err}
}

func (m *machine) listen(r *running) outcome {
	n, err := r.c.number(1)
	if err != nil {
		return outcome{err: err}
	}
	return outcome{err: m.h.Listen(m.now, r.d.s, n)}
}

func (m *machine) accept(r *running) outcome {
	s, err := m.h.Accept(m.now, r.d.s)
	if err != nil {
		return m.wait(r, err)
	}
	flags, _ := r.c.number(3)
	m.last = r.c.result
	return m.install(r.c, &descriptor{s: s, kind: host.Stream, nonblock: flags&constants["SOCK_NONBLOCK"] != 0})
}

// wait makes a blocking call wait where the host says "not now".
func (m *machine) wait(r *running, err error) outcome {
	if err == host.ErrWouldBlock && !r.d.nonblock && !r.c.has(messageFlags, "MSG_DONTWAIT") {
		return outcome{err: errBlocks}
	}
	return outcome{err: err}
}

func (m *machine) connect(r *running) outcome {
	if r.connecting {
		return m.connected(r)
	}
	to := netip.AddrPortFrom(m.prog.settings.remote, peerPort)
	if v := r.c.arg(1); v.kind == valueStruct {
		to = v.sockaddr(to)
	}
	m.last = r.fd
	if r.d.kind == host.Stream {
		for k, f := range m.flows {
			f.renewed = f.renewed || k.proto == protoTCP
		}
	}
	err := m.h.Connect(m.now, r.d.s, to)
	if err == host.ErrInProgress && !r.d.nonblock {
		r.connecting = true
		return outcome{err: errBlocks}
	}
	return outcome{err: err}
}

// connected looks whether the connection is made.
func (m *machine) connected(r *running) outcome {
	mask, err := m.h.Poll(r.d.s)
	if err == nil && mask&host.Writable == 0 {
		return outcome{err: errBlocks}
	}
	if err == nil {
		err = m.h.SocketError(r.d.s)
	}
	return outcome{err: err}
}

func (m *machine) shutdown(r *running) outcome {
	how, err := r.c.number(1)
	if err != nil {
		return outcome{err: err}
	}
	ways := map[int]host.How{0: host.ShutRead, 1: host.ShutWrite, 2: host.ShutRead | host.ShutWrite}
	return outcome{err: m.h.Shutdown(m.now, r.d.s, ways[how])}
}

// close waits where the script has set SO_LINGER.
func (m *machine) close(r *running) outcome {
	if !r.closed {
		r.closed = true
		delete(m.fds, r.fd)
		if err := m.h.Close(m.now, r.d.s); err != nil || r.d.lingering <= 0 || r.d.nonblock {
			return outcome{err: err}
		}
		r.timeout = m.now.Add(r.d.lingering)
	}
	if m.gone[r.d.s] || r.timeout.Due(m.now) {
		return outcome{}
	}
	return outcome{err: errBlocks}
}

func (m *machine) fcntl(r *running) outcome {
	switch cmd := r.c.arg(1); cmd.name {
	case "F_GETFL":
		n := constants["O_RDWR"]
		if r.d.nonblock {
			n |= constants["O_NONBLOCK"]
		}
		return outcome{n: n}
	case "F_SETFL":
		n, err := r.c.number(2)
		r.d.nonblock = n&constants["O_NONBLOCK"] != 0
		return outcome{err: err}
	}
	return outcome{err: fmt.Errorf("no command %q", r.c.arg(1).text)}
}

// ioctl knows SIOCINQ, SIOCOUTQ, SIOCOUTQNSD and SIOCATMARK.
func (m *machine) ioctl(r *running) outcome {
	want, err := r.c.number(2)
	if err != nil {
		return outcome{err: err}
	}
	n := 0
	name := r.c.arg(1).name
	q, err := m.h.Queued(r.d.s)
	switch {
	case name == "SIOCATMARK":
		var at bool
		at, err = m.h.AtMark(r.d.s)
		n = int(truth(at))
	case name == "SIOCOUTQ":
		n = q.Out
	case name == "SIOCOUTQNSD":
		n = q.Unsent
	case name == "SIOCINQ":
		n = q.In
	default:
		return outcome{err: fmt.Errorf("no request %q", name)}
	}
	if err != nil {
		return outcome{err: err}
	}
	if n != want {
		return outcome{wrong: fmt.Sprintf("%s is %d", name, n)}
	}
	return outcome{}
}
