// Package tun opens Linux TUN devices; a Device is a link.Link. It is package
// vnet, which does the work and asks the kernel for offloads, and in its place
// songgao/water's plain device where there are none to be had or wanted.
//
// water's faults are guarded against here: it leaks its descriptor when opening
// fails, makes a persistent device transient unless told that it is persistent,
// cuts long names silently and opens without O_CLOEXEC.
package tun
