//go:build linux

package dns

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dnsmasq serves a small zone on a free port of loopback, until the test ends.
func dnsmasq(t *testing.T, args ...string) netip.AddrPort {
	bin, err := exec.LookPath("dnsmasq")
	if err != nil {
		bin = "/usr/sbin/dnsmasq"
		if _, err := exec.LookPath(bin); err != nil {
			t.Skip("dnsmasq is not installed: apt-get install dnsmasq-base")
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	addr := addrOf(l.Addr())
	l.Close()
	args = append([]string{
		"--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--user=", "--listen-address=127.0.0.1",
		"--bind-interfaces", "--port=" + strconv.Itoa(int(addr.Port())),
	}, args...)
	cmd := exec.Command(bin, args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp4", addr.String())
		if err != nil {
			return false
		}
		c.Close()
		return true
	}, 20*time.Second, 10*time.Millisecond, "dnsmasq does not listen")
	return addr
}

func TestAgainstDnsmasq(t *testing.T) {
	args := []string{
		"--address=/local.test/192.0.2.7",
		"--host-record=www.example.test,192.0.2.80,2001:db8::80", "--cname=alias.example.test,www.example.test",
		"--mx-host=example.test,mail.example.test,10", "--txt-record=example.test,hello \"there\"",
		"--ptr-record=80.2.0.192.in-addr.arpa,www.example.test", "--local=/test/",
	}
	for i := range 150 {
		args = append(args, fmt.Sprintf("--host-record=many.test,10.9.0.%d", i))
	}
	r := resolver(t)
	r.Servers = []netip.AddrPort{dnsmasq(t, args...)}
	for _, row := range []struct {
		name string
		t    Type
		want string
		kind Kind
	}{
		{"www.example.test", TypeA, "192.0.2.80", 0},
		{"WWW.Example.Test.", TypeAAAA, "2001:db8::80", 0},
		{"alias.example.test", TypeA, "192.0.2.80", 0},
		{"alias.example.test", TypeCNAME, "www.example.test.", 0},
		{"example.test", TypeMX, "10 mail.example.test.", 0},
		{"example.test", TypeTXT, `"hello \"there\""`, 0},
		{"80.2.0.192.in-addr.arpa", TypePTR, "www.example.test.", 0},
		{"local.test", TypeA, "192.0.2.7", 0},
		{"none.example.test", TypeA, "", ErrNXDomain},
		{"www.example.test", TypeMX, "", ErrNoData},
	} {
		t.Run(row.name+" "+TypeString(row.t), func(t *testing.T) {
			got, err := r.Lookup(row.name, row.t, time.Time{})
			if row.kind != 0 {
				require.ErrorIs(t, err, row.kind)
				return
			}
			require.NoError(t, err)
			require.Len(t, got.Records, 1)
			require.Equal(t, row.want, got.Records[0].DataString())
		})
	}
	t.Run("too long for UDP", func(t *testing.T) {
		got, err := r.Lookup("many.test", TypeA, time.Time{})
		require.NoError(t, err)
		require.Len(t, got.Records, 150)
		require.Equal(t, TCP, got.Last().Transport)
	})
}
