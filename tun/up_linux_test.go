package tun

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// What setup.Up makes carries packets to the outside and their answers back,
// with the outside seeing the NAT interface's address.
func TestNATReachesTheOutside(t *testing.T) {
	near, far := tuntest.NewNS(t), tuntest.NewNS(t)
	require.NoError(t, setup.AddVeth(near, "wan0", far, "wan1"))
	dir := t.TempDir()
	var d *Device
	require.NoError(t, near.Do(func() error {
		if err := setup.AddAddr("wan0", netip.MustParsePrefix("198.51.100.1/24")); err != nil {
			return err
		}
		st, err := setup.Up(setup.UpConfig{Name: "sk0", Addr: tuntest.Ours, NAT: "wan0", MTU: 1280, Dir: dir})
		if err != nil {
			return err
		}
		require.Equal(t, tuntest.Theirs, st.Kernel)
		d, err = Open(Config{Name: "sk0"})
		return err
	}))
	defer d.Close()
	require.Equal(t, 1280, d.Features().MTU)

	var server net.PacketConn
	require.NoError(t, far.Do(func() (err error) {
		if err := setup.AddAddr("wan1", netip.MustParsePrefix("198.51.100.2/24")); err != nil {
			return err
		}
		server, err = net.ListenPacket("udp4", "198.51.100.2:53")
		return err
	}))
	defer server.Close()

	p := tuntest.UDP(4000, 53, []byte("question"))
	copy(p[16:], []byte{198, 51, 100, 2})
	tuntest.FixHeader(p)
	require.NoError(t, d.WriteBatch([]link.Packet{{Head: p}}))
	buf := make([]byte, 100)
	n, from, err := server.ReadFrom(buf)
	require.NoError(t, err)
	require.Equal(t, "question", string(buf[:n]))
	require.Equal(t, "198.51.100.1", from.(*net.UDPAddr).IP.String())
	_, err = server.WriteTo([]byte("answer"), from)
	require.NoError(t, err)
	require.Equal(t, "answer", string(tuntest.ReadOne(t, d, false)[28:]))

	// Down deletes the device below whoever has it open.
	require.NoError(t, near.Do(func() error { return setup.Down(dir, "sk0") }))
	if err = d.Wait(false); err == nil {
		_, err = d.TryRead(make([]link.Packet, 1))
	}
	require.ErrorIs(t, err, ErrGone)
}
