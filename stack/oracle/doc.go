// Package oracle does the same work with gVisor's netstack, side by side with
// ours: as the peer of a connection, as the judge of every packet, and as the
// other contestant of the benchmarks. All of it is in test files, so that
// gVisor is a dependency of the tests only.
//
// gVisor is asynchronous: what it will say comes some time later. The tests
// wait with patience, for the thing itself or for a generous limit, never for
// a fixed time.
//
// Known faults of the oracle, so that nobody hunts them here: no PAWS,
// TIME-WAIT resets, no ECN, some RACK cases.
package oracle
