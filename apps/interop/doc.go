// Package interop holds what joins Sockeye to programs and libraries that nobody here
// wrote, and tests against them. It is a module of its own, so that nobody who builds
// Sockeye needs them:
//
//	cd apps/interop && go test ./...
//
// In wg are adapters for wireguard-go.
package interop
