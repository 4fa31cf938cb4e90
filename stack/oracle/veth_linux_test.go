package oracle

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// overVeth is the kernel as a contestant: two namespaces joined by a veth pair
// whose offloads are off, so that each packet is a packet as on a plain TUN.
func overVeth(t testing.TB) dialer {
	if _, err := exec.LookPath("ethtool"); err != nil {
		t.Skip("needs ethtool: it turns the offloads of a veth pair off")
	}
	near, far := newNS(t), newNS(t)
	require.NoError(t, setup.AddVeth(near, "near0", far, "far0"))
	require.NoError(t, near.Do(func() error { return kernelSide("near0", ourPrefix) }))
	require.NoError(t, far.Do(func() error { return kernelSide("far0", gvisorPrefix) }))
	require.NoError(t, near.Do(func() error { // as ours and gVisor do
		return os.WriteFile("/proc/sys/net/ipv4/tcp_tw_reuse", []byte("1"), 0o644)
	}))
	noOffloads(t, near, "near0")
	noOffloads(t, far, "far0")
	return dialer{far, func(ctx context.Context) (c net.Conn, err error) {
		err = near.Do(func() (err error) {
			d := net.Dialer{Control: useCUBIC}
			c, err = d.DialContext(ctx, "tcp4", kernelAt.String())
			return err
		})
		return c, err
	}}
}

func noOffloads(t testing.TB, ns *setup.NetNS, name string) {
	t.Helper()
	cmd := exec.Command("ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", "tx", "off")
	require.NoError(t, ns.Start(cmd))
	require.NoError(t, cmd.Wait())
}
