//go:build !linux

package stack

import "github.com/sockeye-net/sockeye/stack/clock"

// A fineTimer is for Linux: elsewhere paced flows have the runtime's timers.
type fineTimer struct{ off bool }

func (*shard) setFine(clock.Instant) bool { return false }
func (*shard) stopFine()                  {}
