//go:build !js

package stdnet_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// The exit of a VPN, in small: whatever a peer connects to, a Forwarder gets it and
// carries it on, here to the echo of its own choice.
func ExampleNet_Forward() {
	peer, exit, err := stdnet.Pair(stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer peer.Close()
	defer exit.Close()

	f, err := stdnet.New(exit).Forward(stdnet.ForwardConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	go func() {
		for {
			r, err := f.NextTCP()
			if err != nil {
				return
			}
			if r.Target().Port() != 7 { // a real one would dial here, and give Refuse the dial's error
				_ = r.Refuse(nil)
				continue
			}
			c, err := r.Accept(context.Background())
			if err != nil {
				continue
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()

	n := stdnet.New(peer)
	_, err = n.Dial("tcp", "198.51.100.7:80")
	fmt.Println(err.(*net.OpError).Err)
	c, err := n.Dial("tcp", "203.0.113.5:7")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "Sockeye")
	answer := make([]byte, 7)
	if _, err := io.ReadFull(c, answer); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v says %s\n", c.RemoteAddr(), answer)
	// Output:
	// connect: connection refused
	// 203.0.113.5:7 says Sockeye
}

// Two connected stacks for a test of one's own, in virtual time: an hour of silence
// takes no time, and the test sees exactly what its program would.
func TestPairInSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, err := stdnet.Pair(stack.Config{}, stack.Config{})
		require.NoError(t, err)
		defer func() {
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
		}()
		l, err := stdnet.New(b).Listen("tcp", ":80")
		require.NoError(t, err)
		c, err := stdnet.New(a).Dial("tcp", "192.0.2.2:80")
		require.NoError(t, err)
		s, err := l.Accept()
		require.NoError(t, err)
		start := time.Now()
		time.AfterFunc(time.Hour, func() { _, _ = s.Write([]byte("late")) })
		p := make([]byte, 9)
		n, err := c.Read(p)
		require.NoError(t, err)
		require.Equal(t, "late", string(p[:n]))
		require.Equal(t, time.Hour, time.Since(start).Truncate(time.Second))
	})
}
