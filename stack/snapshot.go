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
	var st Stats
	for _, sh := range s.shards {
		sh.enter()
		used, limit := sh.host.Memory()
		st.Add(sh.host.Counters())
		st.Memory += used
		st.MemoryLimit += limit
		st.Link = sh.feat
		sh.leave()
	}
	return st
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
	var all []SocketStat
	for _, d := range s.describe() {
		all = append(all, SocketStat{Description: d})
	}
	for _, sh := range s.shards {
		sh.inform(all)
	}
	return all
}

// inform adds the Info of the sockets that live on sh.
func (sh *shard) inform(all []SocketStat) {
	now := sh.enter()
	defer sh.leave()
	for i := range all {
		s := &all[i]
		if s.Kind != host.Stream || s.Info != nil || sh.lookup(s.Socket) == nil {
			continue
		}
		if info, err := sh.host.Info(now, s.Socket); err == nil {
			s.Info = &info
		}
	}
}

// Routes returns the routes beyond the prefixes' own networks.
func (s *Stack) Routes() []host.Route {
	s.sh.enter()
	defer s.sh.leave()
	return slices.Clone(s.sh.host.Routes())
}
