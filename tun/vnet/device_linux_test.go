package vnet

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// waitModes runs a test for both kinds of device and both ways to sleep.
func waitModes(t *testing.T, f func(t *testing.T, alone, plain bool)) {
	kinds(t, func(t *testing.T, plain bool) {
		t.Run("in the runtime's poller", func(t *testing.T) { f(t, false, plain) })
		t.Run("alone, in poll(2)", func(t *testing.T) { f(t, true, plain) })
	})
}

func TestKernelsDatagramsAreEchoed(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		ns := tuntest.NewNS(t)
		d := openUp(t, ns, Config{Name: "sktest0", Plain: plain})
		require.Equal(t, "sktest0", d.Name())
		want := link.Features{MTU: 1500}
		if !plain {
			want = link.Features{MTU: 1500, MaxGSO: 65535, USO: true, ChecksumOffload: true}
		}
		require.Equal(t, want, d.Features())
		var c net.Conn
		require.NoError(t, ns.Do(func() (err error) { c, err = net.Dial("udp4", "192.0.2.2:7"); return err }))
		defer c.Close()
		var wg sync.WaitGroup
		wg.Go(func() { echo(t, d, alone, 100) })
		buf := make([]byte, 2000)
		for i := range 100 {
			msg := bytes.Repeat([]byte{byte(i)}, 1+i*14)
			_, err := c.Write(msg)
			require.NoError(t, err)
			require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
			n, err := c.Read(buf)
			require.NoError(t, err)
			require.Equal(t, msg, buf[:n])
		}
		wg.Wait()
		s := d.Stats()
		require.EqualValues(t, 100, s.Read)
		require.EqualValues(t, 100, s.Written)
		require.Equal(t, s.ReadBytes, s.WrittenBytes)
		require.Zero(t, s.Dropped())
	})
}

// echo answers n UDP datagrams, header and payload as separate spans.
func echo(t *testing.T, d *Device, alone bool, n int) {
	ps := make([]link.Packet, 8)
	for n > 0 {
		k, err := d.TryRead(ps)
		if err != nil {
			t.Error(err)
			return
		}
		if k == 0 {
			if err := d.Wait(alone); err != nil {
				t.Error(err)
				return
			}
		}
		for i := range ps[:k] {
			b := ps[i].Head
			tuntest.Swap(b)
			src, dst := bytes.Clone(b[20:22]), bytes.Clone(b[22:24])
			copy(b[20:], dst)
			copy(b[22:], src)
			half := 28 + (len(b)-28)/2
			ps[i] = link.Packet{Head: b[:28], Body: [2][]byte{b[28:half], b[half:]}, CsumDone: ps[i].CsumDone}
		}
		if err := d.WriteBatch(ps[:k]); err != nil {
			t.Error(err)
			return
		}
		n -= k
	}
}

func TestBatchKeepsOrderAndContent(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		d := openUp(t, ns, Config{Plain: plain})
		var c net.Conn
		require.NoError(t, ns.Do(func() (err error) { c, err = net.Dial("udp4", "192.0.2.2:7"); return err }))
		defer c.Close()
		for i := range 100 {
			_, err := c.Write([]byte{byte(i)})
			require.NoError(t, err)
		}
		require.NoError(t, d.Wait(false)) // reads ahead: the packet it takes must come first
		ps := make([]link.Packet, 200)
		n, err := d.TryRead(ps)
		require.NoError(t, err)
		require.Equal(t, MaxBatch, n)
		for i := range ps[:n] {
			require.Equal(t, []byte{byte(i)}, ps[i].Head[28:])
		}
		first := bytes.Clone(ps[0].Head)
		require.NoError(t, d.Wait(false))
		require.Equal(t, first, ps[0].Head, "a Wait leaves the batch before alone")
		n, err = d.TryRead(ps)
		require.NoError(t, err)
		require.Equal(t, 100-MaxBatch, n)
		require.Equal(t, []byte{MaxBatch}, ps[0].Head[28:])
		n, err = d.TryRead(ps)
		require.NoError(t, err)
		require.Zero(t, n, "0, nil says that there is nothing now")
	})
}

func TestCloseEndsAWait(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		got := make(chan error)
		go func() { got <- d.Wait(alone) }()
		tuntest.Eventually(t, func() bool { return d.q.waiter.sleeping() })
		require.NoError(t, d.Close())
		require.ErrorIs(t, <-got, link.ErrClosed)
		require.NoError(t, d.Close(), "twice")
		require.ErrorIs(t, d.Wait(alone), link.ErrClosed)
		_, err := d.TryRead(make([]link.Packet, 1))
		require.ErrorIs(t, err, link.ErrClosed)
		require.ErrorIs(t, d.WriteBatch(make([]link.Packet, 3)), link.ErrClosed)
		require.EqualValues(t, 3, d.Stats().Gone)
		require.ErrorIs(t, d.Refresh(), link.ErrClosed)
		d.Wake()
		require.NotPanics(t, func() { d.Room(); d.Features(); d.Name() })
	})
}

func (w *waiter) sleeping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.where != nowhere
}

func TestWakeIsNotLost(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		d.Wake()
		d.Wake() // two early ones are one
		require.NoError(t, d.Wait(alone))

		// Every round ends only by its own Wake, which comes early, late or just as
		// the Wait begins; one that is lost hangs the test.
		turn, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for range turn {
				d.Wake()
			}
		}()
		for range 5000 {
			turn <- struct{}{}
			require.NoError(t, d.Wait(alone))
		}
		close(turn)
		<-done
		require.False(t, d.q.waiter.expired)
		require.False(t, d.q.waiter.pending)
	})
}

