package vnet

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// A descriptor comes from a process in another network namespace, where there may
// be an interface of the same name.
func TestFromFileWith(t *testing.T) {
	theirs, ours := tuntest.NewNS(t), tuntest.NewNS(t)
	socketIn := func(ns *setup.NetNS) *os.File {
		var fd int
		require.NoError(t, ns.Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			return err
		}))
		return os.NewFile(uintptr(fd), "socket")
	}
	other := tuntest.Attach(t, ours, "hand0", unix.IFF_TUN|unix.IFF_NO_PI)
	defer other.Close()
	require.NoError(t, ours.Do(func() error { return setup.SetMTU("hand0", 700) }))
	for _, row := range []struct {
		name   string
		flags  uint16
		config func() FileConfig
		mtu    int
	}{
		{"plain, MTU as the control socket says", 0, func() FileConfig { return FileConfig{Control: socketIn(theirs)} }, 1300},
		{"with a virtio header", unix.IFF_VNET_HDR, func() FileConfig { return FileConfig{Control: socketIn(theirs)} }, 1300},
		{"MTU as its maker says", 0, func() FileConfig { return FileConfig{MTU: 1280} }, 1280},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := tuntest.OpenFDs(t)
			f := tuntest.Attach(t, theirs, "hand0", unix.IFF_TUN|unix.IFF_NO_PI|row.flags)
			require.NoError(t, theirs.Do(func() error {
				return errors.Join(setup.SetMTU("hand0", 1300), setup.AddAddr("hand0", tuntest.Theirs),
					tuntest.Quiet("hand0"), setup.SetUp("hand0"))
			}))
			var d *Device
			require.NoError(t, ours.Do(func() (err error) {
				d, err = FromFileWith(f, row.config())
				return err
			}))
			require.Equal(t, row.mtu, d.Features().MTU)
			require.Equal(t, row.flags != 0, d.Features().ChecksumOffload, "what the device does is asked of it")
			require.NoError(t, theirs.Do(func() error { return tuntest.Send("192.0.2.2:7", "hello") }))
			require.Equal(t, "hello", string(tuntest.ReadOne(t, d, false)[28:]))
			require.NoError(t, d.Refresh())
			require.Equal(t, row.mtu, d.Features().MTU)
			require.NoError(t, d.Close())
			tuntest.NoMoreFDs(t, before)
		})
	}
	_, err := FromFileWith(tuntest.Attach(t, theirs, "hand1", unix.IFF_TUN|unix.IFF_NO_PI), FileConfig{MTU: 60})
	tuntest.OneLine(t, err, ErrBadMTU)
}
