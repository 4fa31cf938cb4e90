package script

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

func millis(n int) time.Duration    { return time.Duration(n) * time.Millisecond }
func wholeSecs(n int) time.Duration { return time.Duration(n) * time.Second }

// A sockopt is an option that scripts may set and get. Sizes are the host's own:
// nothing is doubled as Linux doubles SO_RCVBUF.
type sockopt struct {
	set func(o *host.Options, n int)
	get func(o *host.Options) int
}

func flag(at func(*host.Options) *bool) sockopt {
	return sockopt{
		func(o *host.Options, n int) { *at(o) = n != 0 },
		func(o *host.Options) int { return int(truth(*at(o))) },
	}
}

func count(at func(*host.Options) *int) sockopt {
	return sockopt{
		func(o *host.Options, n int) { *at(o) = n },
		func(o *host.Options) int { return *at(o) },
	}
}

func span(unit time.Duration, at func(*host.Options) *time.Duration) sockopt {
	return sockopt{
		func(o *host.Options, n int) { *at(o) = time.Duration(n) * unit },
		func(o *host.Options) int { return int(*at(o) / unit) },
	}
}

func octet(at func(*host.Options) *uint8) sockopt {
	return sockopt{
		func(o *host.Options, n int) { *at(o) = uint8(n) },
		func(o *host.Options) int { return int(*at(o)) },
	}
}

var sockopts = map[string]sockopt{
	"SO_REUSEADDR": flag(func(o *host.Options) *bool { return &o.ReuseAddr }),
	"SO_BROADCAST": flag(func(o *host.Options) *bool { return &o.Broadcast }),
	"SO_KEEPALIVE": flag(func(o *host.Options) *bool { return &o.TCP.KeepAlive }),
	"TCP_NODELAY":  flag(func(o *host.Options) *bool { return &o.TCP.NoDelay }),
	"TCP_CORK":     flag(func(o *host.Options) *bool { return &o.TCP.Cork }),
	"SO_OOBINLINE": flag(func(o *host.Options) *bool { return &o.TCP.OOBInline }),
	"SO_MAX_PACING_RATE": {
		func(o *host.Options, n int) { o.TCP.MaxPacingRate = int64(n) },
		func(o *host.Options) int { return int(o.TCP.MaxPacingRate) },
	},
	"SO_SNDBUF":         count(func(o *host.Options) *int { return &o.TCP.SendBuffer }),
	"SO_RCVBUF":         count(func(o *host.Options) *int { return &o.TCP.RecvBuffer }),
	"TCP_MAXSEG":        count(func(o *host.Options) *int { return &o.TCP.MaxSeg }),
	"TCP_KEEPCNT":       count(func(o *host.Options) *int { return &o.TCP.KeepCount }),
	"TCP_WINDOW_CLAMP":  count(func(o *host.Options) *int { return &o.TCP.WindowClamp }),
	"TCP_NOTSENT_LOWAT": count(func(o *host.Options) *int { return &o.TCP.NotSentLowat }),
	"TCP_LINGER2":       span(time.Second, func(o *host.Options) *time.Duration { return &o.TCP.FinWait2 }),
	"TCP_SYNCNT":        count(func(o *host.Options) *int { return &o.TCP.SYNRetries }),
	"TCP_DEFER_ACCEPT": {
		func(o *host.Options, n int) { o.TCP.DeferAccept = tcp.DeferTimeouts(wholeSecs(n)) },
		func(o *host.Options) int { return int(tcp.DeferPeriod(o.TCP.DeferAccept) / time.Second) },
	},
	"TCP_KEEPIDLE":     span(time.Second, func(o *host.Options) *time.Duration { return &o.TCP.KeepIdle }),
	"TCP_KEEPINTVL":    span(time.Second, func(o *host.Options) *time.Duration { return &o.TCP.KeepIntvl }),
	"TCP_USER_TIMEOUT": span(time.Millisecond, func(o *host.Options) *time.Duration { return &o.TCP.UserTimeout }),
	"IP_TTL":           octet(func(o *host.Options) *uint8 { return &o.TTL }),
	"IP_TOS":           octet(func(o *host.Options) *uint8 { return &o.TOS }),
	"IP_RECVERR":       flag(func(o *host.Options) *bool { return &o.RecvErr }),
	"IP_MTU_DISCOVER": {
		func(o *host.Options, n int) { o.Discover = host.DiscoverDont + host.Discovery(n) },
		func(o *host.Options) int { return int(o.Discover - host.DiscoverDont) },
	},
}

func (m *machine) setsockopt(r *running) outcome {
	o, err := m.h.Options(r.d.s)
	if err != nil {
		return outcome{err: err}
	}
	name := r.c.arg(2).name
	if name == "TCP_QUICKACK" {
		n, err := r.c.number(3)
		if err != nil {
			return outcome{err: err}
		}
		return outcome{err: m.h.SetQuickACK(m.now, r.d.s, n != 0)}
	}
	if name == "SO_LINGER" {
		err = r.linger(&o)
	} else if opt, ok := sockopts[name]; !ok {
		err = fmt.Errorf("no option %q", r.c.arg(2).text)
	} else {
		var n int
		n, err = r.c.number(3)
		opt.set(&o, n)
	}
	if err == nil {
		err = m.h.SetOptions(m.now, r.d.s, o)
	}
	if err == nil && name == "TCP_NODELAY" && o.TCP.NoDelay && r.d.kind == host.Stream {
		err = m.h.Push(m.now, r.d.s)
	}
	return outcome{err: err}
}

