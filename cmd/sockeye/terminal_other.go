//go:build !linux

package main

import "os"

// paints tells a terminal from the device that is nowhere.
func paints(f *os.File) bool {
	st, err := f.Stat()
	nowhere, e := os.Stat(os.DevNull)
	return err == nil && (e != nil || !os.SameFile(st, nowhere))
}
