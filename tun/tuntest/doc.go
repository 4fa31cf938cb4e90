// Package tuntest is what the tests of the TUN packages share: a namespace
// with a device in it, packets by hand, and looks at what the kernel did. It is
// no part of any walk, and only tests import it.
package tuntest
