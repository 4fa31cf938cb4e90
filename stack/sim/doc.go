// Package sim runs several hosts over faulty paths in virtual time, from one
// seed: a world in which an hour takes a moment and nothing happens by chance.
//
// Place in the walk: it takes the place of package stack. A World delivers
// packets to Input, calls Expire when a Deadline comes, sends what Transmit
// gives on its way through a link.Impair, and hands Events to the functions
// that On registered, which are the applications.
//
// Invariants: one goroutine, no clock, no map order: the same seed and the same
// program give the same packets at the same times, and so the same Hash, on
// every machine (one with 32 bits only while no host's memory is scarce: what a
// record costs of the Budget depends on the size of its pointers). Every packet that a host sends is checked (check.go); the
// first breach ends the Run with an error that names the time and the host.
//
// With Config.Audit the hosts' own invariants are held after each step, too.
//
// The tests here are the grid (grid_test.go: thousands of cells of loss, delay,
// buffers and programs that do anything at any time) and the day (day_test.go:
// 86,400 s of mixed load with flat memory). A cell that fails says how to play
// it alone.
//
// To write a simulation: 1. New, AddHost, Connect; 2. open sockets with the
// host's calls, register On for each, or take a Program, which does both; 3. Run;
// 4. compare what the programs have seen.
package sim
