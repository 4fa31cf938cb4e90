package tuntest

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// The addresses of the two sides of a device.
var (
	Ours   = netip.MustParsePrefix("192.0.2.2/24")
	Theirs = netip.MustParsePrefix("192.0.2.1/24")
)

const clonePath = "/dev/net/tun"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// NewNS makes a namespace for the test, or skips where that is not allowed.
func NewNS(t testing.TB) *setup.NetNS {
	t.Helper()
	ns, err := setup.NewNetNS()
	if errors.Is(err, setup.ErrPermission) {
		t.Skipf("no privilege to make a network namespace: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, ns.Close()) })
	if f, err := os.OpenFile(clonePath, os.O_RDWR, 0); err != nil {
		t.Skipf("no TUN on this system: %v", err)
	} else {
		f.Close()
	}
	return ns
}

// A Device is what the packages under test open.
type Device interface {
	link.Link
	Name() string
}

// OpenUp opens a TUN in ns, with the kernel's address, up.
func OpenUp[D Device](t testing.TB, ns *setup.NetNS, open func() (D, error)) D {
	t.Helper()
	var d D
	must(t, ns.Do(func() (err error) {
		if d, err = open(); err != nil {
			return err
		}
		return errors.Join(setup.AddAddr(d.Name(), Theirs), Quiet(d.Name()), setup.SetUp(d.Name()))
	}))
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// Quiet keeps the kernel from sending IPv6 of its own accord.
func Quiet(name string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6"), []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// UDP builds a UDP packet from us to the kernel's side, its checksum left out.
func UDP(srcPort, dstPort uint16, payload []byte) []byte {
	b := make([]byte, 28, 28+len(payload))
	b[0], b[8], b[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(b[2:], uint16(28+len(payload)))
	src, dst := Ours.Addr().As4(), Theirs.Addr().As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	FixHeader(b)
	binary.BigEndian.PutUint16(b[20:], srcPort)
	binary.BigEndian.PutUint16(b[22:], dstPort)
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

// FixHeader fills the IPv4 header checksum (RFC 791 3.1).
func FixHeader(b []byte) {
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}

// Swap turns a packet round, from its destination to its source.
func Swap(b []byte) {
	var src [4]byte
	copy(src[:], b[12:])
	copy(b[12:16], b[16:20])
	copy(b[16:20], src[:])
}

// Send sends one datagram from the calling thread's namespace.
func Send(to, text string) error {
	c, err := net.Dial("udp4", to)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(text))
	return err
}

// ReadOne waits for the next packet.
func ReadOne(t testing.TB, d Device, alone bool) []byte {
	t.Helper()
	var ps [1]link.Packet
	for {
		n, err := d.TryRead(ps[:])
		must(t, err)
		if n == 1 {
			return ps[0].Head
		}
		must(t, d.Wait(alone))
	}
}

// OpenFDs counts this process's descriptors.
func OpenFDs(t testing.TB) int {
	t.Helper()
	es, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(es)
}

// NoMoreFDs waits until no more descriptors are open than there were. Fewer may be: of
// a file that another test has forgotten the garbage collector takes care.
func NoMoreFDs(t testing.TB, before int) {
	t.Helper()
	now := 0
	if !comesTrue(func() bool { now = OpenFDs(t); return now <= before }) {
		t.Fatalf("%d descriptors are open, %d were", now, before)
	}
}

// Eventually waits for what the kernel does in its own time.
func Eventually(t testing.TB, f func() bool) {
	t.Helper()
	if !comesTrue(f) {
		t.Fatalf("it has not come true within %v", patience)
	}
}

// patience is how long tests wait for what must happen.
const patience = 30 * time.Second

// comesTrue polls f until it holds or patience ends.
func comesTrue(f func() bool) bool {
	for end := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// OneLine holds that an error is one line that a user can act on.
func OneLine(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %q, want one line that is %q", err, want)
	}
}

// Attach opens a TUN without these packages.
func Attach(t testing.TB, ns *setup.NetNS, name string, flags uint16) *os.File {
	t.Helper()
	var f *os.File
	must(t, ns.Do(func() (err error) {
		if f, err = os.OpenFile(clonePath, os.O_RDWR, 0); err != nil {
			return err
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(flags)
		return unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, req)
	}))
	return f
}
