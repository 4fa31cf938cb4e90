package stack

import "golang.org/x/sys/unix"

// systemSeed fills seed from the system's randomness, getrandom(2). crypto/rand
// would do the same and bring math/big and fmt into programs that are to be small.
func systemSeed(seed []byte) error {
	for len(seed) > 0 {
		n, err := unix.Getrandom(seed, 0)
		if err != nil && err != unix.EINTR {
			return err
		}
		seed = seed[max(n, 0):]
	}
	return nil
}
