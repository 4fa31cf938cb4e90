package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// A cell is one point of the grid: a path, two hosts and two roles. Loss, round
// trip and buffer go through all their combinations from cell to cell, the rest
// is drawn from the cell's number.
type cell struct {
	number       int
	there, back  link.Faults
	outage       [2]time.Duration // begin and length; 0: none
	feat         [2]link.Features
	tcp          [2]tcp.Config
	roles        [2]role
	memory       [2]int        // of the hosts; 0: plenty
	simultaneous bool          // both connect, nobody listens
	deafAt       time.Duration // when the listener goes; 0: never
	narrowAt     time.Duration // when both links get a smaller MTU; 0: never
	narrow       int           // bytes
}

var (
	gridLoss    = []float64{0, .001, .01, .05, .1, .2, .3, .5}
	gridRTT     = []time.Duration{ms / 10, ms, 10 * ms, 50 * ms, 200 * ms, 600 * ms}
	gridBuffers = []int{2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}
)

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func newCell(n int) *cell {
	r := rand.New(rand.NewPCG(uint64(n), 0x63656c6c))
	c := &cell{number: n}
	rtt := gridRTT[n/len(gridLoss)%len(gridRTT)]
	c.there = link.Faults{
		Loss: gridLoss[n%len(gridLoss)], Delay: rtt / 2,
		Reorder: pick(r, 0, 0, .01, .1, .4), ReorderDelay: time.Duration(r.Int64N(int64(2*rtt)) + 1),
		Duplicate: pick(r, 0, 0, .01, .1, .5), Corrupt: pick(r, 0, 0, 0, .01, .1),
		Rate: pick[int64](r, 0, 0, 50_000, 1_000_000, 10_000_000), Queue: pick(r, 0, 8<<10, 64<<10),
	}
	if r.IntN(2) == 0 {
		c.there.Jitter = time.Duration(r.Int64N(int64(rtt)) + 1)
	}
	c.back = c.there
	switch r.IntN(4) {
	case 0:
		c.back.Loss, c.back.Corrupt = 0, 0
	case 1:
		c.back.Loss /= 4
	}
	if r.IntN(10) == 0 {
		c.outage = [2]time.Duration{time.Duration(r.IntN(5000)) * ms, time.Duration(r.IntN(200_000)) * ms}
	}
	buffer := gridBuffers[n/len(gridLoss)/len(gridRTT)%len(gridBuffers)]
	for i := range c.roles {
		c.feat[i] = pick(r, link.Features{MTU: 1500}, link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true},
			link.Features{MTU: 576}, link.Features{MTU: 9000})
		c.tcp[i] = newTCPConfig(r)
		c.roles[i] = newRole(r, c, buffer)
		c.memory[i] = pick(r, 0, 0, 0, 0, 0, 0, 1<<20, 256<<10)
	}
	c.feat[1].MTU = c.feat[0].MTU // one link
	c.simultaneous = r.IntN(25) == 0
	if r.IntN(25) == 0 {
		c.deafAt = time.Duration(r.Int64N(int64(4*rtt)) + 1)
	}
	if r.IntN(12) == 0 {
		c.narrowAt = time.Duration(r.Int64N(int64(20*rtt)) + 1)
		c.narrow = min(c.feat[0].MTU, pick(r, 1280, 576, 296))
	}
	return c
}

func newTCPConfig(r *rand.Rand) tcp.Config {
	return tcp.Config{
		NoSACK: r.IntN(5) == 0, NoTimestamps: r.IntN(5) == 0, NoScale: r.IntN(10) == 0,
		ECN:        pick(r, tcp.ECNAccept, tcp.ECNAccept, tcp.ECNRequest, tcp.ECNOff),
		Congestion: pick[congestion.Algorithm](r, nil, congestion.BBR{}, congestion.NewReno{}),
		DelayedACK: pick[time.Duration](r, 0, 0, 100*ms),
		SYNCookies: pick(r, tcp.CookiesWhenFull, tcp.CookiesWhenFull, tcp.CookiesWhenFull, tcp.CookiesAlways),
	}
}

func newRole(r *rand.Rand, c *cell, buffer int) role {
	x := role{most: 1 + r.IntN(pick(r, 100, 3000, 20_000)), spans: r.IntN(3) == 0, odd: pick(r, 0, 5, 30),
		polite: r.IntN(10) < 7, keep: 10 * time.Minute}
	x.send = r.IntN(pick(r, 1, 1000, 30_000, 100_000, 300_000))
	if c.there.Loss < .1 && buffer >= 64<<10 && x.most > 1000 && r.IntN(4) == 0 {
		x.send *= 10
	}
	if x.most < 100 {
		x.send = min(x.send, 5000)
	}
	switch r.IntN(4) {
	case 0:
		x.tick = time.Duration(1+r.IntN(300)) * ms
		x.calls, x.nap = 0, 0
	case 1:
		x.calls, x.nap = 1+r.IntN(5), time.Duration(r.IntN(100))*ms
	}
	if !x.polite {
		x.quit = quitHow(r.IntN(quitVariants))
		x.quitAt = time.Duration(1+r.IntN(pick(r, 300, 3000, 60_000))) * ms
		if r.IntN(3) == 0 {
			x.quitBytes = 1 + r.IntN(50_000)
		}
		if r.IntN(8) == 0 {
			x.user = time.Duration(1+r.IntN(60)) * time.Second
		}
	}
	t := &x.options.TCP
	t.SendBuffer, t.RecvBuffer = pick(r, buffer, gridBuffers[r.IntN(len(gridBuffers))]), buffer
	t.NoDelay, t.KeepAlive, t.KeepIdle = r.IntN(3) == 0, true, x.keep
	t.UserTimeout = x.user
	if r.IntN(6) == 0 {
		t.MaxSeg = 100 + r.IntN(1400)
	}
	return x
}

