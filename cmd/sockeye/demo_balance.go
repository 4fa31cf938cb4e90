package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/apps/balance"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// balanceShow: connections spread over three servers, one of which dies.
func balanceShow() show {
	return show{
		name:  "balance",
		short: "three servers: round robin, least connections; one dies",
		en:    "This time we are in the middle: clients on the other side connect to us, and we pass each connection on to one of three servers there.",
		ko:    "이번에는 우리가 가운데 있다. 상대 쪽의 클라이언트가 우리에게 연결하면, 우리는 연결마다 그쪽의 서버 셋 가운데 하나로 넘긴다.",
		delay: time.Millisecond,
		play:  playBalance,
	}
}

// briefLadder is how many lines of a ladder are told where it says nothing new.
const briefLadder = 16

// greetWithin is how long a client has to come, to be greeted, and to be gone: on a
// machine with much to do, too.
const greetWithin = 20 * time.Second

// pauseOut is how long a dead server stays out.
const pauseOut = 300 * time.Millisecond

func playBalance(st *stage) error {
	farm, err := st.newFarm()
	if err != nil {
		return err
	}
	defer farm.close()

	st.chapter("One connection through the balancer", "부하 분산기를 지나는 연결 하나")
	st.say("Two connections are one to the client: its own, to us, and ours to the server. Bytes are copied from each to the other, and the end of one is the end of the other.",
		"클라이언트에게는 연결이 하나지만 실제로는 둘이다. 클라이언트에서 우리까지, 그리고 우리에서 서버까지. 한쪽에서 온 바이트를 다른 쪽으로 옮기고, 한쪽이 끝나면 다른 쪽도 끝낸다.")
	b, err := farm.balance(80, balance.RoundRobin)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.visit(1); err != nil {
		return err
	}
	st.chapter("Round robin: each in turn", "라운드 로빈: 차례로")
	st.tell.Brief(briefLadder)
	if err := b.visit(5); err != nil {
		return err
	}
	b.counts()
	if err := farm.least(); err != nil {
		return err
	}
	return farm.funeral(b)
}

// least shows the other policy.
func (f *farm) least() error {
	st := f.st
	st.chapter("Least connections: who has the fewest", "최소 연결: 연결이 가장 적은 서버로")
	st.say("Two clients come and stay. Who comes after them and goes again always finds the third server the least busy; taking turns would send them to the busy ones, too.",
		"클라이언트 둘이 와서 머문다. 그 뒤에 왔다가 바로 떠나는 클라이언트에게는 늘 세 번째 서버가 가장 한가하다. 차례로 나누었다면 바쁜 서버로도 보냈을 것이다.")
	b, err := f.balance(81, balance.LeastConnections)
	if err != nil {
		return err
	}
	defer b.close()
	var stay []net.Conn
	defer func() {
		for _, c := range stay {
			_ = c.Close()
		}
	}()
	for range 2 {
		c, err := b.greet()
		if err != nil {
			return err
		}
		stay = append(stay, c)
	}
	if err := b.visit(4); err != nil {
		return err
	}
	b.counts()
	st.chapter("The two go", "두 클라이언트가 떠난다")
	for _, c := range stay {
		_ = c.Close()
	}
	return b.gone(0)
}

// funeral has a server die, and come back.
func (f *farm) funeral(b *balancing) error {
	st := f.st
	st.chapter("A server dies", "서버 하나가 죽는다")
	st.say("Server A stops listening, and it is its turn. Its host answers our SYN with RST; the connection goes to the next server, its client notices nothing, and A is left out from then on.",
		"서버 A가 더는 연결을 받지 않는데 A의 차례가 왔다. 그 호스트가 우리 SYN에 RST로 답한다. 연결은 다음 서버로 가고 클라이언트는 알아채지 못한다. A는 그때부터 제외된다.")
	f.servers[0].stop()
	st.tell.Brief(0)
	if err := b.visit(1); err != nil {
		return err
	}
	st.tell.Brief(briefLadder)
	if err := b.visit(3); err != nil {
		return err
	}
	b.counts()
	st.chapter("It comes back", "다시 살아난다")
	st.say("After a pause of %s one connection tries whether A is there again.", "%s 뒤에 연결 하나로 A가 돌아왔는지 알아본다.", pauseOut)
	if err := f.servers[0].start(st); err != nil {
		return err
	}
	time.Sleep(pauseOut) // the pause itself is what is shown
	f.waited.Add(int64(pauseOut))
	if err := b.visit(3); err != nil {
		return err
	}
	b.counts()
	return nil
}

// A farm is three servers on the other side.
type farm struct {
	st      *stage
	servers []*farmServer
	waited  atomic.Int64 // nanoseconds
}

