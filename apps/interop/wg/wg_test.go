package wg_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/tuntest"

	"github.com/sockeye-net/sockeye/apps/interop/wg"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A peer is a stack behind a WireGuard device of its own.
type peer struct {
	dev    *device.Device
	net    *stdnet.Net
	key    *ecdh.PrivateKey
	listen string
}

func newPeer(t *testing.T, addr string) *peer {
	t.Helper()
	l, d := wg.Pair(1420)
	s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(addr + "/24")}})
	require.NoError(t, err)
	p := &peer{net: stdnet.New(s)}
	p.key, err = ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	p.dev = device.NewDevice(d, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, addr+" "))
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		p.dev.Close()
	})
	require.NoError(t, p.dev.IpcSet("private_key="+hex.EncodeToString(p.key.Bytes())+"\n"))
	require.NoError(t, p.dev.Up())
	text, err := p.dev.IpcGet()
	require.NoError(t, err)
	for line := range strings.Lines(text) {
		if port, ok := strings.CutPrefix(strings.TrimSpace(line), "listen_port="); ok {
			p.listen = "127.0.0.1:" + port
		}
	}
	return p
}

func (p *peer) knows(t *testing.T, other *peer, addr string) {
	t.Helper()
	require.NoError(t, p.dev.IpcSet(fmt.Sprintf("public_key=%s\nallowed_ip=%s/32\nendpoint=%s\n",
		hex.EncodeToString(other.key.PublicKey().Bytes()), addr, other.listen)))
}

// Two stacks, and a real WireGuard tunnel between them.
func TestTunnel(t *testing.T) {
	a, b := newPeer(t, "10.7.0.1"), newPeer(t, "10.7.0.2")
	a.knows(t, b, "10.7.0.2")
	b.knows(t, a, "10.7.0.1")
	l, err := b.net.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	data := make([]byte, 10<<20)
	_, _ = rand.Read(data)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c)
		_ = c.Close()
	}()
	c, err := a.net.Dial("tcp", "10.7.0.2:80")
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	go func() {
		_, _ = c.Write(data)
		_ = c.(*stdnet.Conn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "10 MiB each way")
	require.NoError(t, c.Close())

	u, err := b.net.ListenPacket("udp", ":53")
	require.NoError(t, err)
	defer u.Close()
	d, err := a.net.Dial("udp", "10.7.0.2:53")
	require.NoError(t, err)
	defer d.Close()
	_, err = d.Write([]byte("through the tunnel"))
	require.NoError(t, err)
	require.NoError(t, u.SetDeadline(time.Now().Add(10*time.Second)))
	p := make([]byte, 99)
	n, from, err := u.ReadFrom(p)
	require.NoError(t, err)
	require.Equal(t, "through the tunnel", string(p[:n]))
	require.Equal(t, "10.7.0.1", from.(*net.UDPAddr).IP.String())
}

// A tun.Device as a stack's link: two of them, joined by their channels.
func TestLink(t *testing.T) {
	x, y := tuntest.NewChannelTUN(), tuntest.NewChannelTUN()
	done := make(chan struct{})
	join := func(from, to *tuntest.ChannelTUN) {
		for {
			select {
			case p := <-from.Inbound:
				select {
				case to.Outbound <- p:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}
	go join(x, y)
	go join(y, x)
	start := func(d tun.Device, addr string) *stack.Stack {
		l, err := wg.Link(d)
		require.NoError(t, err)
		s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(addr)}})
		require.NoError(t, err)
		return s
	}
	a, b := start(x.TUN(), "10.7.0.1/24"), start(y.TUN(), "10.7.0.2/24")
	l, err := stdnet.New(b).Listen("tcp", ":80")
	require.NoError(t, err)
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	c, err := stdnet.New(a).Dial("tcp", "10.7.0.2:80")
	require.NoError(t, err)
	_, err = c.Write(bytes.Repeat([]byte("x"), 100_000))
	require.NoError(t, err)
	require.NoError(t, c.(*stdnet.Conn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Len(t, got, 100_000)
	require.NoError(t, errors.Join(c.Close(), l.Close()))
	close(done)
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
}

// What wireguard-go sees of the stack's end.
func TestDevice(t *testing.T) {
	l, d := wg.Pair(1280)
	mtu, err := d.MTU()
	require.NoError(t, err)
	require.Equal(t, 1280, mtu)
	require.EqualValues(t, tun.EventUp, <-d.Events())
	n, err := d.Write([][]byte{append(make([]byte, 16), 1, 2, 3)}, 16)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	ps := make([]link.Packet, 1)
	n, err = l.TryRead(ps)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []byte{1, 2, 3}, ps[0].Head)
	require.NoError(t, l.WriteBatch([]link.Packet{{Head: []byte{4, 5}}}))
	bufs, sizes := [][]byte{make([]byte, 20)}, make([]int, 1)
	n, err = d.Read(bufs, sizes, 16)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []byte{4, 5}, bufs[0][16:16+sizes[0]])
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	_, err = d.Read(bufs, sizes, 16)
	require.Error(t, err)
	_, open := <-d.Events()
	require.False(t, open)
}
