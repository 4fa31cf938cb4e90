// Package interop holds tests against libraries that the main module is not to depend on. It is a module of
// its own, so that nobody who builds Sockeye needs them:
//
//	cd apps/interop && go test ./...
package interop
