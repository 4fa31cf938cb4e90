//go:build !linux

package socket_test

import "github.com/sockeye-net/sockeye/stack/socket"

// newEpoller: only ours are here.
func newEpoller(c calls) epoller { return c.(*socket.API).NewEpoll() }
