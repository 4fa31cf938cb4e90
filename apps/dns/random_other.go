//go:build !linux

package dns

import "crypto/rand"

// systemRandom fills b from the system's randomness.
func systemRandom(b []byte) error {
	_, err := rand.Read(b)
	return err
}
