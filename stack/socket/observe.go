package socket

// A Call is what Observe is told about one finished call.
type Call struct {
	Name   string   // "socket", "connect", ...
	FD     int      // the descriptor it was made on; -1: socket()
	Addr   SockAddr // address given or got, where the call has one
	Len    int      // length of the buffer, or backlog, how, type of socket, option ...
	Result int      // what it returned: 0, a descriptor, a count, an option's value; -1 with Err
	Err    error    // nil, or the errno
	Socket uint64   // stack.Socket.ID, to find it in trace events; 0: there was none
}

// Observe makes f hear of every finished call, in the goroutine that made it.
// nil: nobody.
func (a *API) Observe(f func(Call)) {
	if f == nil {
		a.observer.Store(nil)
		return
	}
	a.observer.Store(&f)
}

// tell tells the observer of c, a call on d (which may be nil) that returned result and err.
func (a *API) tell(d *descriptor, c Call, result int, err error) {
	f := a.observer.Load()
	if f == nil {
		return
	}
	c.Result, c.Err = result, err
	if err != nil {
		c.Result = -1
	}
	if d != nil && d.sock != nil {
		c.Socket = d.sock.ID()
	}
	(*f)(c)
}
