package host

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// What is charged to the Budget, bytes: what the thing itself takes, rounded up
// as the runtime does, with its places in the tables and in the heap of deadlines.
// What a connection takes to send, and its rings, is charged besides.
const (
	socketCost   = int(unsafe.Sizeof(socket{})) + 24
	datagramCost = int(unsafe.Sizeof(datagrams{}))
	connCost     = int(unsafe.Sizeof(tcp.Conn{})) + 64
)

// Footprint returns how many bytes a host of cfg takes at the most, as the runtime
// counts its heap: what it is without sockets, and its Budget. An idle connection
// is charged less than 1 KiB of that, one that is at work what is in its buffers and
// 1.5 KiB more, a listener a few hundred bytes and its SYN records.
func Footprint(cfg Config) int {
	if cfg.Memory <= 0 {
		cfg.Memory = DefaultMemory
	}
	tables := 3 * firstBuckets * int(unsafe.Sizeof(uintptr(0)))
	return int(unsafe.Sizeof(Host{})) + tcp.EnvSize + tables + cfg.Memory
}