// lossy reports whether packets may be lost otherwise than one by one in a queue.
func (c *cell) lossy() bool {
	return c.there.Loss+c.back.Loss+c.there.Corrupt+c.back.Corrupt > 0 || c.outage[1] > 0
}

func (c *cell) String() string {
	s := fmt.Sprintf("there %+v\nback  %+v\n", c.there, c.back)
	if c.outage[1] > 0 {
		s += fmt.Sprintf("outage at %v for %v\n", c.outage[0], c.outage[1])
	}
	if c.deafAt > 0 {
		s += fmt.Sprintf("the listener goes at %v\n", c.deafAt)
	}
	if c.narrowAt > 0 {
		s += fmt.Sprintf("an MTU of %d from %v on\n", c.narrow, c.narrowAt)
	}
	if c.simultaneous {
		s += "simultaneous open\n"
	}
	for i, name := range []string{"client", "server"} {
		s += fmt.Sprintf("%s memory %d %+v %+v\n  %+v\n", name, c.memory[i], c.feat[i], c.tcp[i], c.roles[i])
	}
	return s
}

// A play is a cell while it runs.
type play struct {
	*pair
	cell      *cell
	listener  host.Handle
	listening bool
	client    *actor
	server    *actor // nil: nobody was accepted
	extra     int    // accepted beyond the first
}

const (
	clientSeed = 0xc11e47
	serverSeed = 0x5e47e4
)

// newPlay sets the stage of a cell.
func newPlay(c *cell, log func(string)) (*play, error) {
	w := New(Config{Seed: uint64(c.number) + 1, Log: log, Audit: true})
	p := &play{pair: &pair{World: w}, cell: c}
	for i, name := range []string{"client", "server"} {
		h, err := w.AddHost(name, host.Config{TCP: c.tcp[i], Memory: c.memory[i],
			Prefixes: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/24", i+1))}}, c.feat[i])
		if err != nil {
			return nil, err
		}
		if i == 0 {
			p.pair.client = h
		} else {
			p.pair.server = h
		}
	}
	w.Connect(p.pair.client, p.pair.server, c.there, c.back)
	if c.outage[1] > 0 {
		w.After(c.outage[0], func() { p.faults(link.Faults{Loss: 1}, link.Faults{Loss: 1}) })
		w.After(c.outage[0]+c.outage[1], func() { p.faults(c.there, c.back) })
	}
	if c.narrowAt > 0 {
		w.After(c.narrowAt, func() {
			for _, h := range w.hosts {
				f := h.feat
				f.MTU = c.narrow
				h.SetLink(f)
			}
		})
	}
	return p, nil
}

func (p *play) faults(there, back link.Faults) {
	p.SetFaults(p.pair.client, p.pair.server, there)
	p.SetFaults(p.pair.server, p.pair.client, back)
}

// stream opens a socket with the options of a role.
func (p *play) stream(h *Host, r role, local netip.AddrPort) (host.Handle, error) {
	s, err := h.Open(p.now, host.Stream)
	if err != nil {
		return 0, err
	}
	if err := h.SetOptions(p.now, s, r.options); err != nil {
		return 0, err
	}
	if local.IsValid() {
		return s, h.Bind(p.now, s, local)
	}
	return s, nil
}

// begin opens the sockets.
func (p *play) begin() error {
	var local netip.AddrPort
	var err error
	if p.cell.simultaneous {
		local = netip.MustParseAddrPort("192.0.2.1:80")
		if p.server, err = p.connect("server", p.pair.server, 1, serverAddr, local); err != nil {
			return err
		}
	} else if err := p.listen(); err != nil {
		return err
	}
	p.client, err = p.connect("client", p.pair.client, 0, local, serverAddr)
	return err
}

func (p *play) connect(name string, h *Host, i int, from, to netip.AddrPort) (*actor, error) {
	s, err := p.stream(h, p.cell.roles[i], from)
	if err != nil {
		return nil, err
	}
	if err := h.Connect(p.now, s, to); err != host.ErrInProgress {
		return nil, fmt.Errorf("connect: %w", err)
	}
	seeds := [2]uint64{clientSeed, serverSeed}
	return newActor(name, h, s, p.cell.roles[i], seeds[i], seeds[1-i]), nil
}

func (p *play) listen() error {
	h, r := p.pair.server, p.cell.roles[1]
	s, err := p.stream(h, r, serverAddr)
	if err != nil {
		return err
	}
	if err := h.Listen(p.now, s, 4); err != nil {
		return err
	}
	p.listener, p.listening = s, true
	h.On(s, func(host.Mask) {
		for p.listening {
			c, err := h.Accept(p.now, s)
			if err != nil {
				return
			}
			if p.server != nil {
				p.extra++
				_ = h.Abort(p.now, c)
				continue
			}
			p.server = newActor("server", h, c, r, serverSeed, clientSeed)
		}
	})
	if p.cell.deafAt > 0 {
		p.After(p.cell.deafAt, p.deafen)
	}
	return nil
}

// deafen closes the listener.
func (p *play) deafen() {
	if p.listening {
		p.listening = false
		_ = p.pair.server.Close(p.now, p.listener)
	}
}
