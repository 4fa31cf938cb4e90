package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTTY tells a terminal from other devices, such as /dev/null.
func isTTY(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = raw.Control(func(fd uintptr) {
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		is = err == nil
	})
	return err == nil && is
}
