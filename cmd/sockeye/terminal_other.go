//go:build !linux

package main

import "os"

// isTTY tells a terminal from the device that is nowhere.
func isTTY(f *os.File) bool {
	st, err := f.Stat()
	nowhere, e := os.Stat(os.DevNull)
	return err == nil && (e != nil || !os.SameFile(st, nowhere))
}
