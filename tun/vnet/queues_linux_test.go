package vnet

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// Every flow's packets come through one of the queues, each exactly once, and
// what any queue writes arrives.
func TestQueuesShareTheFlows(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		before := tuntest.OpenFDs(t)
		d := openUp(t, ns, Config{Queues: 4, Plain: plain})
		links := d.Links()
		require.Len(t, links, 4)
		require.Contains(t, d.Granted(), "; 4 queues")
		const flows = 64
		var conns []net.Conn
		for i := range flows {
			require.NoError(t, ns.Do(func() error {
				c, err := net.Dial("udp4", "192.0.2.2:"+strconv.Itoa(1000+i))
				conns = append(conns, c)
				return err
			}))
			_, err := conns[i].Write([]byte{byte(i)})
			require.NoError(t, err)
		}
		seen := map[byte]int{}
		used := map[int]bool{}
		ps := make([]link.Packet, MaxBatch)
		tuntest.Eventually(t, func() bool {
			for q, l := range links {
				n, err := l.TryRead(ps)
				require.NoError(t, err)
				for _, p := range ps[:n] {
					seen[p.Head[28]]++
					used[q] = true
				}
			}
			return len(seen) == flows
		})
		for i, n := range seen {
			require.Equal(t, 1, n, "flow %d", i)
		}
		require.Greater(t, len(used), 1, "the kernel's hash used one queue only")
		require.EqualValues(t, flows, d.Stats().Read, "of all queues")
		for _, c := range conns {
			require.NoError(t, c.Close())
		}

		for i, l := range links {
			var c net.PacketConn
			require.NoError(t, ns.Do(func() (err error) { c, err = net.ListenPacket("udp4", "192.0.2.1:0"); return err }))
			to := c.LocalAddr().(*net.UDPAddr).Port
			require.NoError(t, l.WriteBatch([]link.Packet{{Head: tuntest.UDP(7, uint16(to), []byte{byte(i)})}}))
			buf := make([]byte, 10)
			n, _, err := c.ReadFrom(buf)
			require.NoError(t, err)
			require.Equal(t, []byte{byte(i)}, buf[:n])
			require.NoError(t, c.Close())
		}
		require.NoError(t, d.Close())
		for _, l := range links {
			require.ErrorIs(t, l.Wait(false), link.ErrClosed, "the device's Close is every queue's")
			require.NoError(t, l.Close(), "twice")
		}
		tuntest.NoMoreFDs(t, before)
	})
}

// Wake and Close are each queue's own.
func TestQueuesWaitApart(t *testing.T) {
	waitModes(t, func(t *testing.T, alone, plain bool) {
		d := openUp(t, tuntest.NewNS(t), Config{Queues: 2, Plain: plain})
		first, second := d.Links()[0], d.Links()[1]
		got := make(chan error)
		go func() { got <- second.Wait(alone) }()
		tuntest.Eventually(t, func() bool { return d.more[0].waiter.sleeping() })
		first.Wake()
		require.NoError(t, first.Wait(alone))
		require.True(t, d.more[0].waiter.sleeping(), "the other one's")
		second.Wake()
		require.NoError(t, <-got)

		go func() { got <- second.Wait(alone) }()
		tuntest.Eventually(t, func() bool { return d.more[0].waiter.sleeping() })
		require.NoError(t, second.Close())
		require.ErrorIs(t, <-got, link.ErrClosed)
		first.Wake()
		require.NoError(t, first.Wait(alone), "goes on")
	})
}

// What one queue finds out holds for all of them.
func TestQueuesStepDownTogether(t *testing.T) {
	ns := tuntest.NewNS(t)
	d := openUp(t, ns, Config{Queues: 2})
	second := d.Links()[1]
	wrote := recorded(&d.more[0].wr)
	require.NoError(t, second.WriteBatch([]link.Packet{superDatagram()}))
	require.Len(t, *wrote, 3)
	require.Equal(t, link.Features{MTU: 1500, MaxGSO: MaxMTU, ChecksumOffload: true}, d.Features(), "TCP's go on")
	require.NoError(t, second.WriteBatch([]link.Packet{superSegment()}))
	require.Equal(t, link.Features{MTU: 1500, ChecksumOffload: true}, d.Features())
	require.Equal(t, d.Features(), second.Features())

	require.NoError(t, ns.Do(func() error { return setup.SetMTU(d.Name(), 1400) }))
	require.NoError(t, d.Refresh())
	require.Equal(t, 1400, second.Features().MTU)
}

// A device keeps the number of queues that it was made for: who asks for
// another gets what there is, and is told.
func TestPersistentDeviceAndQueues(t *testing.T) {
	for _, row := range []struct {
		rule         string
		made, wanted int
		granted      int
		says         string
	}{
		{"made for one, asked for several", 1, 4, 1, "; 1 of 4 queues"},
		{"made for several, asked for one", 4, 1, 1, ""},
		{"made for several, asked for fewer", 4, 2, 2, "; 2 queues"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			ns := tuntest.NewNS(t)
			open := func(n int) (d *Device, err error) {
				err = ns.Do(func() error { d, err = Open(Config{Name: "mq0", Persist: true, Queues: n}); return err })
				return d, err
			}
			d, err := open(row.made)
			require.NoError(t, err)
			require.NoError(t, ns.Do(func() error {
				return errors.Join(setup.AddAddr("mq0", tuntest.Theirs), tuntest.Quiet("mq0"), setup.SetUp("mq0"))
			}))
			require.NoError(t, d.Close())

			d, err = open(row.wanted)
			require.NoError(t, err)
			require.Len(t, d.Links(), row.granted)
			require.Regexp(t, "offloaded"+row.says+"$", d.Granted())
			require.NoError(t, ns.Do(func() error { return tuntest.Send("192.0.2.2:7", "x") }))
			tuntest.Eventually(t, func() bool {
				for _, l := range d.Links() {
					ps := make([]link.Packet, 1)
					if n, err := l.TryRead(ps); err == nil && n == 1 {
						return true
					}
				}
				return false
			})

			// The kernel would let another program have queues of the same device.
			for _, n := range []int{1, 2} {
				_, err = open(n)
				tuntest.OneLine(t, err, ErrBusy)
			}
			require.NoError(t, d.Close())
		})
	}
}

// More queues than the kernel has are asked for: it says how many there are.
func TestTooManyQueues(t *testing.T) {
	ns := tuntest.NewNS(t)
	before := tuntest.OpenFDs(t)
	d := openUp(t, ns, Config{Queues: 300})
	require.Len(t, d.Links(), 256)
	require.Contains(t, d.Granted(), "; 256 of 300 queues")
	require.NoError(t, d.Close())
	tuntest.NoMoreFDs(t, before)
}

// Each queue gets the offload bits that we want, whatever the last owner had.
func TestQueuesSetTheOffloads(t *testing.T) {
	ns := tuntest.NewNS(t)
	f := tuntest.Attach(t, ns, "mq1", unix.IFF_TUN|unix.IFF_NO_PI|unix.IFF_VNET_HDR|unix.IFF_MULTI_QUEUE)
	require.NoError(t, unix.IoctlSetInt(int(f.Fd()), unix.TUNSETPERSIST, 1))
	require.NoError(t, unix.IoctlSetInt(int(f.Fd()), unix.TUNSETOFFLOAD, 0))
	require.NoError(t, f.Close())
	d := openUp(t, ns, Config{Name: "mq1", Queues: 2})
	require.Equal(t, link.Features{MTU: 1500, MaxGSO: MaxMTU, USO: true, ChecksumOffload: true}, d.Links()[1].Features())
	require.True(t, d.more[0].rd.whole)
}
