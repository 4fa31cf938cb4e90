package setup

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKernelAddr(t *testing.T) {
	for _, row := range []struct {
		rule, ours, kernel string
		err                error
	}{
		{"the first host address", "192.0.2.2/24", "192.0.2.1", nil},
		{"the second when we have the first", "192.0.2.1/24", "192.0.2.2", nil},
		{"counted from the network, not from us", "10.1.2.200/8", "10.0.0.1", nil},
		{"the longest prefix with room for two", "192.0.2.6/30", "192.0.2.5", nil},
		{"the same, we have the first", "192.0.2.5/30", "192.0.2.6", nil},
		{"/31 has no address of the network (RFC 3021)", "192.0.2.2/31", "", ErrPrefix},
		{"a single host", "192.0.2.2/32", "", ErrPrefix},
		{"no prefix", "192.0.2.2/0", "", ErrPrefix},
		{"IPv6", "2001:db8::2/64", "", ErrPrefix},
		{"loopback (RFC 1122 3.2.1.3(g))", "127.0.0.2/24", "", ErrNotUsable},
		{"multicast (RFC 1112 4)", "224.0.0.2/24", "", ErrNotUsable},
		{"reserved (RFC 1112 4)", "240.0.0.2/24", "", ErrNotUsable},
		{"this network (RFC 1122 3.2.1.3(a))", "0.1.2.3/24", "", ErrNotUsable},
		{"the kernel's side would be in this network", "64.0.0.1/1", "", ErrNotUsable},
		{"the last of class C", "223.255.255.254/30", "223.255.255.253", nil},
		{"the network's address", "192.0.2.0/24", "", ErrNotHost},
		{"the broadcast address", "192.0.2.255/24", "", ErrNotHost},
		{"the broadcast address of a /30", "192.0.2.7/30", "", ErrNotHost},
	} {
		t.Run(row.rule, func(t *testing.T) {
			got, err := KernelAddr(netip.MustParsePrefix(row.ours))
			require.ErrorIs(t, err, row.err)
			if row.err == nil {
				require.Equal(t, netip.MustParseAddr(row.kernel), got)
			}
		})
	}
	_, err := KernelAddr(netip.Prefix{})
	require.ErrorIs(t, err, ErrPrefix)
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"a", "sockeye0", strings.Repeat("n", 15), "a.b", "a-b"} {
		require.NoError(t, checkName(good), good)
	}
	for _, bad := range []string{"", strings.Repeat("n", 16), "a/b", "..", ".", "a b", "a:b", "a%d", "a\nb", "a\x00"} {
		require.ErrorIs(t, checkName(bad), ErrName, "%q", bad)
	}
}

func TestNameServers(t *testing.T) {
	const stub, upstream = "nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.53\nnameserver 198.51.100.53\n"
	for _, row := range []struct {
		rule, resolv, up1, up2 string
		want                   string
		err                    error
	}{
		{"as they stand", upstream, "", "", "192.0.2.53 198.51.100.53", nil},
		{"a stub by its upstreams", stub, upstream, "", "192.0.2.53 198.51.100.53", nil},
		{"the next kind of stub", stub, "", upstream, "192.0.2.53 198.51.100.53", nil},
		{"upstreams that are stubs themselves do not count", stub, stub, upstream, "192.0.2.53 198.51.100.53", nil},
		{"each once", stub + "nameserver 198.51.100.53\n", upstream, "", "192.0.2.53 198.51.100.53", nil},
		{"IPv6 is not ours yet", "nameserver 2001:db8::53\n" + upstream, "", "", "192.0.2.53 198.51.100.53", nil},
		{"comments, other words and rubbish", "# x\n;nameserver 1.1.1.1\n\nsearch a b\nnameserver\nnameserver x\n nameserver\t192.0.2.1 # y", "", "", "192.0.2.1", nil},
		{"a stub without upstreams", stub, "", "", "", ErrNoNameServer},
		{"nothing", "", "", "", "", ErrNoNameServer},
	} {
		t.Run(row.rule, func(t *testing.T) {
			dir := t.TempDir()
			path := func(name, text string) string {
				p := filepath.Join(dir, name)
				if text != "" || name == "resolv.conf" {
					require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
				}
				return p
			}
			got, err := nameServers(path("resolv.conf", row.resolv), path("up1", row.up1), path("up2", row.up2))
			require.ErrorIs(t, err, row.err)
			var words []string
			for _, a := range got {
				words = append(words, a.String())
			}
			require.Equal(t, row.want, strings.Join(words, " "))
		})
	}
	_, err := nameServers(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestStateOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when", "needed")
	none, err := States(dir)
	require.NoError(t, err)
	require.Empty(t, none)

	st := &State{
		Name: "s0", UID: 7, Addr: netip.MustParsePrefix("192.0.2.2/24"), Kernel: netip.MustParsePrefix("192.0.2.1/24"),
		NetNS: 1<<40 + 1, Forward: "0", Warnings: []string{"w"},
	}
	require.NoError(t, st.create(dir))
	require.ErrorIs(t, st.create(dir), ErrAlreadyUp, "never over another one")
	st.Device, st.Index = true, 3
	require.NoError(t, st.save(dir))
	got, err := Load(dir, "s0")
	require.NoError(t, err)
	require.Equal(t, st, got)
	require.NoError(t, (&State{Name: "a0"}).create(dir))
	all, err := States(dir)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "a0", all[0].Name)

	require.NoError(t, st.remove(dir))
	_, err = Load(dir, "s0")
	require.ErrorIs(t, err, ErrNotUp)
	_, err = Load(dir, "../s0")
	require.ErrorIs(t, err, ErrName, "a name is not a path")

	require.NoError(t, os.WriteFile(statePath(dir, "bad0"), []byte("{"), 0o600))
	_, err = Load(dir, "bad0")
	require.ErrorContains(t, err, "damaged")
	_, err = States(dir)
	require.ErrorContains(t, err, "damaged")
}
