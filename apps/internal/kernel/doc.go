// Package kernel has the calls of stack/socket made on the Linux kernel's sockets, for tests: what apps
// does over our stack it must do over the kernel's alike. Blocking calls hold a thread each.
package kernel