func TestWakeLeavesTheDeviceReadable(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		ns := tuntest.NewNS(t)
		d := openUp(t, ns, Config{Plain: plain})
		go d.Wake()
		require.NoError(t, d.Wait(alone))
		require.NoError(t, ns.Do(func() error { return tuntest.Send("192.0.2.2:7", "x") }))
		require.Equal(t, "x", string(tuntest.ReadOne(t, d, alone)[28:]))
	})
}

func TestAttack_75_DownAndUpResumes(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		ns := tuntest.NewNS(t)
		d := openUp(t, ns, Config{Plain: plain})
		require.NoError(t, ns.Do(func() error { return setup.SetDown(d.Name()) }))
		batch := []link.Packet{{Head: tuntest.UDP(1, 2, nil)}, {Head: tuntest.UDP(1, 2, nil)}}
		require.ErrorIs(t, d.WriteBatch(batch), ErrDown)
		require.EqualValues(t, 2, d.Stats().Down)
		n, err := d.TryRead(make([]link.Packet, 1))
		require.NoError(t, err, "down is not an end")
		require.Zero(t, n)

		got := make(chan string)
		go func() { got <- string(tuntest.ReadOne(t, d, alone)[28:]) }()
		tuntest.Eventually(t, func() bool { return d.q.waiter.sleeping() })
		require.NoError(t, ns.Do(func() error {
			return errors.Join(setup.SetUp(d.Name()), tuntest.Send("192.0.2.2:7", "again"))
		}))
		require.Equal(t, "again", <-got)
		require.NoError(t, d.WriteBatch(batch[:1]))
	})
}

func TestAttack_75_DeletedDeviceIsGone(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		ns := tuntest.NewNS(t)
		before := tuntest.OpenFDs(t)
		d := openUp(t, ns, Config{Plain: plain})
		got := make(chan error)
		go func() {
			for {
				if err := d.Wait(alone); err != nil {
					got <- err
					return
				}
				if _, err := d.TryRead(make([]link.Packet, 1)); err != nil {
					got <- err
					return
				}
			}
		}()
		tuntest.Eventually(t, func() bool { return d.q.waiter.sleeping() })
		require.NoError(t, ns.Do(func() error { return setup.Delete(d.Name()) }))
		tuntest.OneLine(t, <-got, ErrGone)
		require.ErrorIs(t, d.WriteBatch([]link.Packet{{Head: tuntest.UDP(1, 2, nil)}}), ErrGone)
		require.ErrorIs(t, d.Refresh(), ErrGone)
		require.NoError(t, d.Close())
		tuntest.NoMoreFDs(t, before)
	})
}

func TestAttack_75_MTUFollowsTheInterface(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		d := openUp(t, ns, Config{MTU: 1400, Plain: plain})
		require.Equal(t, 1400, d.Features().MTU)
		require.NoError(t, ns.Do(func() error { return setup.SetMTU(d.Name(), 9000) }))
		big := string(bytes.Repeat([]byte("x"), 3000))
		require.NoError(t, ns.Do(func() error { return tuntest.Send("192.0.2.2:7", big) }))

		// The first packet that is too long says that the MTU has grown; a plain
		// device has cut it, so it is dropped and counted.
		if plain {
			tuntest.Eventually(t, func() bool {
				n, err := d.TryRead(make([]link.Packet, 4))
				require.NoError(t, err)
				require.Zero(t, n)
				return d.Stats().Truncated == 1
			})
		} else {
			require.Equal(t, big, string(tuntest.ReadOne(t, d, false)[28:]))
		}
		require.Equal(t, 9000, d.Features().MTU)
		require.NoError(t, ns.Do(func() error { return tuntest.Send("192.0.2.2:7", big) }))
		require.Equal(t, big, string(tuntest.ReadOne(t, d, false)[28:]))

		require.NoError(t, ns.Do(func() error { return setup.SetMTU(d.Name(), 576) }))
		require.NoError(t, d.Refresh())
		require.Equal(t, 576, d.Features().MTU)
	})
}

func TestAttack_75_RefusedPacketsAreCounted(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		batch := []link.Packet{
			{Head: []byte{0x95, 0, 0, 0}}, // neither version 4 nor 6
			{},
			{Head: tuntest.UDP(1, 2, []byte("good"))},
		}
		require.ErrorIs(t, d.WriteBatch(batch), ErrBadPacket)
		s := d.Stats()
		require.EqualValues(t, 2, s.BadPacket)
		require.EqualValues(t, 1, s.Written)
		require.Equal(t, MaxBatch, d.Room())
	})
}

func TestAttack_75_FullDeviceHasNoRoomUntilWritable(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		err, lasting := d.q.wr.refused(unix.EAGAIN, 3)
		require.ErrorIs(t, err, ErrFull)
		require.True(t, lasting)
		require.EqualValues(t, 3, d.Stats().Full)
		require.NoError(t, d.Wait(false), "ends when room has come back")
		require.Equal(t, MaxBatch, d.Room())
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		p := tuntest.UDP(9, 9, []byte("x"))
		batch := []link.Packet{{Head: p}, {Head: p[:28], Body: [2][]byte{p[28:]}}}
		in := make([]link.Packet, 64)
		turn := func() {
			require.NoError(t, d.WriteBatch(batch)) // each is answered with port unreachable, rate-limited
			_, err := d.TryRead(in)
			require.NoError(t, err)
			d.Wake()
			require.NoError(t, d.Wait(false))
			d.Wake()
			require.NoError(t, d.Wait(true))
		}
		for range 200 {
			turn()
		}
		require.Zero(t, testing.AllocsPerRun(200, turn))
	})
}

func TestNoDescriptorIsInherited(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Plain: plain})
		require.NoError(t, d.q.control(func(fd uintptr) error {
			flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
			require.NotZero(t, flags&unix.FD_CLOEXEC)
			return err
		}))
	})
}
