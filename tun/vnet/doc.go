// Package vnet opens Linux TUN devices and carries IP packets through them; a
// Device is a link.Link. With a virtio_net_hdr before each packet, where the
// kernel grants it, TCP super-segments and UDP super-datagrams of up to 64 KiB
// pass whole in both directions and checksums are left to who needs them.
//
// Place in the walk: the first and the last step. The shard's leader Waits,
// TryReads a batch and enters; leave ends in WriteBatch. Making devices,
// addresses and routes is not done here but in tun/setup.
//
//	open_linux.go      attaching, and what is asked of the kernel, step by step
//	handover_linux.go  a descriptor that another program has opened
//	device_linux.go    what belongs to the interface: its name and its MTU
//	queues_linux.go    several queues of one device, each a link
//	queue_linux.go     one non-blocking descriptor
//	view_linux.go      what all queues of a device know of it
//	reader_linux.go writer_linux.go wait_linux.go   its three users
//	header.go          the virtio_net_hdr
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
//   - The first super-segment that the kernel refuses is sent again in pieces,
//     and Features offers no more of them, on any queue. So it is with UDP super-datagrams.
//
// It needs little to be linked: no package net, no fmt, no library but
// golang.org/x/sys. Elsewhere than on Linux every constructor returns
// ErrNotSupported.
package vnet
