package vnet

import "sync/atomic"

// A view is what all queues of a device know of it. What one of them finds out
// holds for all: an MTU, or an offload that the kernel refused after all.
type view struct {
	mtu    atomic.Int64  // of the interface, bytes
	super  atomic.Bool   // the device takes TCP super-segments
	uso    atomic.Bool   // and UDP super-datagrams
	longer atomic.Uint64 // packets read that the MTU known till then does not allow
}
