package socket_test

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// UDP_SEGMENT across a TUN: what one side sends by one call, the other receives
// as datagrams, with and without the device's help.
func TestSegmentWithTheKernel(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			ns := tuntest.NewNS(t)
			device := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{Plain: plain}) })
			tap := link.NewTap(4 << 20)
			s, err := stack.New(stack.Config{Link: device, Prefixes: []netip.Prefix{tuntest.Ours}, Tap: tap})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			ours, theirs := socket.New(s), kernel{}
			var kfd int
			require.NoError(t, ns.Do(func() error { kfd = must(t, theirs, socket.SOCK_DGRAM); return nil }))
			defer theirs.Close(kfd)
			fd := must(t, ours, socket.SOCK_DGRAM)
			us, them := netip.AddrPortFrom(tuntest.Ours.Addr(), 7), netip.AddrPortFrom(tuntest.Theirs.Addr(), 7)
			require.NoError(t, ours.Bind(fd, us))
			require.NoError(t, theirs.Bind(kfd, them))
			for _, end := range []struct {
				c  calls
				fd int
			}{{ours, fd}, {theirs, kfd}} {
				require.NoError(t, end.c.SetSockOptTimeval(end.fd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 20*time.Second))
				v, err := end.c.GetSockOptInt(end.fd, socket.IPPROTO_UDP, socket.UDP_SEGMENT)
				require.NoError(t, err)
				require.Zero(t, v)
			}
			segmentBothWays(t, ours, fd, us, theirs, kfd, them)
			if got := device.Stats(); plain {
				require.Zero(t, got.ReadSuper+got.WrittenSuper)
			} else {
				require.EqualValues(t, 3, got.ReadSuper)
				require.EqualValues(t, 3, got.WrittenSuper)
			}
			tsharkIsContent(t, tap)
			sameErrors(t, ours, fd, them, theirs, kfd, us)
		})
	}
}

// segmentBothWays sends some lengths that are no multiples of the size, and some that are.
func segmentBothWays(t *testing.T, a calls, afd int, aa netip.AddrPort, b calls, bfd int, ba netip.AddrPort) {
	t.Helper()
	for range 2 {
		for _, row := range []struct{ size, length int }{{1000, 5500}, {1472, 1472 * 44}, {1, 128}, {1200, 1200}} {
			require.NoError(t, a.SetSockOptInt(afd, socket.IPPROTO_UDP, socket.UDP_SEGMENT, row.size))
			data := make([]byte, row.length)
			for i := range data {
				data[i] = byte(i/row.size + i*7)
			}
			n, err := a.SendTo(afd, data, 0, ba)
			require.NoError(t, err)
			require.Equal(t, row.length, n)
			buf := make([]byte, 70000)
			for at := 0; at < len(data); at += row.size {
				n, from, err := b.RecvFrom(bfd, buf, 0)
				require.NoError(t, err)
				require.Equal(t, aa, from)
				require.True(t, bytes.Equal(data[at:min(at+row.size, len(data))], buf[:n]), "size %d at %d: %d bytes", row.size, at, n)
			}
		}
		a, afd, aa, b, bfd, ba = b, bfd, ba, a, afd, aa
	}
}

// sameErrors makes calls that go wrong, ours and the kernel's, and compares.
func sameErrors(t *testing.T, a calls, afd int, to netip.AddrPort, b calls, bfd int, bto netip.AddrPort) {
	t.Helper()
	for _, row := range []struct {
		rule         string
		size, length int
	}{
		{"a datagram larger than the MTU is never fragmented", 1473, 3000},
		{"more than 128 datagrams", 10, 1281},
		{"more than a packet holds", 1400, 65508},
	} {
		require.NoError(t, a.SetSockOptInt(afd, socket.IPPROTO_UDP, socket.UDP_SEGMENT, row.size))
		require.NoError(t, b.SetSockOptInt(bfd, socket.IPPROTO_UDP, socket.UDP_SEGMENT, row.size))
		_, err := a.SendTo(afd, make([]byte, row.length), 0, to)
		_, want := b.SendTo(bfd, make([]byte, row.length), 0, bto)
		require.Equal(t, want, err, row.rule)
	}
	for _, v := range []int{-1, 65536} {
		require.Equal(t, b.SetSockOptInt(bfd, socket.IPPROTO_UDP, socket.UDP_SEGMENT, v),
			a.SetSockOptInt(afd, socket.IPPROTO_UDP, socket.UDP_SEGMENT, v))
	}
	require.Equal(t, b.SetSockOptInt(bfd, socket.IPPROTO_UDP, 99, 1), a.SetSockOptInt(afd, socket.IPPROTO_UDP, 99, 1))
	var errno unix.Errno
	require.ErrorAs(t, a.SetSockOptInt(afd, socket.IPPROTO_UDP, 99, 1), &errno)
}

// tsharkIsContent holds that what the tap saw has neither bad checksums nor bad lengths.
func tsharkIsContent(t *testing.T, tap *link.Tap) {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("tshark is not installed")
		return
	}
	path := filepath.Join(t.TempDir(), "segments.pcapng")
	f, err := os.Create(path)
	require.NoError(t, err)
	w, err := capture.NewWriter(f, capture.Options{})
	require.NoError(t, err)
	records, dropped := tap.Take()
	require.Zero(t, dropped)
	for i := range records {
		require.NoError(t, w.WriteRecord(&records[i]))
	}
	require.NoError(t, f.Close())
	show := func(filter string) string {
		out, err := exec.Command(tshark, "-n", "-r", path, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
			"-Y", filter, "-T", "fields", "-e", "frame.number", "-e", "frame.len").Output()
		require.NoError(t, err)
		return string(out)
	}
	require.Empty(t, show(`_ws.malformed || _ws.expert.severity == error || ip.checksum.status == "Bad" || udp.checksum.status == "Bad" || frame.len > 1500`))
	require.NotEmpty(t, show(`udp.checksum.status == "Good"`))
}
