//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// failBrokenPipes has a write to a pipe that nobody reads fail (EPIPE) where it would kill, so that connections are
// closed in good order and the code is curl's. Programs that are run from here are killed as ever.
func failBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
