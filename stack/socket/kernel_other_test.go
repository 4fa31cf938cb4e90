//go:build !linux

package socket_test

// theKernel: only Linux's calls are the measure.
func theKernel() calls { return nil }
