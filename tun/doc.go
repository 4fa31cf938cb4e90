// Package tun opens Linux TUN devices and carries IP packets through them; a
// Device is a link.Link.
//
// Place in the walk: the first and the last step. The shard's leader Waits,
// TryReads a batch and enters; leave ends in WriteBatch. Making devices,
// addresses and routes is not done here but in tun/setup.
//
// How it is cut: queue_linux.go moves packets through one non-blocking
// descriptor and knows nothing of how that was opened; plain_linux.go opens it
// (one packet per read, through songgao/water) and guards that library's
// faults; device_linux.go adds what belongs to the interface and not to a
// queue: its name and its MTU.
//
// Invariants:
//   - Nothing but Wait and Open blocks, and there is no goroutine.
//   - Wait uses the runtime's poller, or poll(2) when alone. A Wake before its
//     Wait is remembered; Close ends a Wait.
//   - Reading, writing and waiting allocate nothing once the buffers are made.
//   - Every packet that is not delivered is counted by reason in Stats.
//   - A failed Open leaves neither a descriptor nor a device behind.
//   - An interface that is set down is survived: writes are dropped as
//     ErrDown, reads find nothing, and both resume when it is up again. An
//     interface that is deleted ends in ErrGone.
//
// Elsewhere than on Linux every constructor returns ErrNotSupported.
package tun
