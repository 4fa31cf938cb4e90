//go:build !linux

package stack

import "crypto/rand"

// systemSeed fills seed from the system's randomness.
func systemSeed(seed []byte) error {
	_, err := rand.Read(seed)
	return err
}
