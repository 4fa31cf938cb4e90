package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// pingFlags are ping's own flags, with ping(8)'s letters.
type pingFlags struct {
	linkFlags
	count    int
	interval time.Duration
	size     int
	wait     time.Duration
}

// maxEcho is the most data that an echo request carries: an IP packet without its two headers.
const maxEcho = 65535 - 20 - wire.ICMPHeaderLen

func (p *program) ping() *cobra.Command {
	f := &pingFlags{}
	cmd := &cobra.Command{
		Use:   "ping ADDR",
		Short: "Send ICMP echo requests and print the answers as ping(8) does",
		Long: `Ping sends ICMP echo requests to an address or a name and prints the answers as
ping(8) does, until it is interrupted or has sent as many as -c says. Exit codes
are those of ping(8): 0 if there was an answer, 1 if there was none, 2 for any
other error.`,
		Example: `  sockeye ping -c 4 192.0.2.1
  sockeye ping -c 1 -s 1472 192.0.2.1   # the largest that fits an MTU of 1500`,
		Args: oneArgument("an address or a host"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runPing(cmd, f, args[0]) },
	}
	fl := cmd.Flags()
	fl.IntVarP(&f.count, "count", "c", 0, "stop after `N` requests (default: never)")
	f.interval, f.wait = time.Second, 2*time.Second
	secondsVar(cmd, &f.interval, "interval", "i", "`TIME` between two requests, in seconds")
	fl.IntVarP(&f.size, "size", "s", 56, "`BYTES` of data in each")
	secondsVar(cmd, &f.wait, "wait", "W", "`TIME` to wait for the last answer, in seconds")
	f.all, f.out = true, true
	f.register(cmd)
	return cmd
}

func (p *program) runPing(cmd *cobra.Command, f *pingFlags, host string) error {
	if f.size < 0 || f.size > maxEcho {
		return usage(cmd, fmt.Errorf("-s %d: an echo request carries from 0 to %d bytes", f.size, maxEcho))
	}
	if f.count < 0 || f.interval < 0 || f.wait <= 0 {
		return usage(cmd, errors.New("-c and -i must not be negative, and -W must be more than 0"))
	}
	return p.within(&f.linkFlags, pingError, func(s *session, stop *interruption) error {
		to, err := s.address(host)
		if err != nil {
			return fail(pingError, err)
		}
		pg := &pinger{p: p, s: s, f: f, to: to, sent: map[uint16]time.Time{}}
		return pg.run(host, stop)
	})
}

// address is the first address of a host.
func (s *session) address(host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if !a.Is4() {
			return a, fmt.Errorf("%s is not an IPv4 address; the stack speaks only IPv4", host)
		}
		return a, nil
	}
	all, err := s.addrs(host, time.Time{})
	if err != nil {
		return netip.Addr{}, err
	}
	return all[0], nil
}

// A pinger sends echo requests on one socket and counts the answers.
type pinger struct {
	p    *program
	s    *session
	f    *pingFlags
	to   netip.Addr
	fd   int
	sent map[uint16]time.Time // not answered yet, by sequence number

	requests, replies      int
	min, max, sum, squares float64 // of the round trips, ms
}

func (g *pinger) run(host string, stop *interruption) error {
	fd, err := g.s.api.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	if err == nil {
		g.fd = fd
		err = g.s.api.SetSockOptInt(fd, socket.IPPROTO_IP, socket.IP_RECVERR, 1) // what routers say, too
	}
	if err == nil {
		err = g.s.api.Connect(fd, netip.AddrPortFrom(g.to, 0))
	}
	if err != nil {
		return fail(pingError, fmt.Errorf("cannot send to %s: %w; check the address and the route", g.to, err))
	}
	fmt.Fprintf(g.p.out, "PING %s (%s) %d(%d) bytes of data.\n", host, g.to, g.f.size, g.f.size+28)
	begin := time.Now()
	err = g.loop(begin, stop)
	_ = g.s.api.Close(fd) // it may be closed by a signal already
	if err != nil && !stop.came() {
		return fail(pingError, err)
	}
	g.statistics(time.Since(begin))
	if g.replies == 0 {
		return fail(pingNoReply, nil)
	}
	return nil
}

