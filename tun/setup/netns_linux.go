package setup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A NetNS is a network namespace. It lives as long as it is open, a process
// runs in it, or a device in it is open.
type NetNS struct {
	mu sync.RWMutex
	h  netns.NsHandle // netns.None(): closed
}

// NewNetNS makes an empty network namespace with loopback up. It needs
// CAP_SYS_ADMIN.
func NewNetNS() (*NetNS, error) {
	n := &NetNS{h: netns.None()}
	err := onThrowawayThread(func() (err error) {
		n.h, err = netns.New()
		return err
	})
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("setup: cannot make a network namespace: %w", denied())
	}
	if err != nil {
		return nil, fmt.Errorf("setup: cannot make a network namespace: %w", err)
	}
	if err := n.Do(func() error { return SetUp("lo") }); err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// onThrowawayThread runs f on a thread that ends after it. Never on the main
// thread: that one cannot end, and is what /proc/self speaks of.
func onThrowawayThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			err := onThrowawayThread(f) // while this one is held here
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// Do runs f inside the namespace, on the calling goroutine, which is locked to
// its thread meanwhile. Sockets and devices opened in f, and programs started
// in f, stay in the namespace; goroutines started in f do not enter it.
func (n *NetNS) Do(f func() error) (err error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if !n.h.IsOpen() {
		return fmt.Errorf("setup: %w: the network namespace", os.ErrClosed)
	}
	runtime.LockOSThread()
	old, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("setup: cannot remember the network namespace: %w", err)
	}
	defer func() {
		back := netns.Set(old)
		_ = old.Close()
		if back != nil {
			err = errors.Join(err, fmt.Errorf("setup: cannot leave the network namespace: %w", back))
			return // the thread stays locked, so that nobody else gets it
		}
		runtime.UnlockOSThread()
	}()
	if err := netns.Set(n.h); err != nil {
		return fmt.Errorf("setup: cannot enter the network namespace: %w", err)
	}
	return f()
}

// Start starts cmd inside the namespace.
func (n *NetNS) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Close lets go of the namespace. It is safe to call twice.
func (n *NetNS) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.h.IsOpen() {
		return nil
	}
	return n.h.Close()
}

// currentNetNS returns the inode that names the calling thread's namespace.
func currentNetNS() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("setup: cannot name the network namespace: %w", err)
	}
	return st.Ino, nil
}
