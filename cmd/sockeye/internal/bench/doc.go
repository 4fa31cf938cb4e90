// Package bench measures stacks against the kernel of the namespace it runs
// in: ours over a TUN with and without offloads, the kernel itself over veth,
// and the TUN with no stack at all, which is the ceiling. The contestants take
// turns, so that what the machine does meanwhile falls on all of them alike.
//
//	bench.go      what is measured, in rounds, and the medians
//	paths_linux.go   the contestants
//	bulk_linux.go requests.go   one flow up and down; a byte and its answer
//	apart_linux.go   the kernel's end in a process of its own
//	bare_linux.go barecut_linux.go baregroup_linux.go   TCP with nothing in it, over
//	              a device: the ceiling, with one copy and without
//
// It makes devices and namespaces and removes them; it is for the command bench
// alone.
package bench
