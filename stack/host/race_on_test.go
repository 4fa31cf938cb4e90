//go:build race

package host

// underRace says that the race detector makes everything ten times as slow. A
// host has no goroutines: the longest runs lose nothing by being shorter there.
const underRace = true
