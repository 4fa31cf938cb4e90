package dns

import "golang.org/x/sys/unix"

// systemRandom fills b from the system's randomness, getrandom(2). crypto/rand would do the same and bring
// math/big and fmt into programs that are to be small.
func systemRandom(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Getrandom(b, 0)
		if err != nil && err != unix.EINTR {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}
