package stack

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Stats is a snapshot of a stack.
type Stats struct {
	host.Counters               // named as in SNMP
	Memory        int           // bytes that are in use, of the budget
	MemoryLimit   int           // bytes: the budget
	Link          link.Features // what the link carries now
}

// Stats returns a snapshot.
func (s *Stack) Stats() Stats {
	sh := s.sh
	sh.enter()
	defer sh.leave()
	used, limit := sh.host.Memory()
	return Stats{Counters: *sh.host.Counters(), Memory: used, MemoryLimit: limit, Link: sh.feat}
}

// A SocketStat is a socket in a snapshot: what ss(8) shows of it. It prints like a
// line of ss -tin, see WriteSockets.
type SocketStat struct {
	host.Description
	Info *tcp.Info // of a stream that somebody owns; nil: there is none
}

// SocketStats describes every socket with its connection's Info, the stack's own,
// those without an owner and those in TIME-WAIT too.
func (s *Stack) SocketStats() []SocketStat {
	sh := s.sh
	now := sh.enter()
	defer sh.leave()
	ds := sh.host.Sockets(nil)
	all := make([]SocketStat, 0, len(ds))
	for _, d := range ds {
		one := SocketStat{Description: d}
		if d.Kind == host.Stream && d.Socket != 0 {
			if i, err := sh.host.Info(now, d.Socket); err == nil {
				one.Info = &i
			}
		}
		all = append(all, one)
	}
	return all
}

// Routes returns the routes beyond the prefixes' own networks.
func (s *Stack) Routes() []host.Route {
	s.sh.enter()
	defer s.sh.leave()
	return slices.Clone(s.sh.host.Routes())
}
