package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/apps/gateway"
	"github.com/sockeye-net/sockeye/apps/journey"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// Two processes: this one, in the system's network, runs the stack; the other,
// inside, makes the TUN, hands it over, waits and becomes the program (inside_linux.go).

// insideDevice is the name of the TUN inside.
const insideDevice = "sockeye0"

func (p *program) runRun(cmd *cobra.Command, f *runFlags, args []string) error {
	l, ps, err := f.checked()
	if err != nil {
		return usage(cmd, err)
	}
	listeners, err := listenAll(ps)
	if err != nil {
		return fail(runFailed, err)
	}
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	// The kernel ends the child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child, ends, err := startInside(l.inside(f.mtu), args)
	if err != nil {
		return fail(runFailed, plain(err))
	}
	defer ends.Close()
	dev, err := receive(ends)
	if err != nil {
		_ = child.Process.Kill()
		_ = child.Wait()
		return fail(runFailed, plain(err))
	}
	return p.serveInside(f, l, ps, listeners, child, ends, dev)
}

// listenAll opens the published ports: a net.Listener or a *net.UDPConn for each.
func listenAll(ps []published) (ls []io.Closer, err error) {
	for _, one := range ps {
		var l io.Closer
		if one.network == "udp" {
			l, err = net.ListenPacket("udp", one.listen)
		} else {
			l, err = net.Listen("tcp", one.listen)
		}
		if err != nil {
			for _, l := range ls {
				_ = l.Close()
			}
			return nil, fmt.Errorf("cannot publish %s: %w", one.listen, cause(err))
		}
		ls = append(ls, l)
	}
	return ls, nil
}

// inside is what the program will see.
func (l *layout) inside(mtu int) setup.Inside {
	var text strings.Builder
	for _, a := range l.servers {
		fmt.Fprintf(&text, "nameserver %s\n", a)
	}
	_, rest := setup.ResolvConf()
	text.WriteString(rest)
	return setup.Inside{Device: insideDevice, Addr: netip.PrefixFrom(l.guest, l.net.Bits()), Gateway: l.gateway, MTU: mtu, Resolv: text.String()}
}

// startInside starts ourselves inside, to become the program of args.
func startInside(in setup.Inside, args []string) (child *exec.Cmd, ends *net.UnixConn, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, err
	}
	ends = c.(*net.UnixConn)
	child = exec.Command("/proc/self/exe", append([]string{insideCommand, "--"}, args...)...)
	child.Args[0] = os.Args[0]
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{theirs}
	err = setup.StartInside(child)
	if err == nil {
		err = json.NewEncoder(ends).Encode(in)
		if err != nil {
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	}
	if err != nil {
		_ = ends.Close()
		return nil, nil, err
	}
	return child, ends, nil
}

// receive takes the TUN from the other process, or the error that it met.
func receive(ends *net.UnixConn) (*tun.Device, error) {
	text, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(2*4))
	n, k, _, _, err := ends.ReadMsgUnix(text, oob)
	if err != nil || n == 0 {
		return nil, errors.New("the process inside ended before it had a network")
	}
	files, err := received(oob[:k])
	if err != nil || len(files) != 2 {
		for _, f := range files {
			_ = f.Close()
		}
		return nil, errors.New(strings.TrimSpace(string(text[:n])))
	}
	return tun.FromFileWith(files[0], tun.FileConfig{Control: files[1]})
}

func received(oob []byte) (files []*os.File, err error) {
	ms, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range ms {
		fds, err := unix.ParseUnixRights(&ms[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, nil
}

// serveInside runs the stack for as long as the program runs.
func (p *program) serveInside(f *runFlags, l *layout, ps []published, ls []io.Closer, child *exec.Cmd, ends *net.UnixConn, dev *tun.Device) (err error) {
	if f.verbose {
		fmt.Fprint(p.err, granted(dev))
	}
	s := &session{us: netip.PrefixFrom(l.gateway, l.net.Bits()), gateway: l.guest, device: insideDevice}
	err = s.start(dev.Links(), f.pcap, false, journey.Options{})
	var g *gateway.Gateway
	if err == nil {
		defer func() {
			if cerr := s.close(grace); err == nil && cerr != nil && !errors.Is(cerr, stack.ErrClosed) {
				err = fail(runFailed, cerr)
			}
		}()
		g, err = gateway.Start(stdnet.New(s.stack), gateway.Config{Out: l.out(f.loopback)})
	}
	var signals chan os.Signal
	if err == nil {
		defer g.Close()
		for i, open := range ls {
			to := netip.AddrPortFrom(l.guest, ps[i].inside)
			switch open := open.(type) {
			case net.Listener:
				g.Publish(open, stdnet.New(s.stack), to)
			case *net.UDPConn:
				g.PublishDatagrams(open, stdnet.New(s.stack), to)
			}
		}
		signals = setup.Signals()
		_, err = ends.Write([]byte("go"))
	}
	if err != nil {
		_ = child.Process.Kill()
		_ = child.Wait()
		return fail(runFailed, plain(err))
	}
	told := false
	err = setup.Wait(child, signals, func(os.Signal) { told = true })
	if !told {
		// What it wrote before it ended is on its way.
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		g.Drain(ctx, calm)
		cancel()
	}
	return outcome(err)
}

// What a program has written before it ends goes out for so long, and for no longer
// than nothing moves for calm.
const (
	lastWords = 5 * time.Minute
	calm      = 2 * time.Second
)

// outcome is the exit that a program's end stands for: its own code, or 128 and the
// number of the signal that ended it.
func outcome(err error) error {
	var e *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fail(runFailed, err)
	}
	if ws, ok := e.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return fail(128+int(ws.Signal()), nil)
	}
	return fail(e.ExitCode(), nil)
}
