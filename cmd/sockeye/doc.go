// Command sockeye is a small TCP/IP stack in userspace, to look at and to use:
// it fetches, asks, pings and serves over a TUN device without the kernel's
// TCP, and tells what it does.
//
// How it is cut: root.go has the commands' frame, exit.go what they return,
// open.go makes a running stack of --tun and --addr, record.go takes packets
// out for --pcap and -v, signals.go ends things in good order; each command has
// a file of its name.
package main