// loop sends at its times and receives in between.
func (g *pinger) loop(begin time.Time, stop *interruption) error {
	for !stop.came() {
		if err := g.send(); err != nil {
			return err
		}
		next := begin.Add(time.Duration(g.requests) * g.f.interval)
		last := g.requests == g.f.count
		if last {
			next = time.Now().Add(g.f.wait)
		}
		for time.Now().Before(next) && (!last || len(g.sent) > 0) {
			if err := g.receive(next); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
	return nil
}

func (g *pinger) send() error {
	g.requests++
	seq := uint16(g.requests)
	m := make([]byte, wire.ICMPHeaderLen+g.f.size)
	m[0], m[6], m[7] = byte(wire.ICMPEcho), byte(seq>>8), byte(seq)
	fill(m[wire.ICMPHeaderLen:], seq)
	g.sent[seq] = time.Now()
	_, err := g.s.api.Send(g.fd, m, 0)
	if err != nil {
		return g.trouble(seq, err)
	}
	return nil
}

// fill writes data that tells one request from another.
func fill(b []byte, seq uint16) {
	for i := range b {
		b[i] = byte(i) + byte(seq)
	}
}

// trouble prints what an ICMP error or the stack itself says of a request.
func (g *pinger) trouble(seq uint16, err error) error {
	switch {
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNREFUSED):
		delete(g.sent, seq)
		from := g.to
		if by, _ := g.s.api.SoftError(g.fd); by.IsValid() {
			from = by
		}
		fmt.Fprintf(g.p.out, "From %s icmp_seq=%d %v\n", from, seq, err)
		return nil
	}
	return fmt.Errorf("cannot send to %s: %w", g.to, err)
}

// receive waits for one answer until t.
func (g *pinger) receive(t time.Time) error {
	if err := g.s.api.SetSockOptTimeval(g.fd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, until(t)); err != nil {
		return err
	}
	buf := make([]byte, 65536)
	m := socket.Msg{Iov: [][]byte{buf}}
	n, err := g.s.api.RecvMsg(g.fd, &m, 0)
	meta := m.Meta
	now := time.Now()
	if errors.Is(err, syscall.EAGAIN) {
		return nil
	}
	if err != nil {
		return g.trouble(uint16(g.requests), err)
	}
	g.reply(buf[:n], meta.TTL, now)
	return nil
}

// reply counts and prints one answer.
func (g *pinger) reply(m []byte, ttl uint8, now time.Time) {
	if len(m) < wire.ICMPHeaderLen || wire.ICMPType(m[0]) != wire.ICMPEchoReply {
		return
	}
	seq := uint16(m[6])<<8 | uint16(m[7])
	at, ok := g.sent[seq]
	if !ok {
		fmt.Fprintf(g.p.out, "%d bytes from %s: icmp_seq=%d ttl=%d (DUP!)\n", len(m), g.to, seq, ttl)
		return
	}
	want := make([]byte, g.f.size)
	fill(want, seq)
	if string(m[wire.ICMPHeaderLen:]) != string(want) {
		fmt.Fprintf(g.p.out, "%d bytes from %s: icmp_seq=%d wrong data\n", len(m), g.to, seq)
		return
	}
	delete(g.sent, seq)
	ms := float64(now.Sub(at)) / float64(time.Millisecond)
	if g.replies == 0 {
		g.min = ms
	}
	g.replies++
	g.min, g.max = min(g.min, ms), max(g.max, ms)
	g.sum += ms
	g.squares += ms * ms
	fmt.Fprintf(g.p.out, "%d bytes from %s: icmp_seq=%d ttl=%d time=%.3f ms\n", len(m), g.to, seq, ttl, ms)
}

func (g *pinger) statistics(d time.Duration) {
	lost := 100 * (g.requests - g.replies) / max(1, g.requests)
	fmt.Fprintf(g.p.out, "\n--- %s ping statistics ---\n", g.to)
	fmt.Fprintf(g.p.out, "%d packets transmitted, %d received, %d%% packet loss, time %dms\n",
		g.requests, g.replies, lost, d.Milliseconds())
	if g.replies > 0 {
		n := float64(g.replies)
		mean := g.sum / n
		fmt.Fprintf(g.p.out, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n",
			g.min, mean, g.max, math.Sqrt(max(0, g.squares/n-mean*mean)))
	}
}
