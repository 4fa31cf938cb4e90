package oracle

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/tun"
)

// Datagrams of segmentSize bytes, and how many of them one call sends at most.
const (
	segmentSize  = 1400
	segmentCount = 45
)

// BenchmarkSegments sends datagrams between ours and the kernel, one for each
// call and 45 (UDP_SEGMENT), and counts what arrives. It reports the medians of
// alternating runs in Gbit/s of what one call each moves, and the others as ratios.
//
//	go test -run '^$' -bench Segments ./stack/oracle
func BenchmarkSegments(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	contestants := []struct {
		name  string
		many  bool
		plain bool
	}{{"one", false, false}, {"45-a-call", true, false}, {"45-a-call-plain-TUN", true, true}}
	for _, up := range []bool{true, false} {
		b.Run(map[bool]string{true: "up", false: "down"}[up], func(b *testing.B) {
			rates := map[string][]float64{}
			for range bulkRuns {
				for _, c := range contestants {
					r := &run{TB: b}
					rates[c.name] = append(rates[c.name], datagrams(r, up, c.many, c.plain))
					r.end()
				}
			}
			one := median(rates[contestants[0].name])
			b.ReportMetric(one, "one-Gbit/s")
			for _, c := range contestants[1:] {
				b.ReportMetric(median(rates[c.name])/one, c.name+"/one")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// datagrams sends for bulkTime and returns what arrived in Gbit/s.
func datagrams(t testing.TB, up, many, plain bool) float64 {
	ns := newNS(t)
	var dev *tun.Device
	var k *net.UDPConn
	require.NoError(t, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "bench0", Plain: plain}); err != nil {
			return err
		}
		if err = kernelSide("bench0", gvisorPrefix); err != nil {
			return err
		}
		k, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(kernelAt), net.UDPAddrFromAddrPort(netip.AddrPortFrom(ourPrefix.Addr(), 5001)))
		return err
	}))
	defer k.Close()
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	u, err := s.Socket(host.Datagram)
	require.NoError(t, err)
	require.NoError(t, u.Bind(netip.AddrPortFrom(ourPrefix.Addr(), 5001)))
	require.NoError(t, u.Connect(kernelAt, 0))
	require.NoError(t, u.SetOptions(func(o *host.Options) { o.RecvBuffer, o.SendBuffer = 4<<20, 4<<20 }))
	block := make([]byte, segmentSize)
	if many {
		block = make([]byte, segmentSize*segmentCount)
		require.NoError(t, u.SetOptions(func(o *host.Options) { o.Segment = segmentSize }))
	}
	kernelSegments(t, k, many && !up)
	end := time.Now().Add(bulkTime)
	require.NoError(t, errors.Join(k.SetDeadline(end), u.SetReadDeadline(end), u.SetWriteDeadline(end)))
	send := func() error { _, err := u.Send(block, 0); return err }
	recv := k.Read
	if !up {
		send = func() error { _, err := k.Write(block); return err }
		recv = func(p []byte) (int, error) { return u.Recv(p, 0) }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for time.Now().Before(end) {
			_ = send() // a full queue is a loss, as everywhere
		}
	}()
	buf := make([]byte, 1<<16)
	got := 0
	for {
		n, err := recv(buf)
		got += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		require.NoError(t, err)
	}
	<-done
	return float64(got) * 8 / bulkTime.Seconds() / 1e9
}

// kernelSegments makes the kernel's socket take super-datagrams whole (UDP_GRO),
// and, where it sends, make them (UDP_SEGMENT).
func kernelSegments(t testing.TB, c *net.UDPConn, sends bool) {
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, c.SetReadBuffer(4<<20))
	require.NoError(t, raw.Control(func(fd uintptr) {
		require.NoError(t, unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1))
		if sends {
			require.NoError(t, unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, segmentSize))
		}
	}))
}
