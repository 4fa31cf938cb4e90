//go:build !linux

package gateway

import (
	"net/netip"
	"syscall"
)

// Elsewhere the system does not say what a datagram's error is about.
func askErrors(socket)                                       {}
func readErrors(socket, func(netip.AddrPort, syscall.Errno)) {}
