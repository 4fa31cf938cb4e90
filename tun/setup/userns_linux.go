package setup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// InNamespace reports whether this process was started by EnterUserNet or
// RunInNamespace, and so has a network namespace of its own. Loopback there is
// down: see SetUp.
func InNamespace() bool { return os.Getenv(marker) != "" }

// EnterUserNet runs this program again, with the same arguments and the same
// standard files, in a network namespace of its own, and in a user namespace
// too unless we are root. It returns the exit code when the program has ended:
// 128 and the signal's number if a signal ended it. An error says why it could
// not be started, and what mends it.
//
// Where AppArmor restricts user namespaces the program does start, but may do
// nothing there: when it is refused a TUN, it asks WhyNot.
func EnterUserNet() (code int, err error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = RunInNamespace(cmd, os.Geteuid() != 0)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// RunInNamespace runs cmd to its end in a network namespace of its own; with
// userns also in a user namespace, as its root. SIGINT, SIGTERM, SIGHUP and
// SIGQUIT are passed on to it, and it gets SIGTERM if we die. The error is that
// of cmd.Wait, or says why the namespace could not be had.
func RunInNamespace(cmd *exec.Cmd, userns bool) error {
	prepare(cmd, userns)
	// The kernel sends Pdeathsig when the thread that started cmd ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := Signals()
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return fmt.Errorf("setup: cannot make a namespace: %w", system.refused(err, userns))
	}
	return Wait(cmd, signals, nil)
}

func prepare(cmd *exec.Cmd, userns bool) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, marker+"=1")
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	a := cmd.SysProcAttr
	a.Pdeathsig = unix.SIGTERM
	a.Cloneflags |= unix.CLONE_NEWNET
	if userns {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
}

// fromTerminal reports whether a terminal sends s to its whole foreground
// group, cmd included: passed on, it would come twice.
func fromTerminal(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
