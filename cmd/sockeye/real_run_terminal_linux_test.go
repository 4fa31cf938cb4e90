package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A terminal is the outer end of one, and what has come out of it.
type terminal struct {
	outer, inner *os.File
	mu           sync.Mutex
	text         strings.Builder
}

func openTerminal(t *testing.T) *terminal {
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: " + err.Error())
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(outer.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetUint32(int(outer.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	inner, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(outer.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}))
	tm := &terminal{outer: outer, inner: inner}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := outer.Read(b)
			if err != nil {
				return
			}
			tm.mu.Lock()
			tm.text.Write(b[:n])
			tm.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _, _ = inner.Close(), outer.Close() })
	return tm
}

func (tm *terminal) says(s string) bool { return strings.Contains(tm.shown(), s) }

// shown is all that was written to the terminal.
func (tm *terminal) shown() string {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	return tm.text.String()
}

// The program has the caller's terminal: it is one, with its size, it can be asked on,
// its job is in the foreground, and Ctrl-C there ends the program and leaves nothing.
func TestRunKeepsTheTerminal(t *testing.T) {
	w := outside(t)
	tm := openTerminal(t)
	cmd := runs("sh", "-c", `test -t 0 && test -t 1 && stty size </dev/tty; read x; echo "you said $x"; echo "I am $$."; exec env --default-signal=INT sleep 1000`)
	cmd.Env = append(cmd.Env, "TMPDIR="+w.dir)
	cmd.Stdin, cmd.Stdout = tm.inner, tm.inner
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := w.start(cmd)
	w.eventually("the program has no terminal", func() bool { return tm.says("33 77") })
	_, err := tm.outer.WriteString("yes\n")
	require.NoError(t, err)
	w.eventually("the program does not read from it", func() bool { return tm.says("you said yes") && tm.says(".\r\n") })
	_, err = tm.outer.WriteString("\x03")
	require.NoError(t, err)
	p.wait(t)
	require.Equal(t, 128+int(syscall.SIGINT), p.code, p.stderr())
	_, rest, _ := strings.Cut(tm.shown(), "I am ")
	pid, _, _ := strings.Cut(rest, ".")
	w.nothingLeft(pid)
}
