package host

// A socketList is a doubly linked list of sockets through the sockets themselves,
// so that nothing is allocated and each leaves from anywhere at the same cost.
// The zero list is one of linkReady.
type socketList struct {
	kind       linkKind
	head, tail *socket
	n          int
}

// A linkKind says which of a socket's links a list goes through. A socket is in
// one list of each kind at most.
type linkKind uint8

const (
	linkReady linkKind = iota // a ready queue
	linkAge                   // orphans, stalled, or a listener's accept queue
	numLinks
)

// links are the neighbours of a socket in a list.
type links struct{ prev, next *socket }

// push puts s, which is in no list of this kind, at the end.
// Not inlined: its callers are many.
//
//go:noinline
func (l *socketList) push(s *socket) {
	s.in[l.kind] = links{prev: l.tail}
	if l.tail == nil {
		l.head = s
	} else {
		l.tail.in[l.kind].next = s
	}
	l.tail = s
	l.n++
}

// pop takes the first out, or returns nil.
func (l *socketList) pop() *socket {
	s := l.head
	if s != nil {
		l.remove(s)
	}
	return s
}

// remove takes s, which is in l, out.
// Not inlined: its callers are many.
//
//go:noinline
func (l *socketList) remove(s *socket) {
	at := &s.in[l.kind]
	if at.prev == nil {
		l.head = at.next
	} else {
		at.prev.in[l.kind].next = at.next
	}
	if at.next == nil {
		l.tail = at.prev
	} else {
		at.next.in[l.kind].prev = at.prev
	}
	*at = links{}
	l.n--
}
