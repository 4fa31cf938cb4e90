// Package setup makes what the stack's commands and tests stand on: TUN
// devices with addresses and routes, network address translation, network and
// user namespaces. It speaks netlink and nftables; it starts no program.
//
// Place in the walk: none. It runs before a stack and after it; only commands
// and tests import it.
//
// Up and Down are a pair. Up writes down each change before it makes it, so
// that Down can take back exactly what Up made, wherever Up stopped:
//
//	intent on disk -> change -> next intent on disk -> ...
//
// A change that is written down may therefore not have been made; Down takes
// that for granted. A change that was made is always written down. Up refuses
// what exists already, so that whatever is written down is ours to remove.
//
// Everything acts on the network namespace of the calling thread, which is the
// process's own unless called inside NetNS.Do.
//
// Elsewhere than on Linux every call that would change something returns
// ErrNotSupported.
package setup
