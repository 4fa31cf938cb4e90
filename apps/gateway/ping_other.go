//go:build !linux

package gateway

import "syscall"

// openPing: pings go out on Linux only; elsewhere they are refused.
func openPing() (socket, error) { return nil, syscall.EACCES }
