package oracle

import (
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// Super-segments are cut behind the device: the kernel forwards what we send over
// a veth pair that has no offloads, and at its far end tshark sees segments as
// they are on a wire. None is larger than the MSS that the peer gave, be that the
// link's or less, also behind a path MTU that is smaller than the device's.
func TestSegmentsOnTheWireFitThePeersMSS(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, program := range []string{"tshark", "ethtool"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs " + program)
		}
	}
	for _, row := range []struct {
		name     string
		plain    bool
		mss, far int // of the peer, 0: what its link gives; MTU of the veth pair
		most     int // bytes of an IP packet
	}{
		{"offloads", false, 0, 1500, 1500},
		{"plain", true, 0, 1500, 1500},
		{"the peer's MSS is 1000 (RFC 9293 3.7.1)", false, 1000, 1500, 1040},
		{"the path's MTU is 1400 (RFC 1191)", false, 1460, 1400, 1400},
	} {
		t.Run(row.name, func(t *testing.T) {
			far, dial := overForwarder(t, row.plain, row.far)
			var l net.Listener
			require.NoError(t, far.Do(func() (err error) {
				lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
					return raw.Control(func(fd uintptr) {
						if row.mss > 0 {
							err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, row.mss)
						}
					})
				}}
				l, err = lc.Listen(context.Background(), "tcp4", farAt.String())
				return err
			}))
			defer l.Close()
			seen := sniff(t, far, "far0")
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			client, server := connect(ctx, t, l, dial)
			sent := make(chan error, 1)
			data := make([]byte, 4<<20)
			for i := range data {
				data[i] = byte(i * 7 >> 3)
			}
			go func() {
				_, err := client.Write(data)
				sent <- err
				_ = client.Close()
			}()
			got := sha256.New()
			n, err := io.Copy(got, server)
			require.NoError(t, err)
			require.NoError(t, <-sent)
			require.EqualValues(t, len(data), n)
			require.Equal(t, sha256.Sum256(data), [32]byte(got.Sum(nil)))
			require.NoError(t, server.Close())

			large, full := 0, 0
			for _, size := range seen() {
				if size > row.most {
					large++
				}
				if size == row.most {
					full++
				}
			}
			require.Zero(t, large, "segments larger than %d bytes", row.most)
			require.Greater(t, full, 200, "most are full")
		})
	}
}

// farAt is where the peer behind the forwarder listens.
var farAt = netip.MustParseAddrPort("198.51.100.2:5001")

// overForwarder returns the namespace of a peer, and how our stack reaches it: over
// a TUN to a kernel that forwards, and from there over a veth pair without offloads.
func overForwarder(t *testing.T, plain bool, mtu int) (*setup.NetNS, func(context.Context) (net.Conn, error)) {
	near, far := newNS(t), newNS(t)
	require.NoError(t, setup.AddVeth(near, "near0", far, "far0"))
	var dev *tun.Device
	require.NoError(t, near.Do(func() (err error) {
		if err := setup.SetMTU("near0", mtu); err != nil {
			return err
		}
		if err := kernelSide("near0", netip.MustParsePrefix("198.51.100.1/24")); err != nil {
			return err
		}
		if dev, err = tun.Open(tun.Config{Name: "bench0", Plain: plain}); err != nil {
			return err
		}
		if err := kernelSide("bench0", gvisorPrefix); err != nil {
			return err
		}
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	}))
	require.NoError(t, far.Do(func() error {
		if err := setup.SetMTU("far0", mtu); err != nil {
			return err
		}
		if err := kernelSide("far0", netip.PrefixFrom(farAt.Addr(), 24)); err != nil {
			return err
		}
		return setup.AddRoute("far0", netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("198.51.100.1"))
	}))
	noOffloads(t, near, "near0")
	noOffloads(t, far, "far0")
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ourPrefix}, Routes: []host.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: gvisorPrefix.Addr()}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	n := stdnet.New(s)
	return far, func(ctx context.Context) (net.Conn, error) { return n.DialContext(ctx, "tcp4", farAt.String()) }
}
