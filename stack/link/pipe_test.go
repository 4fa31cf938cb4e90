package link

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var ethernet = Features{MTU: 1500}

// packet returns a packet of n bytes in three spans, filled with tag.
func packet(n int, tag byte) Packet {
	b := bytes.Repeat([]byte{tag}, n)
	return Packet{Head: b[:n/3], Body: [2][]byte{b[n/3 : n/2], b[n/2:]}}
}

func readAll(t *testing.T, l Link) [][]byte {
	t.Helper()
	var got [][]byte
	for ps := make([]Packet, 3); ; {
		n, err := l.TryRead(ps)
		require.NoError(t, err)
		if n == 0 {
			return got
		}
		for i := range ps[:n] {
			got = append(got, ps[i].AppendTo(nil))
		}
	}
}

func TestPipeCarriesInOrder(t *testing.T) {
	a, b := NewPipe(ethernet, 64)
	var want [][]byte
	for round := range 5 {
		want = want[:0]
		for i := range 40 {
			p := packet(1+i*37, byte(round*40+i))
			want = append(want, p.AppendTo(nil))
			require.NoError(t, a.WriteBatch([]Packet{p}))
			for _, span := range [][]byte{p.Head, p.Body[0], p.Body[1]} {
				clear(span) // the Pipe has copied
			}
		}
		require.Equal(t, 24, a.Room())
		require.Equal(t, 64, b.Room(), "the directions are apart")
		require.Equal(t, want, readAll(t, b))
	}
	require.Equal(t, PipeStats{Packets: 200}, a.Stats())
	require.Equal(t, ethernet, a.Features())
}

func TestPipeRefuses(t *testing.T) {
	super := func(n int, gso uint16) Packet {
		return Packet{Head: tcpPacket(n-40, 0), GSOSize: gso, CsumDone: true}
	}
	offload := Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}
	for _, c := range []struct {
		name string
		f    Features
		p    Packet
		want error
	}{
		{"a packet of MTU bytes", ethernet, packet(1500, 1), nil},
		{"one byte more", ethernet, packet(1501, 1), ErrTooLarge},
		{"a super-segment where there is no GSO", ethernet, super(3000, 1460), ErrTooLarge},
		{"a super-segment of MaxGSO bytes", offload, super(65535, 1460), nil},
		{"a super-segment larger than MaxGSO", Features{MTU: 1500, MaxGSO: 30000}, super(30001, 1460), ErrTooLarge},
		{"segments larger than the MTU", offload, super(3000, 1461), ErrTooLarge},
		{"large, and not TCP", offload, Packet{Head: make([]byte, 3000), GSOSize: 1000}, ErrTooLarge},
		{"large, and not a super-segment", offload, super(3000, 0), ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := NewPipe(c.f, 4)
			require.Equal(t, c.want, a.WriteBatch([]Packet{c.p, packet(20, 2)}))
			got := readAll(t, b)
			require.Len(t, got[len(got)-1], 20, "what follows a refused packet is carried")
			require.Equal(t, c.want != nil, a.Stats().TooLarge == 1)
		})
	}
}

func flat(p Packet) []byte { return p.AppendTo(nil) }

func TestPipeFull(t *testing.T) {
	a, b := NewPipe(ethernet, 3)
	ps := []Packet{packet(10, 1), packet(10, 2), packet(10, 3), packet(10, 4), packet(10, 5)}
	require.Equal(t, ErrFull, a.WriteBatch(ps))
	require.Zero(t, a.Room())
	require.Equal(t, PipeStats{Packets: 3, Full: 2}, a.Stats())
	require.Equal(t, [][]byte{flat(ps[0]), flat(ps[1]), flat(ps[2])}, readAll(t, b))
	require.Equal(t, 3, a.Room())
}

func TestPipeChecksumOffload(t *testing.T) {
	for _, c := range []struct {
		name             string
		offload, p, want bool
	}{
		{"left to the device, which has it", true, true, true},
		{"computed, though the device has it", true, false, false},
		{"left to a device that has it not", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := NewPipe(Features{MTU: 1500, ChecksumOffload: c.offload}, 1)
			require.NoError(t, a.WriteBatch([]Packet{{Head: []byte{1}, CsumDone: c.p}}))
			ps := make([]Packet, 1)
			n, err := b.TryRead(ps)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, c.want, ps[0].CsumDone)
		})
	}
}

func TestPipePacketsAreValidUntilTheNextRead(t *testing.T) {
	a, b := NewPipe(ethernet, 8)
	require.NoError(t, a.WriteBatch([]Packet{packet(100, 1), packet(100, 2)}))
	ps := make([]Packet, 2)
	n, err := b.TryRead(ps)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for i := range 8 { // must not land in the lent buffers
		require.NoError(t, a.WriteBatch([]Packet{packet(100, byte(10+i))}))
	}
	require.Equal(t, bytes.Repeat([]byte{1}, 100), ps[0].Head)
	require.Equal(t, bytes.Repeat([]byte{2}, 100), ps[1].Head)
}

func TestPipeSteadyStateAllocatesNothing(t *testing.T) {
	a, b := NewPipe(Features{MTU: 1500, MaxGSO: 65535}, 64)
	out := []Packet{packet(52, 1), packet(1500, 2), {Head: tcpPacket(60000, 0), GSOSize: 1460}}
	in := make([]Packet, 2)
	round := func() {
		for range 20 {
			_ = a.WriteBatch(out)
		}
		for n := 1; n > 0; {
			n, _ = b.TryRead(in)
		}
	}
	round()
	require.Zero(t, testing.AllocsPerRun(50, round))
	require.Zero(t, a.Stats().Full+a.Stats().TooLarge)
}

