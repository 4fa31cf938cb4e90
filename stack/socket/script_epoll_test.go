package socket_test

import (
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// epoll plays the calls of epoll(7): epoll e, epollctl e ADD a EVENTS, epollwait e [ROOM],
// which does not wait and tells what holds by the names of the sockets.
func (p *player) epoll(name, f string, args []string) string {
	if name == "epoll" {
		p.epolls[f] = newEpoller(p.c)
		return "0"
	}
	e := p.epolls[f]
	if e == nil {
		return "no epoll"
	}
	if name == "epollctl" {
		fd, known := p.fd(args[1])
		if !known {
			fd = 1 << 20
		}
		return said(e.Ctl(p.num(args[0]), fd, p.epollEvents(args[2:])), "0")
	}
	room := 20
	if len(args) > 0 {
		room = p.num(args[0])
	}
	evs := make([]socket.EpollEvent, room)
	n, err := e.Wait(evs, 0)
	if err != nil || n == 0 {
		return said(err, "0")
	}
	told := make([]string, n)
	for i, ev := range evs[:n] {
		told[i] = p.called(ev.FD) + "=" + events(int(ev.Events))
	}
	slices.Sort(told)
	return strings.Join(told, " ")
}

// epollEvents reads events with EPOLLET, which is no int of 32 bits.
func (p *player) epollEvents(args []string) (bits uint32) {
	for _, a := range args {
		for _, w := range strings.Split(a, "|") {
			if w == "EPOLLET" {
				bits |= socket.EPOLLET
			} else {
				bits |= uint32(p.num(w))
			}
		}
	}
	return bits
}

// called returns the name of a descriptor.
func (p *player) called(fd int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, n := range p.fds {
		if n == fd {
			return name
		}
	}
	return "?"
}
