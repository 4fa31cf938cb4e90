package tun

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// Plain or not, a device has the queues that were asked for, and one that was
// made for several may be had with one.
func TestQueuesOfEitherKind(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			ns := tuntest.NewNS(t)
			for _, n := range []int{3, 1, 2} {
				var d *Device
				require.NoError(t, ns.Do(func() (err error) {
					d, err = Open(Config{Name: "mq0", Persist: true, Queues: n, Plain: plain})
					return err
				}))
				require.Len(t, d.Links(), n)
				require.Equal(t, !plain, d.Features().ChecksumOffload)
				require.NoError(t, d.Close())
			}
		})
	}
}