// linger takes {onoff=1, linger=5}.
func (r *running) linger(o *host.Options) error {
	on, err := r.c.arg(3).field("onoff")
	if err != nil {
		return err
	}
	n, err := r.c.arg(3).field("linger")
	o.LingerOn, o.Linger = on != 0, wholeSecs(n)
	r.d.lingering = 0
	if o.LingerOn {
		r.d.lingering = o.Linger
	}
	return err
}

func (m *machine) getsockopt(r *running) outcome {
	name, want := r.c.arg(2).name, r.c.arg(3)
	switch name {
	case "SO_ERROR":
		return m.socketError(r, want)
	case "IP_MTU":
		return m.pathMTU(r, want)
	}
	if got, ok := m.liveOption(r, name); ok {
		n, err := want.number()
		if err == nil && got != n {
			return outcome{wrong: fmt.Sprintf("%s is %d", name, got)}
		}
		return outcome{err: err}
	}
	opt, ok := sockopts[name]
	if !ok {
		return outcome{err: fmt.Errorf("no option %q", r.c.arg(2).text)}
	}
	o, err := m.h.Options(r.d.s)
	if err != nil {
		return outcome{err: err}
	}
	n, err := want.number()
	if got := opt.get(&o); err == nil && got != n {
		return outcome{wrong: fmt.Sprintf("%s is %d", name, got)}
	}
	return outcome{err: err}
}

// liveOption is the value of an option that is the connection's, where there is one.
func (m *machine) liveOption(r *running, name string) (n int, ok bool) {
	info, err := m.h.Info(m.now, r.d.s)
	switch {
	case err != nil:
		return 0, false
	case name == "TCP_QUICKACK":
		on, _ := m.h.QuickACK(r.d.s)
		return int(truth(on)), true
	case name == "TCP_MAXSEG" && info.State != tcp.StateClosed && info.State != tcp.StateListen:
		return info.SndMSS, true
	}
	return 0, false
}

// socketError takes [0] or [ECONNRESET].
func (m *machine) socketError(r *running, want value) outcome {
	got := "0"
	if err := m.h.SocketError(r.d.s); err != nil {
		got = errnoName(err)
	}
	if len(want.list) != 1 || want.list[0].text != got {
		return outcome{wrong: "SO_ERROR is " + got}
	}
	return outcome{}
}

// pathMTU takes [1500].
func (m *machine) pathMTU(r *running, want value) outcome {
	got, err := m.h.PathMTU(r.d.s)
	if err != nil {
		return outcome{err: err}
	}
	n, err := want.number()
	if err == nil && got != n {
		return outcome{wrong: fmt.Sprintf("IP_MTU is %d", got)}
	}
	return outcome{err: err}
}

// arg returns an argument; one that is not there is "...".
func (c *call) arg(i int) value {
	if i < len(c.args) {
		return c.args[i]
	}
	return value{kind: valueAny}
}

func (c *call) number(i int) (int, error) { return c.arg(i).number() }

// has reports whether a flag is among those of an argument.
func (c *call) has(i int, flag string) bool {
	n, err := c.number(i)
	return err == nil && n&constants[flag] != 0 && c.name != "read" && c.name != "write"
}

// number is the value as an integer: a number, a constant, flags, or a list of one.
func (v value) number() (int, error) {
	switch {
	case v.kind == valueNumber:
		return v.n, nil
	case v.kind == valueName:
		if n, ok := constants[v.name]; ok {
			return n, nil
		}
	case v.kind == valueCall && v.name == "htons" && len(v.list) == 1:
		return v.list[0].number()
	case v.kind == valueList && len(v.list) == 1:
		return v.list[0].number()
	case v.kind == valueFlags:
		sum := 0
		for _, t := range v.list {
			n, err := t.number()
			if err != nil {
				return 0, err
			}
			sum |= n
		}
		return sum, nil
	}
	return 0, fmt.Errorf("%q is no number", v.text)
}

// field is a number in a structure.
func (v value) field(name string) (int, error) {
	f, ok := v.fields[name]
	if !ok {
		return 0, fmt.Errorf("%q has no %s", v.text, name)
	}
	return f.number()
}

// sockaddr is {sa_family = AF_INET, sin_port = htons(80), sin_addr =
// inet_addr("192.0.2.1")}; what it leaves out comes from other.
func (v value) sockaddr(other netip.AddrPort) netip.AddrPort {
	addr, port := other.Addr(), other.Port()
	if n, err := v.field("sin_port"); err == nil {
		port = uint16(n)
	}
	if a := v.fields["sin_addr"]; a.kind == valueCall && len(a.list) == 1 {
		if parsed, err := netip.ParseAddr(a.list[0].name); err == nil {
			addr = parsed
		}
	}
	return netip.AddrPortFrom(addr, port)
}
