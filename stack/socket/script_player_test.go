package socket_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// A player plays one sequence on our calls or on the kernel's.
type player struct {
	c      calls
	settle func(waits bool) // until all that a call began has happened; waits: in another goroutine
	wait   func(time.Duration)
	base   int // the port that A stands for; B is the next one ...

	mu     sync.Mutex
	fds    map[string]int
	ports  map[uint16]string // those that the host chose, by their place in the sequence
	others map[string]chan string
	epolls map[string]epoller
	lost   []int // those whose names others have now
}

func newPlayer(c calls, base int) *player {
	return &player{c: c, base: base, fds: map[string]int{}, ports: map[uint16]string{}, others: map[string]chan string{},
		epolls: map[string]epoller{},
		settle: func(bool) {}, wait: time.Sleep}
}

const lettered = 8 // ports that have letters

// play returns what each call of the sequence returned.
func (p *player) play(q sequence) []string {
	var results []string
	for _, s := range q.steps {
		w := fields(s.call)
		results = append(results, p.step(w))
	}
	p.end()
	return results
}

// fields splits a call into words; in quotation marks there may be spaces.
func fields(call string) []string {
	quoted := false
	return strings.FieldsFunc(call, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// step makes one call, or has another goroutine make it.
func (p *player) step(w []string) string {
	if last := len(w) - 1; w[last] == "any" { // how much differs from run to run
		if r := p.step(w[:last]); r[0] < '0' || r[0] > '9' {
			return r
		}
		return "some"
	}
	switch w[0] {
	case "sleep": // milliseconds
		p.wait(time.Duration(p.num(w[1])) * time.Millisecond)
		return "0"
	case "go":
		name, done := w[1], make(chan string, 1)
		p.others[name] = done
		go func() { done <- p.call(w[2:]) }()
		p.settle(true)
		return p.other(name, false)
	case "join":
		p.settle(true)
		return p.other(w[1], true)
	}
	r := p.call(w)
	p.settle(false)
	return r
}

// other tells what a call in another goroutine returned.
func (p *player) other(name string, drop bool) string {
	select {
	case r := <-p.others[name]:
		p.others[name] <- r
		if drop {
			delete(p.others, name)
		}
		return r
	default:
		return "waits"
	}
}

// end closes everything; what still waits is woken first.
func (p *player) end() {
	for _, fd := range p.fds {
		if len(p.others) > 0 {
			_ = p.c.Shutdown(fd, socket.SHUT_RDWR)
		}
		_ = p.c.SetLinger(fd, true, 0)
		_ = p.c.Close(fd)
	}
	for _, done := range p.others {
		<-done
	}
	for _, fd := range p.lost {
		_ = p.c.SetLinger(fd, true, 0)
		_ = p.c.Close(fd)
	}
	for _, e := range p.epolls {
		_ = e.Close()
	}
}

// call makes a call and writes down its result. A script that is no script panics.
func (p *player) call(w []string) string {
	if len(w) < 2 {
		panic(fmt.Sprintf("not a call: %q", w))
	}
	name, f, args := w[0], w[1], w[2:]
	switch name {
	case "connected":
		return p.connected(f, args[0])
	case "fill":
		return p.fill(f)
	case "epoll", "epollctl", "epollwait":
		return p.epoll(name, f, args)
	}
	if r, ok := p.making(name, f, args); ok {
		return r
	}
	fd, ok := p.fd(f)
	if !ok {
		fd = 1 << 20
	}
	if r, ok := p.naming(name, fd, args); ok {
		return r
	}
	if r, ok := p.moving(name, fd, args); ok {
		return r
	}
	if r, ok := p.options(name, fd, args); ok {
		return r
	}
	panic(fmt.Sprintf("unknown call: %q", w))
}

// connected makes a connection across 127.0.0.1 and calls its ends c and s.
func (p *player) connected(c, s string) string {
	for _, call := range []string{"tcp " + s, "bind " + s + " 127.0.0.1:0", "listen " + s + " 5", "tcp " + c,
		"connect " + c + " @" + s, "wait " + c + " POLLOUT", "wait " + s + " POLLIN"} {
		if r := p.call(fields(call)); r != "0" && r != "EINPROGRESS" && r != "POLLOUT" && r != "POLLIN" {
			return call + ": " + r
		}
	}
	l, _ := p.fd(s)
	nfd, _, err := p.c.Accept(l)
	if err == nil {
		p.name(s, nfd)
		_ = p.c.SetNonblock(nfd, true)
		err = p.c.Close(l)
	}
	return said(err, "0")
}

// fill sends until nothing has gone for a while.
func (p *player) fill(f string) string {
	data := make([]byte, 1<<16)
	for full := 0; full < 5; full++ {
		fd, _ := p.fd(f)
		n, err := p.c.Send(fd, data, socket.MSG_DONTWAIT)
		for ; err == nil && n > 0; full = 0 {
			n, err = p.c.Send(fd, data, socket.MSG_DONTWAIT)
		}
		if err != syscall.EAGAIN {
			return said(err, "0")
		}
		p.wait(20 * time.Millisecond)
	}
	return "0"
}

// short are sockets that do not wait.
var short = map[string][2]int{
	"tcp": {socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0}, "udp": {socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0},
	"ping": {socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP},
}

func (p *player) making(name, f string, args []string) (string, bool) {
	v := [3]int{socket.AF_INET}
	if s, ok := short[name]; ok {
		v[1], v[2] = s[0], s[1]
	} else if name == "socket" {
		for i := range args {
			v[i] = p.num(args[i])
		}
	} else {
		return "", false
	}
	fd, err := p.c.Socket(v[0], v[1], v[2])
	if err == nil {
		p.name(f, fd)
	}
	return said(err, "0"), true
}

// fd returns what f is the name of.
func (p *player) fd(f string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fd, ok := p.fds[f]
	return fd, ok
}

// name makes f the name of fd. Another that was closed and had the number before
// has one that nobody ever has.
func (p *player) name(f string, fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, n := range p.fds {
		if n == fd {
			p.fds[other] = 1 << 20
		}
	}
	if old, ok := p.fds[f]; ok {
		p.lost = append(p.lost, old)
	}
	p.fds[f] = fd
}

// num is a number of the script.
func (p *player) num(word string) int { return int(p.wide(word)) }

// wide is one of 64 bits.
func (p *player) wide(word string) int64 {
	n, err := value(word)
	if err != nil {
		panic(err)
	}
	return n
}

// nth is the number in place i, or 0.
func (p *player) nth(args []string, i int) int {
	if i >= len(args) {
		return 0
	}
	return p.num(args[i])
}

// addr reads an address: @NAME is what getsockname says of a descriptor (with
// 127.0.0.1 where it says all), - none; a port may be a letter.
func (p *player) addr(word string) socket.SockAddr {
	if word == "-" {
		return socket.SockAddr{}
	}
	if f, ok := strings.CutPrefix(word, "@"); ok {
		fd, known := p.fd(f)
		if !known {
			return socket.SockAddr{}
		}
		at, _ := p.c.GetSockName(fd)
		if at.Port() == 0 {
			return socket.SockAddr{}
		}
		if at.Addr().IsUnspecified() {
			at = local(at.Port())
		}
		return at
	}
	i := strings.LastIndexByte(word, ':')
	host, port := word[:i], word[i+1:]
	n, err := strconv.Atoi(port)
	if err != nil {
		n = p.base + int(port[0]-'A')
	}
	return netip.AddrPortFrom(netip.MustParseAddr(strings.Trim(host, "[]")), uint16(n))
}

// shown writes an address so that it is the same in every run.
func (p *player) shown(a socket.SockAddr) string {
	if !a.IsValid() {
		return "-"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int(a.Port())
	port, known := p.ports[a.Port()]
	switch {
	case n >= p.base && n < p.base+lettered:
		port = string(rune('A' + n - p.base))
	case n <= 1 || n == 9 || n == 80: // those that scripts have
		port = strconv.Itoa(n)
	case !known:
		port = "p" + strconv.Itoa(len(p.ports)+1)
		p.ports[a.Port()] = port
	}
	return a.Addr().String() + ":" + port
}

// said writes a result, or the name of its errno.
func said(err error, result string) string {
	var e syscall.Errno
	switch {
	case err == nil:
		return result
	case errors.As(err, &e):
		return errnoName(e)
	}
	return fmt.Sprintf("no errno: %v", err)
}

// data reads bytes: "text", a number of them, or - for none at all.
func (p *player) data(word string) []byte {
	switch {
	case word == "-":
		return nil
	case word[0] == '"':
		s, err := strconv.Unquote(word)
		if err != nil {
			panic(err)
		}
		return []byte(s)
	}
	return []byte(strings.Repeat("x", p.num(word)))
}

// got writes how much came, and what.
func got(n int, b []byte) string {
	b = b[:min(max(n, 0), len(b))]
	if len(b) > 32 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d %q", n, b)
}
