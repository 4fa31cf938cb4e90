//go:build !linux

package socket_test

import (
	"testing"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// newEpoller: only ours are here.
func newEpoller(_ *testing.T, c calls) epoller { return c.(*socket.API).NewEpoll() }
