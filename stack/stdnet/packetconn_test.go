package stdnet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// What nettest.TestConn is for connections this is for packets: what a
// net.PacketConn has to be. It runs on package net's first, which is the measure.

// packetPair makes two that can reach each other.
type packetPair func(t *testing.T) (a, b net.PacketConn)

func TestPacketConn(t *testing.T) {
	for _, on := range []struct {
		name string
		make packetPair
	}{
		{"package net", func(t *testing.T) (a, b net.PacketConn) {
			return packets(t, &kernel{}, "127.0.0.1:0"), packets(t, &kernel{}, "127.0.0.1:0")
		}},
		{"ours", func(t *testing.T) (a, b net.PacketConn) {
			x, y := pair(t)
			return packets(t, x, "192.0.2.1:0"), packets(t, y, "192.0.2.2:0")
		}},
		{"ours with ourselves", func(t *testing.T) (a, b net.PacketConn) {
			x, _ := pair(t)
			return packets(t, x, "127.0.0.1:0"), packets(t, x, "127.0.0.1:0")
		}},
		{"a Session", func(t *testing.T) (a, b net.PacketConn) { return forwarded(t) }},
	} {
		if on.name == "package net" && runtime.GOOS == "js" {
			continue // its sockets are pretended there, and no measure
		}
		t.Run(on.name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, net.PacketConn, net.PacketConn){
				"PingPong": packetPingPong, "Boundaries": packetBoundaries, "PastTimeout": packetPastTimeout,
				"PresentTimeout": packetPresentTimeout, "FutureTimeout": packetFutureTimeout,
				"CloseEndsReads": packetCloseEndsReads, "RacyReads": packetRacyReads, "RacyWrites": packetRacyWrites,
				"ConcurrentMethods": packetConcurrent,
			} {
				t.Run(name, func(t *testing.T) {
					for range times(20) {
						a, b := on.make(t)
						test(t, a, b)
						require.NoError(t, ignoreClosed(a.Close()))
						require.NoError(t, ignoreClosed(b.Close()))
					}
				})
			}
		})
	}
}

func packets(t *testing.T, n network, at string) net.PacketConn {
	t.Helper()
	c, err := n.ListenPacket("udp", at)
	require.NoError(t, err)
	return c
}

// forwarded is a socket inside, and the Session that it has at its gateway; what goes
// to the Session's address arrives from there.
func forwarded(t *testing.T) (a, b net.PacketConn) {
	inside, _, f := behind(t, stdnet.ForwardConfig{})
	u := packets(t, inside, "192.0.2.1:0")
	_, err := u.WriteTo([]byte("first"), &net.UDPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 7})
	require.NoError(t, err)
	s, err := f.NextUDP()
	require.NoError(t, err)
	_, _, err = s.ReadFrom(make([]byte, 9))
	require.NoError(t, err)
	return u, posing{s, &net.UDPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 7}}
}

// posing is a Session as a host of its own.
type posing struct {
	*stdnet.Session
	at *net.UDPAddr
}

func (p posing) LocalAddr() net.Addr                       { return p.at }
func (p posing) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Session.WriteTo(b, p.at) }
func (p posing) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := p.Session.ReadFrom(b)
	return n, p.RemoteAddr(), err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func isTimeout(t *testing.T, err error) {
	t.Helper()
	var ne net.Error
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.True(t, errors.As(err, &ne) && ne.Timeout())
}

func packetPingPong(t *testing.T, a, b net.PacketConn) {
	p := make([]byte, 64)
	require.NoError(t, a.SetDeadline(time.Now().Add(time.Minute)))
	require.NoError(t, b.SetDeadline(time.Now().Add(time.Minute)))
	for i := range uint64(50) {
		_, err := a.WriteTo(binary.BigEndian.AppendUint64(nil, i), b.LocalAddr())
		require.NoError(t, err)
		n, from, err := b.ReadFrom(p)
		require.NoError(t, err)
		require.Equal(t, i, binary.BigEndian.Uint64(p[:n]))
		require.Equal(t, a.LocalAddr().String(), from.String())
		require.IsType(t, &net.UDPAddr{}, from)
		_, err = b.WriteTo(p[:n], from)
		require.NoError(t, err)
		_, from, err = a.ReadFrom(p)
		require.NoError(t, err)
		require.Equal(t, b.LocalAddr().String(), from.String())
	}
}

