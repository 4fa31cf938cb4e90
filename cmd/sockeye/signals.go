package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
)

// grace is how long connections may take to close in good order once we are
// told to end. Then they are reset.
const grace = 250 * time.Millisecond

// An interruption is SIGINT or SIGTERM, if one came.
type interruption struct {
	context.Context
	sig atomic.Value // os.Signal
}

// watch returns an interruption that is done when the program is told to end,
// and a function that stops the watching. A second signal kills, as usual.
func watch() (*interruption, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	i := &interruption{Context: ctx}
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-c:
			i.sig.Store(s)
			signal.Stop(c)
			cancel()
		case <-ctx.Done():
		}
	}()
	return i, func() {
		signal.Stop(c)
		cancel()
	}
}

// came reports whether a signal came.
func (i *interruption) came() bool { return i.sig.Load() != nil }

// err is the error that ends a program that was told to end.
func (i *interruption) err() error {
	if s, ok := i.sig.Load().(syscall.Signal); ok {
		return fail(128+int(s), nil)
	}
	return nil
}

// shut closes a stack in good order, and by force where that takes too long:
// the peers see FIN or RST, never silence.
func shut(st *stack.Stack, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_ = st.Shutdown(ctx)
}
