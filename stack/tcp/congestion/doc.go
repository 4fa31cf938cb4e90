// Package congestion decides how much a TCP connection may have in flight and
// how fast it may send it. It knows nothing of segments, sequence numbers or
// timers: loss detection, the scoreboard and recovery are stack/tcp's.
//
// To add a controller:
//  1. write its type in a file of its own, with the methods of Controller;
//     let Reset bring back the state that New gives; window.go has what
//     window-based ones share, slow start with HyStart++ included;
//  2. give it an Algorithm in algorithm.go, with a place in Names and in Find;
//  3. write its value table; TestEveryController and FuzzController go through
//     Names and hold each one to the rules below.
//
// Files: congestion.go is the contract; algorithm.go says what there is to choose from; window.go and hystart.go are slow
// start (RFC 5681, 9406) and what the controllers share; reno.go is RFC 5681's
// congestion avoidance; cubic.go and curve.go are RFC 9438; bbr.go and its
// neighbours are BBR version 3 (draft-ietf-ccwg-bbr); rest.go and bbr_rest.go are
// what stays of them in silence.
//
// Place in the walk: stack/tcp tells a controller what each ACK brought, what
// was lost and what left, and asks it for Window and PacingRate before it sends.
//
// Invariants: Window is at least one MSS and at most 1 GiB, TCP's largest
// window; of a controller without a model of the path it does not grow while the
// connection does not use it, nor in fast recovery, and one with such a model has
// a PacingRate; the same seed and calls give the same answers; Ssthresh is at least two MSS; no method allocates, overflows where
// int has 32 bits, or panics whatever it is told.
package congestion
