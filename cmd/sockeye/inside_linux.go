package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/vnet"
)

// insideFD is the socket to the process that runs the stack.
const insideFD = 3

// inside is the process that becomes the program.
func (p *program) inside() *cobra.Command {
	cmd := &cobra.Command{
		Use:    insideCommand,
		Hidden: true,
		RunE:   func(_ *cobra.Command, args []string) error { return becomeProgram(args, p.err) },
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func becomeProgram(args []string, to io.Writer) error {
	unix.CloseOnExec(insideFD)
	f := os.NewFile(insideFD, "stack")
	c, err := net.FileConn(f)
	_ = f.Close()
	ends, ok := c.(*net.UnixConn)
	if err != nil || !ok || len(args) == 0 {
		return fail(runFailed, errors.New("this is for `sockeye run` alone"))
	}
	if err := handOver(ends); err != nil {
		_, _ = ends.Write([]byte(oneLine(plain(err).Error())))
		return fail(runFailed, nil) // the other process says it
	}
	if n, err := ends.Read(make([]byte, 2)); err != nil || n == 0 {
		return fail(runFailed, nil)
	}
	_ = ends.Close()
	return execute(args, to)
}

// handOver makes the network and gives it to the process that runs the stack.
func handOver(ends *net.UnixConn) error {
	text := make([]byte, 16<<10)
	n, err := ends.Read(text)
	if err != nil {
		return err
	}
	var in setup.Inside
	if err := json.Unmarshal(text[:n], &in); err != nil {
		return err
	}
	fd, err := vnet.Attach(in.Device, true)
	if err != nil {
		if why := setup.WhyNot(); why != nil {
			err = why
		}
		return fmt.Errorf("cannot make a TUN: %w", plain(err))
	}
	defer unix.Close(fd)
	control, err := setup.MakeInside(in)
	if err != nil {
		return err
	}
	defer control.Close()
	_, _, err = ends.WriteMsgUnix([]byte("here"), unix.UnixRights(fd, int(control.Fd())), nil)
	return err
}

// execute becomes the program. It returns only where that cannot be.
func execute(args []string, to io.Writer) error {
	runtime.LockOSThread() // what follows is the thread's, and so what the program begins with
	path, err := exec.LookPath(args[0])
	if err == nil {
		err = setup.LeaveInside()
	}
	if err == nil {
		err = os.NewSyscallError("exec", syscall.Exec(path, args, os.Environ()))
	}
	code := notExecutable
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = notFound
	}
	fmt.Fprintf(to, "sockeye run: cannot run %s: %v\n", args[0], plain(err))
	return fail(code, nil)
}
