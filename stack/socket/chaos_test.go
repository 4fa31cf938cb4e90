package socket_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Many goroutines make any call on any descriptor, waiting ones too, while one
// closes what it finds: every call ends, with an errno or without error, and
// the stack closes.
func TestAnyCallAnyTime(t *testing.T) {
	a, b := pair(t)
	anyCallAnyTime(t, a, b)
}

func anyCallAnyTime(t *testing.T, a, b *socket.API) {
	const callers, rounds = 8, 400
	var wg sync.WaitGroup
	var left atomic.Int32
	left.Store(callers)
	for i := range callers {
		wg.Go(func() {
			defer left.Add(-1)
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range rounds {
				api, peer := a, netip.MustParseAddrPort("192.0.2.2:80")
				if r.IntN(2) == 0 {
					api, peer = b, netip.MustParseAddrPort("192.0.2.1:80")
				}
				if err := anyCall(api, r, peer); err != nil {
					var e syscall.Errno
					if !errors.As(err, &e) || e == syscall.ENETDOWN {
						t.Errorf("not what Linux would say: %v", err)
					}
				}
			}
		})
	}
	wg.Go(func() { // somebody has to end the calls that wait
		r := rand.New(rand.NewPCG(99, 7))
		for left.Load() > 0 {
			_ = a.Close(3 + r.IntN(20))
			_ = b.Close(3 + r.IntN(20))
			runtime.Gosched() // nobody else would on js/wasm
		}
	})
	wg.Wait()
	for fd := 3; fd < 3000; fd++ {
		_, _ = a.Close(fd), b.Close(fd)
	}
	require.Equal(t, 3, must(t, a, socket.SOCK_DGRAM), "a descriptor is lost")
	require.Equal(t, 3, must(t, b, socket.SOCK_DGRAM), "a descriptor is lost")
}

func anyCall(api *socket.API, r *rand.Rand, peer socket.SockAddr) error {
	fd := 3 + r.IntN(20)
	flags := socket.MSG_DONTWAIT * r.IntN(2)
	buf := make([]byte, r.IntN(5000))
	var err error
	switch r.IntN(16) {
	case 0, 1, 2:
		_, err = api.Socket(socket.AF_INET, 1+r.IntN(2), 0)
	case 3:
		err = api.Bind(fd, netip.AddrPortFrom(netip.IPv4Unspecified(), 80))
	case 4:
		err = api.Listen(fd, r.IntN(3))
	case 5:
		_, _, err = api.Accept(fd)
	case 6, 7:
		err = api.Connect(fd, peer)
	case 8:
		_, err = api.Send(fd, buf, flags)
	case 9:
		_, err = api.SendTo(fd, buf, flags, peer)
	case 10:
		_, err = api.Recv(fd, buf, flags|socket.MSG_WAITALL)
	case 11:
		_, _, err = api.RecvFrom(fd, buf, flags|socket.MSG_PEEK)
	case 12:
		err = api.Shutdown(fd, r.IntN(3))
	case 13:
		err = api.SetNonblock(fd, r.IntN(2) == 0)
	case 14:
		err = api.SetLinger(fd, r.IntN(2) == 0, 0)
	case 15:
		_, err = api.GetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_ERROR)
	}
	return err
}
