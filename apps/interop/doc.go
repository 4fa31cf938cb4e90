// Package interop holds what joins Sockeye to programs and libraries that nobody here
// wrote, and the tests that run on them. It is a module of its own, so that the main
// one needs none of them. In wg are adapters for wireguard-go.
package interop
