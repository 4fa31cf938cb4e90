package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// WhyNot looks for what keeps this user from a TUN in namespaces of its own:
// the device file, and what the system's settings say of user namespaces. nil
// says that nothing is known against it.
func WhyNot() error {
	if err := system.device(); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if isRoot() {
		return nil
	}
	if err := system.settings(); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return nil
}

// isRoot reports whether we are the system's root, or a container's that has no
// user namespace of its own.
func isRoot() bool { return os.Geteuid() == 0 && !inUserNS() }

// inUserNS reports whether our root is less than the system's.
func inUserNS() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}

// sources are where the reasons are looked up.
type sources struct {
	sys   string // the root of the sysctls
	clone string // the TUN device file
}

var system = sources{sys: "/proc/sys", clone: "/dev/net/tun"}

func (s sources) device() error {
	f, err := os.OpenFile(s.clone, os.O_RDWR, 0)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return ErrNoTUN
	case errors.Is(err, fs.ErrPermission) && isRoot(): // the container's device rules
		return ErrNoCaps
	case errors.Is(err, fs.ErrPermission):
		return ErrTUNNotOurs
	}
	return err
}

// settings names the sysctl that forbids user namespaces, if one does.
func (s sources) settings() error {
	switch {
	case s.is("user/max_user_namespaces", "0"):
		return ErrUserNSMax
	case s.is("kernel/unprivileged_userns_clone", "0"):
		return ErrUserNSOff
	case s.is("kernel/apparmor_restrict_unprivileged_userns", "1"):
		return ErrAppArmor
	}
	return nil
}

func (s sources) is(name, value string) bool {
	b, err := os.ReadFile(filepath.Join(s.sys, name))
	return err == nil && strings.TrimSpace(string(b)) == value
}

// refused says why the kernel would not start a program in namespaces of its own.
func (s sources) refused(err error, userns bool) error {
	known := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC) ||
		errors.Is(err, unix.EUSERS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)
	if !known {
		return err
	}
	if !userns {
		if errors.Is(err, unix.ENOSPC) {
			return ErrNetNSMax
		}
		return ErrNoCaps
	}
	if why := s.settings(); why != nil {
		return why
	}
	switch {
	case errors.Is(err, unix.ENOSPC) && s.is("user/max_net_namespaces", "0"):
		return ErrNetNSMax
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return ErrUserNSMax
	}
	return ErrNoUserNS
}
