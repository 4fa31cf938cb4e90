package oracle

import (
	"fmt"
	"math/bits"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// sniff looks at what arrives at a device of a namespace from now on; the function
// returned gives tshark's word on the IP length of every TCP segment with data that
// has arrived. A capturing program would not say from when on it sees packets, nor
// whether it wrote them all: the socket has them once they have arrived, and counts
// those for which it had no room.
func sniff(t *testing.T, ns *setup.NetNS, device string) func() []int {
	const room, snap = 256 << 20, 100
	fd := -1
	require.NoError(t, ns.Do(func() error {
		dev, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bits.ReverseBytes16(unix.ETH_P_IP), Ifindex: dev.Index})
	}))
	t.Cleanup(func() { require.NoError(t, unix.Close(fd)) })
	return func() []int {
		f, err := os.Create(filepath.Join(t.TempDir(), "far.pcapng"))
		require.NoError(t, err)
		defer f.Close()
		w, err := capture.NewWriter(f, capture.Options{})
		require.NoError(t, err)
		p := make([]byte, snap)
		for {
			n, _, err := unix.Recvfrom(fd, p, unix.MSG_TRUNC)
			if err == unix.EAGAIN {
				break
			}
			require.NoError(t, err)
			require.NoError(t, w.WritePacket(clock.Instant(1), link.In, p[:min(n, snap)], n))
		}
		s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		require.NoError(t, err)
		require.Zero(t, s.Drops, "of %d packets", s.Packets)
		return textLengths(t, f.Name())
	}
}

// textLengths asks tshark.
func textLengths(t *testing.T, path string) (sizes []int) {
	out, err := exec.Command("tshark", "-n", "-r", path, "-Y", "tcp.len > 0 && ip.dst == "+farAt.Addr().String(), "-T", "fields", "-e", "ip.len").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		n := 0
		_, err := fmt.Sscan(line, &n)
		require.NoError(t, err)
		sizes = append(sizes, n)
	}
	return sizes
}
