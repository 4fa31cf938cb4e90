package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartInside starts cmd in a network and a mount namespace of its own, and in a
// user namespace too unless we are root; there it keeps its user, and has the
// capabilities that MakeInside needs. It dies when we do. The caller stays on one
// thread (runtime.LockOSThread) until it has ended.
func StartInside(cmd *exec.Cmd) error {
	userns := os.Geteuid() != 0
	a := &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if userns {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN}
	}
	cmd.SysProcAttr = a
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("setup: cannot make a namespace: %w", system.refused(err, userns))
	}
	return nil
}

// Signals catches SIGINT, SIGTERM, SIGHUP and SIGQUIT for Wait. It comes before the
// child begins its work, or a signal in between would end us and not the child's way.
func Signals() chan os.Signal {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	return signals
}

// Wait waits for cmd. What signals has (see Signals) is passed on to it, but for
// what a terminal sends to it as well, and no longer caught when Wait returns. told
// is called with each.
func Wait(cmd *exec.Cmd, signals chan os.Signal, told func(os.Signal)) error {
	defer signal.Stop(signals)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if told != nil {
				told(s)
			}
			if !fromTerminal(s) {
				_ = cmd.Process.Signal(s) // it may have ended
			}
		case err := <-ended:
			return err
		}
	}
}

// MakeInside makes the network of in, in the namespaces that StartInside has put us
// into. The TUN is there already. It returns a socket of the network namespace, for
// tun.FromFileWith in the process that runs the stack.
func MakeInside(in Inside) (control *os.File, err error) {
	if err := in.configure(); err != nil {
		return nil, err
	}
	if in.Resolv != "" {
		if err := cover("/etc/resolv.conf", in.Resolv); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("setup: no socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "control"), nil
}

// configure sets the interfaces up. A gateway on the link makes the default route.
func (in *Inside) configure() error {
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, step := range []func() error{
		func() error { return SetUp("lo") },
		func() error { return SetMTU(in.Device, in.MTU) },
		func() error { return SetTxQueueLen(in.Device, insideQueue) },
		func() error { return NoIPv6(in.Device) },
		func() error { return AddAddr(in.Device, in.Addr) },
		func() error { return SetUp(in.Device) },
		func() error { return AddRoute(in.Device, all, in.Gateway) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	// So that ping needs no privilege; where it cannot be had ping says so itself.
	group := fmt.Appendf(nil, "%d %d", os.Getegid(), os.Getegid())
	_ = os.WriteFile("/proc/sys/net/ipv4/ping_group_range", group, 0)
	return nil
}

// insideQueue is the queue of the TUN, in packets: a window must fit in it.
const insideQueue = 10000

// cover lays a file with this text over another, in this mount namespace only. One
// that is not there cannot be covered, and nobody reads it.
func cover(path, text string) error {
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("setup: cannot keep mounts to ourselves: %w", err)
	}
	path, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	f, err := os.CreateTemp("", "resolv.conf-")
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = unix.Mount(f.Name(), path, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("setup: cannot put our name servers into %s: %w", path, err)
	}
	return nil
}

// LeaveInside gives up what StartInside has given us beyond an ordinary user's, from
// the next exec on; it is called on the thread that execs, and makes that program too
// die with our parent.
func LeaveInside() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("setup: cannot ask to die with our parent: %w", err)
	}
	if os.Geteuid() == 0 {
		return nil // root is root
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("setup: cannot give capabilities up: %w", err)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("setup: cannot give capabilities up: %w", err)
	}
	for i := range data {
		data[i].Inheritable = 0
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("setup: cannot give capabilities up: %w", err)
	}
	return nil
}
