package oracle

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	gstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/sockeye-net/sockeye/tun/vnet"
)

// vnetHeader is the length of virtio_net_hdr.
const vnetHeader = 10

// A vnetEndpoint gives gVisor what our own device gives us: a TUN with a
// virtio_net_hdr before each packet, super-segments in both directions, and no
// checksum to be made or verified. gVisor has none of its own for a TUN. It reads
// into pooled memory that is handed on without a copy, waits in poll(2) as its
// fdbased endpoint does, and writes header and payload with one writev.
type vnetEndpoint struct {
	fd, stop int // stop: an eventfd
	reader   sync.WaitGroup

	mu sync.RWMutex
	to gstack.NetworkDispatcher
}

func newVnetEndpoint(fd int) (*vnetEndpoint, error) {
	stop, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return &vnetEndpoint{fd: fd, stop: stop}, err
}

func (e *vnetEndpoint) Attach(to gstack.NetworkDispatcher) {
	e.mu.Lock()
	e.to = to
	e.mu.Unlock()
	if to != nil {
		e.reader.Go(func() { e.read(to) })
		return
	}
	// Nobody waits for the reader here: it may stand at a lock that the caller has.
	_, _ = unix.Write(e.stop, []byte{1, 0, 0, 0, 0, 0, 0, 1})
}

func (e *vnetEndpoint) read(to gstack.NetworkDispatcher) {
	head := make([]byte, vnetHeader)
	for {
		v := buffer.NewViewSize(1 << 16)
		n, errno := rawfile.BlockingReadvUntilStopped(e.stop, e.fd, []unix.Iovec{rawfile.IovecFromBytes(head), rawfile.IovecFromBytes(v.AsSlice())})
		if n <= vnetHeader || errno != 0 {
			v.Release()
			return
		}
		v.CapLength(n - vnetHeader)
		pkt := gstack.NewPacketBuffer(gstack.PacketBufferOptions{Payload: buffer.MakeWithView(v)})
		pkt.RXChecksumValidated = true
		to.DeliverNetworkPacket(ipv4.ProtocolNumber, pkt)
		pkt.DecRef()
	}
}

func (e *vnetEndpoint) WritePackets(pkts gstack.PacketBufferList) (int, tcpip.Error) {
	for i, pkt := range pkts.AsSlice() {
		head := e.header(pkt)
		views := pkt.AsSlices()
		var room [32]unix.Iovec
		iov := append(room[:0], rawfile.IovecFromBytes(head[:]))
		for _, v := range views {
			iov = rawfile.AppendIovecFromBytes(iov, v, 1024)
		}
		if errno := rawfile.NonBlockingWriteIovec(e.fd, iov); errno != 0 {
			return i, tcpip.TranslateErrno(errno)
		}
	}
	return pkts.Len(), nil
}

// header is what the device is told of a packet.
func (e *vnetEndpoint) header(pkt *gstack.PacketBuffer) (b [vnetHeader]byte) {
	g := &pkt.GSOOptions
	if g.Type == gstack.GSONone {
		return b
	}
	put := func(at int, v uint16) { binary.NativeEndian.PutUint16(b[at:], v) }
	if g.NeedsCsum {
		b[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
		put(6, g.L3HdrLen)
		put(8, g.CsumOffset)
	}
	put(2, uint16(pkt.HeaderSize()))
	if pkt.Data().Size() > int(g.MSS) {
		b[1] = unix.VIRTIO_NET_HDR_GSO_TCPV4
		put(4, g.MSS)
	}
	return b
}

func (e *vnetEndpoint) IsAttached() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.to != nil
}

// Capabilities leaves the checksums out that go with GSOOptions alone: for others
// gVisor would make none, and not say so.
func (e *vnetEndpoint) Capabilities() gstack.LinkEndpointCapabilities {
	return gstack.CapabilityRXChecksumOffload
}

func (*vnetEndpoint) SupportedGSO() gstack.SupportedGSO       { return gstack.HostGSOSupported }
func (*vnetEndpoint) GSOMaxSize() uint32                      { return 65535 }
func (*vnetEndpoint) MTU() uint32                             { return mtu }
func (*vnetEndpoint) SetMTU(uint32)                           {}
func (*vnetEndpoint) MaxHeaderLength() uint16                 { return 0 }
func (*vnetEndpoint) LinkAddress() tcpip.LinkAddress          { return "" }
func (*vnetEndpoint) SetLinkAddress(tcpip.LinkAddress)        {}
func (*vnetEndpoint) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (*vnetEndpoint) AddHeader(*gstack.PacketBuffer)          {}
func (*vnetEndpoint) ParseHeader(*gstack.PacketBuffer) bool   { return true }
func (*vnetEndpoint) SetOnCloseAction(func())                 {}
func (*vnetEndpoint) Close()                                  {}
func (e *vnetEndpoint) Wait()                                 { e.reader.Wait() }

// gvisorOverVnet is gVisor over a TUN with offloads.
func gvisorOverVnet(t testing.TB) dialer {
	ns := newNS(t)
	fd := -1
	require.NoError(t, ns.Do(func() (err error) {
		if fd, err = vnet.Attach("bench0", true); err != nil {
			return err
		}
		if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	ep, err := newVnetEndpoint(fd)
	require.NoError(t, err)
	t.Cleanup(func() { // runs after the stack's own
		ep.Wait()
		require.NoError(t, unix.Close(fd))
		require.NoError(t, unix.Close(ep.stop))
	})
	s := newGvisor(t, ep, ourPrefix, false)
	return dialer{ns, func(ctx context.Context) (net.Conn, error) { return gvisorDial(ctx, s, kernelAt) }}
}
