package host

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// weigh returns how many bytes of heap each of two equal hosts takes after fill.
func weigh(t *testing.T, cfg func(*Config), fill func(w *world)) int {
	w := &world{t: t, now: start}
	for i := range w.bufs {
		w.bufs[i] = make([]byte, 0, 2048)
	}
	before := heap()
	w.a = newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500}, cfg)
	w.b = newHost(t, 2, "192.0.2.2/24", link.Features{MTU: 1500}, cfg)
	fill(w)
	w.drainNews()
	n := int(heap()-before) / 2
	runtime.KeepAlive(w)
	w.quiesce()
	return n
}

// drainNews takes what the hosts have to tell, as an owner does.
func (w *world) drainNews() {
	w.a.Events()
	w.b.Events()
}

// What Footprint says is what a host takes that is full, of whatever, within a
// tenth; the last of the Budget is not for new connections.
func TestFootprint(t *testing.T) {
	const memory = 2 << 20
	for _, row := range []struct {
		name string
		free int // bytes of the Budget that the rest leaves to others
		fill func(w *world)
	}{
		{"idle connections", memory / 14, func(w *world) {
			l := w.listen(w.b, 16)
			for {
				c, err := w.a.Open(w.now, Stream)
				if err != nil || w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)) == ErrNoMemory {
					break
				}
				w.flush()
				if _, err := w.b.Accept(w.now, l); err != nil {
					break
				}
				w.drainNews()
			}
			w.run(10 * time.Second)
		}},
		{"connections whose owners read nothing", memory / 14, func(w *world) {
			l := w.listen(w.b, 16)
			type end struct {
				h *Host
				s Handle
			}
			var ends []end
			for range 40 {
				c, s := w.join(l)
				ends = append(ends, end{w.a, c}, end{w.b, s})
			}
			for _, x := range ends {
				for range 200 {
					if _, err := x.h.Send(w.now, x.s, make([]byte, 1000)); err != nil {
						break
					}
					w.flush()
				}
				w.drainNews()
			}
			w.run(time.Second)
		}},
		{"datagrams that nobody reads", memory * 3 / 4, func(w *world) {
			for port := range uint16(24) {
				for _, h := range []*Host{w.a, w.b} {
					w.bound(h, Datagram, anyAddress, 1000+port)
				}
				from, to := w.bound(w.a, Datagram, anyAddress, 0), w.bound(w.b, Datagram, anyAddress, 0)
				for range 200 {
					w.a.SendTo(w.now, from, make([]byte, 1400), netip.AddrPortFrom(addrB, 1000+port))
					w.b.SendTo(w.now, to, make([]byte, 1400), netip.AddrPortFrom(addrA, 1000+port))
					w.flush()
				}
			}
		}},
	} {
		cfg := Config{Memory: memory}
		free := 0
		got := weigh(t, func(c *Config) { c.Memory = memory }, func(w *world) {
			row.fill(w)
			free = (w.a.budget.Free() + w.b.budget.Free()) / 2
		})
		t.Logf("%s: %d bytes, Footprint %d, of which %d are free", row.name, got, Footprint(cfg), free)
		require.InEpsilon(t, Footprint(cfg)-free, got, 0.1, row.name)
		require.LessOrEqual(t, free, row.free, "%s: it was to be full", row.name)
	}
}

// A host with four connections whose buffers of 4 KiB are all full.
func TestSmallHost(t *testing.T) {
	got := weigh(t, func(c *Config) { c.Memory = 64 << 10 }, func(w *world) {
		l := w.listen(w.b, 4)
		small := Options{TCP: tcp.Options{RecvBuffer: 4096, SendBuffer: 4096}}
		require.NoError(t, w.b.SetOptions(w.now, l, small))
		for range 4 {
			c, err := w.a.Open(w.now, Stream)
			require.NoError(t, err)
			require.NoError(t, w.a.SetOptions(w.now, c, small))
			require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
			w.flush()
			s, err := w.b.Accept(w.now, l)
			require.NoError(t, err)
			for range 20 {
				w.b.Send(w.now, s, make([]byte, 4096))
				w.a.Send(w.now, c, make([]byte, 4096))
				w.run(100 * time.Millisecond)
			}
		}
	})
	t.Logf("%d bytes", got)
	require.LessOrEqual(t, got, 64<<10)
}

// A thousand connections at work at once keep within 8 MiB, and all finish.
func TestThousandBusyConnections(t *testing.T) {
	const conns, memory = 1000, 8 << 20
	w := newWorld(t, func(c *Config) { c.Memory = memory })
	l := w.listen(w.b, conns)
	type pair struct {
		c, s       Handle
		sent, read int
	}
	pairs := make([]pair, conns)
	for i := range pairs {
		pairs[i].c, pairs[i].s = w.join(l)
	}
	w.drainNews()
	size, most := 100_000, uint64(0)
	if testing.Short() {
		size = 20_000
	}
	block, buf := make([]byte, 16<<10), make([]byte, 64<<10)
	before := heap()
	for done := 0; done < conns; {
		for i := range pairs {
			p := &pairs[i]
			if p.sent < size {
				n, _ := w.a.Send(w.now, p.c, block[:min(len(block), size-p.sent)])
				p.sent += n
			}
		}
		w.run(time.Millisecond)
		for i := range pairs {
			p := &pairs[i]
			n, err := w.b.Recv(w.now, p.s, buf, 0)
			if n == 0 || err != nil {
				continue
			}
			if p.read += n; p.read == size {
				done++
			}
		}
		w.drainNews()
		if done == 0 {
			most = max(most, heap())
		}
		require.Less(t, w.now, start.Add(10*time.Minute), "%d of %d finished", done, conns)
	}
	t.Logf("heap of both hosts grew by %d bytes at most; the process has %d KiB resident", most-before, resident())
	require.LessOrEqual(t, most-before, uint64(2*memory))
	w.quiesce()
}

// resident is the process's RSS in KiB, where the system tells it.
func resident() (kib int) {
	status, _ := os.ReadFile("/proc/self/status")
	if _, rest, ok := strings.Cut(string(status), "VmRSS:"); ok {
		kib, _ = strconv.Atoi(strings.Fields(rest)[0])
	}
	return kib
}
