package setup

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestNamespaceIsLeftAsItWasEntered(t *testing.T) {
	ns := newNS(t)
	before, err := currentNetNS()
	require.NoError(t, err)
	boom := errors.New("boom")
	var inside uint64
	require.ErrorIs(t, ns.Do(func() (err error) {
		inside, err = currentNetNS()
		require.NoError(t, err)
		return boom
	}), boom)
	require.NotEqual(t, before, inside)
	after, err := currentNetNS()
	require.NoError(t, err)
	require.Equal(t, before, after)

	// The main thread is what /proc/self speaks of; no namespace may stick to it.
	var st unix.Stat_t
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n, err := NewNetNS()
			if err == nil {
				err = n.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, unix.Stat("/proc/self/ns/net", &st))
	require.Equal(t, before, st.Ino)

	require.NoError(t, ns.Close())
	require.NoError(t, ns.Close(), "twice")
	require.ErrorIs(t, ns.Do(func() error { return nil }), os.ErrClosed)
}

func TestNamespaceHoldsNoDescriptor(t *testing.T) {
	newNS(t) // skips without privilege
	count := func() int {
		es, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(es)
	}
	before := count()
	for range 3 {
		n, err := NewNetNS()
		require.NoError(t, err)
		require.NoError(t, n.Do(func() error { return nil }))
		require.NoError(t, n.Close())
	}
	require.Equal(t, before, count())
}

func TestVethJoinsNamespaces(t *testing.T) {
	a, b := newNS(t), newNS(t)
	require.NoError(t, AddVeth(a, "va", b, "vb"))
	require.NoError(t, a.Do(func() error {
		return errors.Join(
			AddAddr("va", netip.MustParsePrefix("192.0.2.1/24")),
			AddRoute("va", netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.2")),
			SetTxQueueLen("va", 77), SetMTU("va", 1300),
		)
	}))
	var l net.Listener
	require.NoError(t, b.Do(func() (err error) {
		if err := errors.Join(
			AddAddr("vb", netip.MustParsePrefix("192.0.2.2/24")), AddAddr("vb", netip.MustParsePrefix("198.51.100.2/32")),
		); err != nil {
			return err
		}
		l, err = net.Listen("tcp4", "198.51.100.2:80")
		return err
	}))
	defer l.Close()
	require.NoError(t, a.Do(func() error {
		c, err := net.DialTimeout("tcp4", "198.51.100.2:80", 10*time.Second)
		if err != nil {
			return err
		}
		info, err := Lookup(t.TempDir(), "va")
		require.NoError(t, err)
		require.Equal(t, 1300, info.MTU)
		require.False(t, info.TUN)
		return c.Close()
	}))
	require.NoError(t, a.Do(func() error {
		require.ErrorIs(t, SetUp("none0"), ErrNoInterface)
		_, err := Lookup(t.TempDir(), "none0")
		require.ErrorIs(t, err, ErrNoInterface)
		require.NoError(t, SetDown("va"))
		return Delete("va")
	}))
}

func TestChildStartsInside(t *testing.T) {
	ns := newNS(t)
	require.NoError(t, ns.Do(func() error { return AddTUN("mark0", -1, -1) }))
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), child+"=report", marker+"=1")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, ns.Start(cmd))
	require.NoError(t, cmd.Wait())
	require.Contains(t, out.String(), "interface mark0\n")
}

// player is this program as one that enters a namespace of its own.
func player(part string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "an", "argument")
	cmd.Env = append(os.Environ(), child+"="+part)
	return cmd
}

// run plays a part to its end and returns what it said and its exit code.
func run(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() == refusedCode {
		t.Skipf("no namespace to be had here: %s", errs.String())
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestEnterUserNet(t *testing.T) {
	t.Run("as we are", func(t *testing.T) {
		out, code := run(t, player("report"))
		require.Zero(t, code, out)
		require.Contains(t, out, "uid 0 args [an argument]\n")
		require.Contains(t, out, "interface lo\n")
		require.NotContains(t, out, "eth0")
		if system.device() == nil {
			require.Contains(t, out, "tun: <nil>\n")
		}
	})
	t.Run("as an ordinary user: root in a user namespace", func(t *testing.T) {
		if os.Geteuid() != 0 || inUserNS() {
			t.Skip("no privilege to become another user")
		}
		cmd := player("report")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, code := run(t, cmd)
		require.Zero(t, code, out)
		require.Contains(t, out, "uid 0 args [an argument]\n")
		require.NotContains(t, out, "eth0")
	})
	t.Run("the exit code is the program's", func(t *testing.T) {
		_, code := run(t, player("exit 7"))
		require.Equal(t, 7, code)
	})
	t.Run("a signal's number and 128", func(t *testing.T) {
		_, code := run(t, player("die"))
		require.Equal(t, 128+9, code)
	})
	t.Run("a signal is passed on", func(t *testing.T) {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		cmd := player("signal")
		cmd.Stdout = w
		require.NoError(t, cmd.Start())
		require.NoError(t, w.Close())
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil {
			_ = cmd.Wait()
			require.Equal(t, refusedCode, cmd.ProcessState.ExitCode())
			t.Skip("no namespace to be had here")
		}
		require.Equal(t, "ready\n", line)
		require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
		_ = cmd.Wait()
		require.Equal(t, 5, cmd.ProcessState.ExitCode())
	})
}

func TestWhyNamespacesAreRefused(t *testing.T) {
	for _, row := range []struct {
		rule   string
		set    string // "name=value" of sysctls
		err    error
		userns bool
		want   error
	}{
		{"none allowed", "user/max_user_namespaces=0", unix.ENOSPC, true, ErrUserNSMax},
		{"used up", "user/max_user_namespaces=100", unix.ENOSPC, true, ErrUserNSMax},
		{"nested too deep", "", unix.EUSERS, true, ErrUserNSMax},
		{"Debian's switch", "kernel/unprivileged_userns_clone=0", unix.EPERM, true, ErrUserNSOff},
		{"the switch is on", "kernel/unprivileged_userns_clone=1", unix.EPERM, true, ErrNoUserNS},
		{"AppArmor", "kernel/apparmor_restrict_unprivileged_userns=1", unix.EPERM, true, ErrAppArmor},
		{"AppArmor, at the map of users", "kernel/apparmor_restrict_unprivileged_userns=1", unix.EACCES, true, ErrAppArmor},
		{"a seccomp filter", "", unix.EPERM, true, ErrNoUserNS},
		{"a kernel without them", "", unix.EINVAL, true, ErrNoUserNS},
		{"no network namespaces", "user/max_net_namespaces=0", unix.ENOSPC, true, ErrNetNSMax},
		{"root without CAP_SYS_ADMIN", "", unix.EPERM, false, ErrNoCaps},
		{"which is a kind of", "", unix.EPERM, false, ErrPermission},
		{"root, too many", "", unix.ENOSPC, false, ErrNetNSMax},
		{"anything else stays what it is", "user/max_user_namespaces=0", unix.ENOMEM, true, unix.ENOMEM},
	} {
		t.Run(row.rule, func(t *testing.T) {
			s := sources{sys: t.TempDir()}
			if name, value, ok := strings.Cut(row.set, "="); ok {
				path := filepath.Join(s.sys, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(value+"\n"), 0o600))
			}
			got := s.refused(os.NewSyscallError("fork/exec", row.err), row.userns)
			require.ErrorIs(t, got, row.want)
		})
	}
	require.ErrorIs(t, sources{clone: filepath.Join(t.TempDir(), "tun")}.device(), ErrNoTUN)
	require.NoError(t, sources{clone: os.DevNull}.device())
}
