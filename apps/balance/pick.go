package balance

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
)

// A Policy says who gets the next connection.
type Policy uint8

// The policies.
const (
	RoundRobin       Policy = iota // each in turn
	LeastConnections               // who has the fewest open ones, in relation to the weights
	Hash                           // the same client the same target, as long as that is alive
	Weighted                       // in turn, as often as the weights say, evenly mixed
)

var policyNames = [...]string{"round-robin", "least-connections", "hash", "weighted"}

// String is the policy's name.
func (p Policy) String() string { return policyNames[p] }

// ParsePolicy reads a policy's name.
func ParsePolicy(name string) (Policy, error) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no policy: there are %s", name, strings.Join(policyNames[:], ", "))
}

// pick chooses among the targets for which may is true, nil where there is none. The lock is held.
func (b *Balancer) pick(client netip.Addr, may func(*target) bool) *target {
	var best *target
	for _, t := range b.targets {
		if may(t) && (best == nil || b.better(t, best, client)) {
			best = t
		}
	}
	if best == nil {
		return nil
	}
	switch b.Policy {
	case RoundRobin:
		b.turn = best.index + 1
	case Weighted:
		b.credit(best, may)
	}
	return best
}

// better says whether t comes before another.
func (b *Balancer) better(t, best *target, client netip.Addr) bool {
	switch b.Policy {
	case LeastConnections:
		return t.open*best.weight() < best.open*t.weight()
	case Hash:
		return t.affinity(client) > best.affinity(client)
	case Weighted:
		return t.credit+t.weight() > best.credit+best.weight()
	}
	return t.since(b.turn, len(b.targets)) < best.since(b.turn, len(b.targets))
}

// since is how many steps a target is from whose turn it is.
func (t *target) since(turn, n int) int { return (t.index - turn + 2*n) % n }

// credit is smooth weighted round robin: all gain their weight, and who was chosen pays for all.
func (b *Balancer) credit(chosen *target, may func(*target) bool) {
	for _, t := range b.targets {
		if may(t) {
			t.credit += t.weight()
			chosen.credit -= t.weight()
		}
	}
}

// affinity is rendezvous hashing: where a target goes, only its clients move.
func (t *target) affinity(client netip.Addr) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.To.String()))
	_, _ = h.Write(client.AsSlice())
	x := h.Sum64() // FNV's upper bits are not well mixed
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}