// now is the balancers' clock. It goes on only where the demo waits: on a machine that is
// slow a server that is out shall not be tried before its chapter comes.
func (f *farm) now() time.Time { return time.Unix(0, f.waited.Load()) }

// A farmServer greets whoever connects with its name.
type farmServer struct {
	name string
	at   netip.AddrPort
	l    net.Listener
}

func (st *stage) newFarm() (*farm, error) {
	f := &farm{st: st}
	for i, name := range []string{"A", "B", "C"} {
		s := &farmServer{name: name, at: netip.AddrPortFrom(st.peer, uint16(8081+i))}
		if err := s.start(st); err != nil {
			f.close()
			return nil, err
		}
		f.servers = append(f.servers, s)
	}
	return f, nil
}

func (f *farm) close() {
	for _, s := range f.servers {
		s.stop()
	}
}

func (s *farmServer) start(st *stage) (err error) {
	if s.l, err = st.other.Listen("tcp4", s.at.String()); err != nil {
		return err
	}
	go func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.greet(c)
		}
	}(s.l)
	return nil
}

func (s *farmServer) stop() { _ = s.l.Close() }

// greet answers a line with a line, and ends when the client does.
func (s *farmServer) greet(c net.Conn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if _, err := fmt.Fprintf(c, "This is server %s.\n", s.name); err != nil {
			return
		}
	}
}

// A balancing is a balancer that runs on our stack.
type balancing struct {
	f  *farm
	b  *balance.Balancer
	l  net.Listener
	at netip.AddrPort
}

func (f *farm) balance(port uint16, by balance.Policy) (*balancing, error) {
	n := stdnet.New(f.st.stack)
	b := &balancing{f: f, at: netip.AddrPortFrom(f.st.us.Addr(), port)}
	b.b = &balance.Balancer{Policy: by, Pause: pauseOut, Now: f.now, Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return n.DialContext(ctx, "tcp4", to.String())
	}}
	for _, s := range f.servers {
		b.b.Targets = append(b.b.Targets, balance.Target{To: s.at})
	}
	var err error
	if b.l, err = n.Listen("tcp4", b.at.String()); err != nil {
		return nil, err
	}
	go func() { _ = b.b.Serve(b.l) }()
	return b, nil
}

func (b *balancing) close() {
	_ = b.l.Close()
	_ = b.b.Close()
}

// greet is a client that connects, says hello and is greeted.
func (b *balancing) greet() (net.Conn, error) {
	ctx, stop := context.WithTimeout(context.Background(), greetWithin)
	defer stop()
	c, err := b.f.st.other.DialContext(ctx, "tcp4", b.at.String())
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(greetWithin)) // it is open: no error
	_, err = fmt.Fprintln(c, "Hello.")
	line := ""
	if err == nil {
		line, err = bufio.NewReader(c).ReadString('\n')
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	b.f.st.mark(line[:len(line)-1], "a client hears:", "클라이언트가 들은 말:")
	return c, nil
}

// visit has clients come and go, one after the other.
func (b *balancing) visit(clients int) error {
	for range clients {
		before := b.open()
		c, err := b.greet()
		if err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
		if err := b.gone(before); err != nil {
			return err
		}
	}
	return nil
}

// gone waits until only so many connections are left, each of them two, and all others are closed.
func (b *balancing) gone(left int) error {
	st := b.f.st
	for late := time.Now().Add(greetWithin); ; {
		st.rec.settle()
		st.tell.Flush(st.stack.Now())
		if b.open() <= left && st.tell.Open() <= 2*left {
			return nil
		}
		if time.Now().After(late) {
			return errors.New("a connection that has ended is still there")
		}
	}
}

// open is how many connections there are to servers.
func (b *balancing) open() (n int) {
	all, _ := b.b.Counts()
	for _, c := range all {
		n += c.Open
	}
	return n
}

// counts tells them.
func (b *balancing) counts() {
	st := b.f.st
	rows := [][]string{{st.text("server", "서버"), st.text("address", "주소"), st.text("connections", "연결"), st.text("open now", "열린 연결"), st.text("did not answer", "응답 없음"), ""}}
	all, refused := b.b.Counts()
	for i, c := range all {
		out := ""
		if c.Out {
			out = st.text("taken out", "제외됨")
		}
		rows = append(rows, []string{b.f.servers[i].name, c.To.String(), fmt.Sprint(c.Total), fmt.Sprint(c.Open), fmt.Sprint(c.Failed), out})
	}
	st.tell.Blank()
	st.tell.Table(rows)
	st.say("Turned away because nobody answered: %d.", "응답한 서버가 없어 돌려보낸 클라이언트: %d.", refused)
}
