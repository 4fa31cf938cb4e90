// Package congestion decides how much a TCP connection may have in flight and
// how fast it may send it. It knows nothing of segments, sequence numbers or
// timers: loss detection, the scoreboard and recovery are stack/tcp's.
//
// To add a controller:
//  1. write its type in a file of its own, with the methods of Controller;
//     let Reset bring back the state that New gives;
//  2. add its name and constructor to the switch in New;
//  3. add its rows to the value tables of its test, and run the common test
//     that holds every controller to the rules below.
//
// Place in the walk: stack/tcp tells a controller what each ACK brought, what
// was lost and what left, and asks it for Window before it sends.
//
// Invariants: Window is at least one MSS; it does not grow while the
// connection does not use it, nor in fast recovery; Ssthresh is at least two
// MSS once it was set; no method allocates.
package congestion
