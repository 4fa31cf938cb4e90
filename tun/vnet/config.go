package vnet

import "os"

// Config says which device Open opens. The zero value makes a new one that
// the kernel names, and that is gone when it is closed.
type Config struct {
	// Name of the interface, at most 15 bytes; an existing persistent TUN is
	// attached to. Empty: the kernel chooses (tun0, tun1 ...).
	Name string

	// MTU in bytes, set on the interface when it is not 0 and not already so.
	// Setting needs CAP_NET_ADMIN.
	MTU int

	// Persist keeps the interface after Close. A device that is persistent
	// already stays so whatever is said here.
	Persist bool

	// Queues is how many queues to open, each a link of its own for a shard of
	// the stack (Device.Links). 0 or 1: one. What the kernel grants may be less:
	// a persistent device that was made for one queue has one.
	Queues int

	// Plain asks for a device that carries one packet per read and write and
	// offloads nothing.
	Plain bool
}

// A FileConfig says of a descriptor that was handed over what the kernel does not
// tell here. The zero value asks the kernel for everything.
type FileConfig struct {
	// MTU in bytes is what the interface's maker has set, where it cannot be asked
	// for: in another network namespace, or on a phone. 0: it is asked for.
	MTU int

	// Control is a socket of the network namespace that the interface lives in, of
	// any kind, where that is not the calling thread's. FromFileWith takes it over.
	Control *os.File
}

// Stats counts packets since the device was opened.
type Stats struct {
	Read         uint64 // handed to the stack
	ReadBytes    uint64
	ReadSuper    uint64 // of them super-segments
	Written      uint64 // taken by the device
	WrittenBytes uint64
	WrittenSuper uint64 // of them super-segments

	// Dropped packets, by reason.
	Truncated uint64 // read: longer than the MTU known till then
	Unknown   uint64 // read: a virtio header that was not asked for
	Full      uint64 // write: EAGAIN
	Down      uint64 // write: the interface is down
	Gone      uint64 // write: the interface was deleted, or the link closed
	NoMemory  uint64 // write: ENOBUFS or ENOMEM
	BadPacket uint64 // write: refused as malformed, or empty
	Other     uint64 // write: any other errno
}

// add adds what another queue counted.
func (s *Stats) add(o Stats) {
	s.Read += o.Read
	s.ReadBytes += o.ReadBytes
	s.ReadSuper += o.ReadSuper
	s.Written += o.Written
	s.WrittenBytes += o.WrittenBytes
	s.WrittenSuper += o.WrittenSuper
	s.Truncated += o.Truncated
	s.Unknown += o.Unknown
	s.Full += o.Full
	s.Down += o.Down
	s.Gone += o.Gone
	s.NoMemory += o.NoMemory
	s.BadPacket += o.BadPacket
	s.Other += o.Other
}

// Dropped is the sum of all reasons.
func (s *Stats) Dropped() uint64 {
	return s.Truncated + s.Unknown + s.Full + s.Down + s.Gone + s.NoMemory + s.BadPacket + s.Other
}

// MinMTU and MaxMTU bound an MTU in bytes (RFC 791; the IP total length).
const (
	MinMTU = 68
	MaxMTU = 65535
)

// MaxBatch is how many packets one TryRead returns at most. More would spill
// the cache before the stack has looked at them.
const MaxBatch = 64

// Display is what an error calls the device.
func (cfg *Config) Display() string {
	if cfg.Name == "" {
		return "a new TUN device"
	}
	return cfg.Name
}
