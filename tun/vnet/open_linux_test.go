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

func TestWhatTheCloneDeviceSays(t *testing.T) {
	for _, row := range []struct {
		errno, want error
	}{
		{unix.ENOENT, ErrNoTUN},
		{unix.ENODEV, ErrNoTUN},
		{unix.ENXIO, ErrNoTUN},
		{unix.EACCES, ErrNoAccess},
		{unix.EPERM, ErrNoAccess},
		{unix.EMFILE, unix.EMFILE},
	} {
		require.ErrorIs(t, cloneError(row.errno), row.want)
	}
}

func TestFromFile(t *testing.T) {
	ns := tuntest.NewNS(t)
	t.Run("a plain TUN", func(t *testing.T) {
		before := tuntest.OpenFDs(t)
		f := tuntest.Attach(t, ns, "file0", unix.IFF_TUN|unix.IFF_NO_PI)
		var d *Device
		require.NoError(t, ns.Do(func() (err error) { d, err = FromFile(f); return err }))
		require.Equal(t, "file0", d.Name())
		require.NoError(t, ns.Do(func() error {
			return errors.Join(setup.AddAddr("file0", tuntest.Theirs), tuntest.Quiet("file0"), setup.SetUp("file0"), tuntest.Send("192.0.2.2:7", "hello"))
		}))
		require.Equal(t, "hello", string(tuntest.ReadOne(t, d, false)[28:]))
		d.Wake()
		require.NoError(t, d.Wait(false))
		require.NoError(t, d.Close())
		tuntest.NoMoreFDs(t, before)
	})
	for _, row := range []struct {
		rule  string
		flags uint16
	}{
		{"TAP", unix.IFF_TAP | unix.IFF_NO_PI},
	} {
		t.Run(row.rule, func(t *testing.T) {
			before := tuntest.OpenFDs(t)
			d, err := FromFile(tuntest.Attach(t, ns, "file1", row.flags))
			require.Nil(t, d)
			tuntest.OneLine(t, err, ErrBadFile)
			tuntest.NoMoreFDs(t, before)
		})
	}
	t.Run("not a TUN at all", func(t *testing.T) {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		_, err = FromFile(f)
		tuntest.OneLine(t, err, ErrBadFile)
	})
}
