// Package oracle does the same work with gVisor's netstack, side by side with
// ours: as the peer of a connection, as the judge of every packet, as another
// stack under the same scripts, segments and calls, and as the other contestant
// of the benchmarks. All of it is in test files, so that gVisor is a dependency
// of the tests only.
//
//	scripts_test.go     every script of testdata/scripts on gVisor, against testdata/oracle/scripts.txt
//	cells_test.go       every single segment in every state; the differences: waivers_test.go
//	sequences_test.go   random sequences of segments, calls and time (walk_test.go makes them,
//	                    moves_test.go plays them); what they do without: walk_waivers_test.go
//	transfer_test.go    bulk both ways between the two, every packet judged (judge_test.go)
//
// The first three see gVisor as a host.Host (netstack_test.go): its clock is virtual,
// and each step ends by asking gVisor's one goroutine for TCP to pause, which it
// does when it has nothing left to do. So nothing is waited for and nothing depends
// on chance. The transfers run in real time and wait with patience, for the thing
// itself or for a generous limit, never for a fixed time.
//
// When a test here fails, ours and gVisor differ where they did not, or agree where
// a list says that they differ. Look up the RFC. Where ours is wrong, write a script
// and mend it; where gVisor is, add a waiver, or to the list the reason.
//
//	go test ./stack/oracle -run TestScriptsOnGvisor -update    rewrites the list but for the reasons
//	SOCKEYE_LONG=1 go test ./stack/oracle                      all cells (with their counts), 100,000 sequences
//	SOCKEYE_SEED=n go test ./stack/oracle -run TestSequences   one sequence again, move by move
//
// Known faults of the oracle, so that nobody hunts them here: no PAWS, no ECN, no
// delayed ACKs, no sender's silly-window avoidance, D-SACKs or F-RTO, probes with a
// byte that was acknowledged, ICMP errors believed at any sequence number, ACKs of
// what was never sent believed, RACK that takes what was sent at the same time for
// lost.
package oracle