func TestPipeSetFeatures(t *testing.T) {
	a, b := NewPipe(ethernet, 4)
	a.SetFeatures(Features{MTU: 500})
	require.Equal(t, ErrTooLarge, a.WriteBatch([]Packet{packet(501, 1)}))
	require.Equal(t, 500, a.Features().MTU)
	require.NoError(t, b.WriteBatch([]Packet{packet(1500, 1)}), "the other end has its own")
}

// waits runs Wait on l within a synctest bubble and returns how to ask whether
// it has ended, and how.
func waits(l Link) (ended func() (bool, error)) {
	var mu sync.Mutex
	var done bool
	var err error
	go func() {
		e := l.Wait(false)
		mu.Lock()
		defer mu.Unlock()
		done, err = true, e
	}()
	return func() (bool, error) {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return done, err
	}
}

func TestPipeWait(t *testing.T) {
	one := []Packet{packet(10, 1)}
	buf := make([]Packet, 1)
	for _, c := range []struct {
		name  string
		setUp func(a, b *PipeEnd) // before a waits
		act   func(a, b *PipeEnd) // ends a's Wait
		want  error
	}{
		{"data", nil, func(a, b *PipeEnd) { _ = b.WriteBatch(one) }, nil},
		{"room after it was 0",
			func(a, b *PipeEnd) { _ = a.WriteBatch([]Packet{one[0], one[0]}) },
			func(a, b *PipeEnd) { _, _ = b.TryRead(buf) }, nil},
		{"Wake", nil, func(a, b *PipeEnd) { a.Wake() }, nil},
		{"our Close", nil, func(a, b *PipeEnd) { _ = a.Close() }, ErrClosed},
		{"the peer's Close", nil, func(a, b *PipeEnd) { _ = b.Close() }, ErrClosed},
		{"our Close of a Pipe that never drains",
			func(a, b *PipeEnd) { _ = a.WriteBatch([]Packet{one[0], one[0]}) },
			func(a, b *PipeEnd) { _ = a.Close() }, ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := NewPipe(ethernet, 2)
				if c.setUp != nil {
					c.setUp(a, b)
				}
				ended := waits(a)
				done, _ := ended()
				require.False(t, done, "nothing has happened yet")
				time.Sleep(time.Hour) // virtual: passes only because Wait is durable
				c.act(a, b)
				done, err := ended()
				require.True(t, done)
				require.Equal(t, c.want, err)
			})
		})
	}
}

func TestPipeWaitEndsAtOnce(t *testing.T) {
	one := []Packet{packet(10, 1)}
	for _, c := range []struct {
		name  string
		setUp func(a, b *PipeEnd)
		want  error
	}{
		{"data that a short TryRead left behind", func(a, b *PipeEnd) {
			_ = b.WriteBatch([]Packet{one[0], one[0]})
			_, _ = a.TryRead(make([]Packet, 1))
		}, nil},
		{"a Wake before its Wait is not lost", func(a, b *PipeEnd) { a.Wake() }, nil},
		{"data of a peer that closed comes first", func(a, b *PipeEnd) { _ = b.WriteBatch(one); _ = b.Close() }, nil},
		{"closed", func(a, b *PipeEnd) { _ = a.Close(); _ = a.Wait(false) }, ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := NewPipe(ethernet, 2)
				c.setUp(a, b)
				require.Equal(t, c.want, a.Wait(false))
			})
		})
	}
}

func TestPipeWakeEndsOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := NewPipe(ethernet, 2)
		a.Wake()
		a.Wake()
		require.NoError(t, a.Wait(false))
		ended := waits(a)
		done, _ := ended()
		require.False(t, done)
		a.Wake()
		done, err := ended()
		require.True(t, done)
		require.NoError(t, err)
	})
}

func TestPipeClose(t *testing.T) {
	a, b := NewPipe(ethernet, 4)
	ps := make([]Packet, 4)
	require.NoError(t, a.WriteBatch([]Packet{packet(10, 1)}))
	require.NoError(t, b.WriteBatch([]Packet{packet(10, 2)}))
	require.NoError(t, a.Close())
	require.NoError(t, a.Close(), "twice is safe")

	n, err := a.TryRead(ps)
	require.Equal(t, ErrClosed, err)
	require.Zero(t, n)
	require.Equal(t, ErrClosed, a.WriteBatch([]Packet{packet(10, 3)}))
	require.Equal(t, ErrClosed, b.WriteBatch([]Packet{packet(10, 3)}))

	n, err = b.TryRead(ps)
	require.NoError(t, err, "what was written before Close arrives")
	require.Equal(t, 1, n)
	_, err = b.TryRead(ps)
	require.Equal(t, ErrClosed, err)
	require.NoError(t, b.Close())
}

// Two stacks, each holding its own lock while it writes as much as it wants,
// never wait for each other.
func TestPipeTwoFullEndsDoNotDeadlock(t *testing.T) {
	const packets = 20000
	a, b := NewPipe(ethernet, 4)
	var wg sync.WaitGroup
	read := make([]int, 2)
	for i, l := range []Link{a, b} {
		wg.Go(func() {
			var mu sync.Mutex
			buf, out := make([]Packet, 3), packet(100, 7)
			for sent := 0; sent < packets || read[i] < packets; {
				mu.Lock()
				for l.Room() > 0 && sent < packets {
					if l.WriteBatch([]Packet{out}) == nil {
						sent++
					}
				}
				n, err := l.TryRead(buf)
				mu.Unlock()
				read[i] += n
				if err != nil {
					return
				}
				if n == 0 && read[i] < packets && l.Wait(false) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int{packets, packets}, read)
}
