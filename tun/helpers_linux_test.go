package tun

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
)

var (
	ours   = netip.MustParsePrefix("192.0.2.2/24")
	theirs = netip.MustParsePrefix("192.0.2.1/24")
)

// newNS makes a namespace for the test, or skips where that is not allowed.
func newNS(t testing.TB) *setup.NetNS {
	t.Helper()
	ns, err := setup.NewNetNS()
	if errors.Is(err, setup.ErrPermission) {
		t.Skipf("no privilege to make a network namespace: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	if f, err := os.OpenFile(clonePath, os.O_RDWR, 0); err != nil {
		t.Skipf("no TUN on this system: %v", err)
	} else {
		f.Close()
	}
	return ns
}

// openUp opens a TUN in ns, with the kernel's address, up.
func openUp(t testing.TB, ns *setup.NetNS, cfg Config) *Device {
	t.Helper()
	var d *Device
	require.NoError(t, ns.Do(func() (err error) {
		if d, err = Open(cfg); err != nil {
			return err
		}
		return errors.Join(setup.AddAddr(d.Name(), theirs), quiet(d.Name()), setup.SetUp(d.Name()))
	}))
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// quiet keeps the kernel from sending IPv6 of its own accord.
func quiet(name string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6"), []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// udp builds a UDP packet from us to the kernel's side, its checksum left out.
func udp(srcPort, dstPort uint16, payload []byte) []byte {
	b := make([]byte, 28, 28+len(payload))
	b[0], b[8], b[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(payload)))
	src, dst := ours.Addr().As4(), theirs.Addr().As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	fixHeader(b)
	binary.BigEndian.PutUint16(b[20:], srcPort)
	binary.BigEndian.PutUint16(b[22:], dstPort)
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

// fixHeader fills the IPv4 header checksum (RFC 791 3.1).
func fixHeader(b []byte) {
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}

// swap turns a packet round, from its destination to its source.
func swap(b []byte) {
	var src [4]byte
	copy(src[:], b[12:])
	copy(b[12:16], b[16:20])
	copy(b[16:20], src[:])
}

// readOne waits for the next packet.
func readOne(t testing.TB, d *Device, alone bool) []byte {
	t.Helper()
	var ps [1]link.Packet
	for {
		n, err := d.TryRead(ps[:])
		require.NoError(t, err)
		if n == 1 {
			return ps[0].Head
		}
		require.NoError(t, d.Wait(alone))
	}
}

// openFDs counts this process's descriptors.
func openFDs(t testing.TB) int {
	t.Helper()
	es, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(es)
}

// eventually polls until f holds; it is for what the kernel does in its own time.
func eventually(t testing.TB, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 10*time.Second, 2*time.Millisecond)
}

// oneLine holds that an error is one line that a user can act on.
func oneLine(t testing.TB, err, want error) {
	t.Helper()
	require.ErrorIs(t, err, want)
	require.False(t, strings.Contains(err.Error(), "\n"), err.Error())
}
