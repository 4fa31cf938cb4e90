//go:build !linux

package main

import (
	"net"

	"github.com/sockeye-net/sockeye/tun/setup"
)

func (kernelSide) listenSmall(string, int) (net.Listener, error) { return nil, setup.ErrNotSupported }
