package dns

import "time"

// A what is the sort of an entry.
type what uint8

const (
	present    what = iota // records
	noData                 // the name exists without this type
	noName                 // the name does not exist; of type 0
	failed                 // asking led to nothing (RFC 9520)
	delegation             // the servers of a zone, as its parent names them; of type 0
	peer                   // how a server behaved; of type 0
)

// An entry is one thing known until a time. Only the LRU's own fields change after it was put.
type entry struct {
	key     key
	what    what
	expires time.Time
	rrs     set // present: the records; noData, noName: the SOA; delegation: the NS records

	glue   set    // delegation: addresses
	mark   string // present: the name as its owner spells it
	kind   Kind   // failed: how
	count  int    // failed: how often in a row
	info   manner // peer
	source Source // who told us

	size       int
	prev, next *entry
}

// A key is what an entry is found by.
type key struct {
	name string // small letters
	t    Type
	what what // present for all that answer a question, so that they replace each other; else the sort itself
}

// entrySize is what an entry takes beside its names and data: itself, its place in the map.
const entrySize = 384

// An lru keeps entries up to a number of bytes; those used least recently go first.
// The zero value keeps nothing until most is set. It does not lock.
type lru struct {
	most, bytes int
	entries     map[key]*entry
	ring        entry // next: used last; prev: used least recently
}

// get finds an entry, expired or not.
func (l *lru) get(k key) *entry {
	e := l.entries[k]
	if e != nil && l.ring.next != e {
		e.unlink()
		l.link(e)
	}
	return e
}

// put adds an entry, in place of the one with its key.
func (l *lru) put(e *entry) {
	if l.entries == nil {
		l.entries = map[key]*entry{}
		l.ring.next, l.ring.prev = &l.ring, &l.ring
	}
	if old := l.entries[e.key]; old != nil {
		l.remove(old)
	}
	e.size = entrySize + len(e.key.name) + len(e.mark) + e.rrs.size() + e.glue.size()
	if e.size > l.most {
		return
	}
	l.entries[e.key] = e
	l.link(e)
	l.bytes += e.size
	for l.bytes > l.most {
		l.remove(l.ring.prev)
	}
}

func (l *lru) remove(e *entry) {
	delete(l.entries, e.key)
	e.unlink()
	l.bytes -= e.size
}

func (l *lru) link(e *entry) {
	e.prev, e.next = &l.ring, l.ring.next
	e.prev.next, e.next.prev = e, e
}

func (e *entry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
