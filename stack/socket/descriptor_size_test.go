package socket

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What few programs ask for lies in rest: a descriptor is a connection's, of which there may be 100,000.
func TestDescriptorIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(descriptor{}), uintptr(48), "the runtime's size class of 48 bytes")
}