func packetBoundaries(t *testing.T, a, b net.PacketConn) {
	require.NoError(t, b.SetReadDeadline(time.Now().Add(time.Minute)))
	for _, size := range []int{0, 1, 1471, 1473, 20_000} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		n, err := a.WriteTo(want, b.LocalAddr())
		require.NoError(t, err)
		require.Equal(t, size, n)
		p := make([]byte, 30_000)
		n, _, err = b.ReadFrom(p)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, p[:n]))
	}
	_, err := a.WriteTo([]byte("cut"), b.LocalAddr())
	require.NoError(t, err)
	_, err = a.WriteTo([]byte("whole"), b.LocalAddr())
	require.NoError(t, err)
	p := make([]byte, 2)
	n, _, err := b.ReadFrom(p)
	require.NoError(t, err)
	require.Equal(t, "cu", string(p[:n]))
	p = make([]byte, 9)
	n, _, err = b.ReadFrom(p)
	require.NoError(t, err)
	require.Equal(t, "whole", string(p[:n]))
}

func packetPastTimeout(t *testing.T, a, b net.PacketConn) {
	_, err := a.WriteTo([]byte("there"), b.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, b.SetDeadline(time.Unix(1, 0)))
	_, _, err = b.ReadFrom(make([]byte, 9))
	isTimeout(t, err)
	_, err = b.WriteTo([]byte("x"), a.LocalAddr())
	isTimeout(t, err)
	require.NoError(t, b.SetDeadline(time.Time{}))
	_, _, err = b.ReadFrom(make([]byte, 9))
	require.NoError(t, err, "what had come is still there")
}

func packetPresentTimeout(t *testing.T, a, _ net.PacketConn) {
	ended := make(chan error)
	go func() { _, _, err := a.ReadFrom(make([]byte, 1)); ended <- err }()
	require.NoError(t, a.SetReadDeadline(time.Now()))
	isTimeout(t, <-ended)
}

func packetFutureTimeout(t *testing.T, a, b net.PacketConn) {
	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, _, err := a.ReadFrom(make([]byte, 1))
	isTimeout(t, err)
	_, _, err = a.ReadFrom(make([]byte, 1))
	isTimeout(t, err)
	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Minute))) // and it works again
	_, err = b.WriteTo([]byte("x"), a.LocalAddr())
	require.NoError(t, err)
	_, _, err = a.ReadFrom(make([]byte, 1))
	require.NoError(t, err)
}

func packetCloseEndsReads(t *testing.T, a, b net.PacketConn) {
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			_, _, err := a.ReadFrom(make([]byte, 1))
			require.ErrorIs(t, err, net.ErrClosed)
		})
	}
	require.NoError(t, a.Close())
	all.Wait()
	require.ErrorIs(t, a.Close(), net.ErrClosed)
	_, err := a.WriteTo([]byte("x"), b.LocalAddr())
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, a.SetDeadline(time.Time{}), net.ErrClosed)
}

func packetRacyReads(t *testing.T, a, b net.PacketConn) {
	stop := make(chan struct{})
	var sender, readers sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = a.WriteTo([]byte("x"), b.LocalAddr())
				time.Sleep(20 * time.Microsecond)
			}
		}
	})
	require.NoError(t, b.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
	for range 10 {
		readers.Go(func() {
			p := make([]byte, 1)
			for range 10 {
				if _, _, err := b.ReadFrom(p); err != nil {
					isTimeout(t, err)
					_ = b.SetReadDeadline(time.Now().Add(time.Millisecond))
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	sender.Wait()
}

func packetRacyWrites(t *testing.T, a, b net.PacketConn) {
	var writers sync.WaitGroup
	for range 10 {
		writers.Go(func() {
			for range 10 {
				if _, err := a.WriteTo([]byte("xyz"), b.LocalAddr()); err != nil {
					isTimeout(t, err)
					_ = a.SetWriteDeadline(time.Now().Add(time.Millisecond))
				}
			}
		})
	}
	writers.Wait()
}

func packetConcurrent(t *testing.T, a, b net.PacketConn) {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { _, _, _ = a.ReadFrom(make([]byte, 16)) })
		all.Go(func() { _, _ = a.WriteTo([]byte("x"), b.LocalAddr()) })
		all.Go(func() { _ = a.SetDeadline(time.Now().Add(10 * time.Millisecond)) })
		all.Go(func() { _ = a.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) })
		all.Go(func() { _ = a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) })
		all.Go(func() { _ = a.LocalAddr() })
	}
	all.Wait()
	require.NoError(t, a.SetDeadline(time.Time{}))
}
