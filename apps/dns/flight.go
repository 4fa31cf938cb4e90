package dns

import "sync"

// Flights are questions that are being asked, so that nobody else asks the same: who comes later waits for
// the answer that is on its way (RFC 5452 5: several at once are what a birthday attack lives on).
type flights[T any] struct {
	mu     sync.Mutex
	flying map[key]*flight[T]
}

// A flight is one of them.
type flight[T any] struct {
	landed  chan struct{} // closed when brought and err are there
	brought T
	err     error
}

// join takes part in the flight for k. first: the caller has to fly it, and to land it.
func (fs *flights[T]) join(k key) (f *flight[T], first bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.flying[k]; f != nil {
		return f, false
	}
	if fs.flying == nil {
		fs.flying = map[key]*flight[T]{}
	}
	f = &flight[T]{landed: make(chan struct{})}
	fs.flying[k] = f
	return f, true
}

// land ends the flight.
func (fs *flights[T]) land(k key, f *flight[T], brought T, err error) {
	fs.mu.Lock()
	delete(fs.flying, k)
	fs.mu.Unlock()
	f.brought, f.err = brought, err
	close(f.landed)
}
