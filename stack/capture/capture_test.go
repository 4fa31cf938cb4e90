package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

var wall = time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.UTC)

// ipPacket returns an IP packet with a complete header and a transport
// checksum that is still the device's to fill.
func ipPacket(proto uint8, transport []byte) link.Packet {
	ip := wire.IPv4{
		ID: 5, DF: true, TTL: 64, Protocol: proto,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"),
	}
	b := make([]byte, 20+len(transport))
	ip.Encode(b, len(transport))
	copy(b[20:], transport)
	return link.Packet{Head: b, CsumDone: true}
}

func tcpPacket(seq wire.Seq, f wire.Flags, payload []byte) link.Packet {
	h := wire.TCP{SrcPort: 8080, DstPort: 40000, Seq: seq, Flags: f, Window: 65535}
	if f&wire.SYN != 0 {
		h.Options = wire.TCPOptions{HasMSS: true, MSS: 1460, SACKPermitted: true, HasTimestamps: true, TSVal: 7}
	} else {
		h.Ack = 1
	}
	b := make([]byte, h.HeaderLen(), h.HeaderLen()+len(payload))
	h.Encode(b)
	return ipPacket(wire.ProtoTCP, append(b, payload...))
}

func udpPacket(payload string) link.Packet {
	h := wire.UDP{SrcPort: 40000, DstPort: 40001, Length: uint16(8 + len(payload))}
	b := make([]byte, 8)
	h.Encode(b)
	return ipPacket(wire.ProtoUDP, append(b, payload...))
}

// sample returns records of every kind: each direction, TCP with options, a
// super-segment, UDP, and a packet that the Tap kept the first bytes of.
func sample() []link.Record {
	tap := link.NewTap(1 << 20)
	put := func(ms int, d link.Direction, why trace.Reason, p link.Packet) {
		tap.Put(clock.Instant(1).Add(time.Duration(ms)*time.Millisecond), d, why, 3, &p)
	}
	put(0, link.Out, trace.SendSYN, tcpPacket(100, wire.SYN, nil))
	put(1, link.In, trace.None, tcpPacket(101, wire.ACK, nil))
	super := tcpPacket(101, wire.ACK|wire.PSH, bytes.Repeat([]byte("sockeye "), 500))
	super.GSOSize = 1460
	put(2, link.Out, trace.SendData, super)
	put(3, link.Local, trace.SendUDP, udpPacket("to ourselves"))
	put(4, link.Out, trace.SendUDP, udpPacket("odd"))
	records, _ := tap.Take()
	return records
}

func write(t *testing.T, records []link.Record) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, Options{Wall: wall, Base: 1})
	require.NoError(t, err)
	for i := range records {
		require.NoError(t, w.WriteRecord(&records[i]))
	}
	return file.Bytes()
}

func TestRoundTrip(t *testing.T) {
	records := sample()
	r := NewReader(bytes.NewReader(write(t, records)))
	type seen struct {
		After    time.Duration
		Dir      link.Direction
		Iface    string
		Length   int
		Comments []string
	}
	var got []seen
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.EqualValues(t, linkTypeRaw, p.LinkType)
		require.Len(t, p.Data, p.Length)
		got = append(got, seen{p.At.Sub(wall), p.Dir, p.Interface, p.Length, p.Comments})
	}
	const ms = time.Millisecond
	cut := func(n string) []string {
		return []string{"new data", "segment " + n + " that the device cuts from 4040 bytes"}
	}
	require.Equal(t, []seen{
		{0, link.Out, "sockeye0", 56, []string{"active open"}},
		{1 * ms, link.In, "sockeye0", 40, nil},
		{2 * ms, link.Out, "sockeye0", 1500, cut("1")},
		{2 * ms, link.Out, "sockeye0", 1500, cut("2")},
		{2 * ms, link.Out, "sockeye0", 1120, cut("3")},
		{3 * ms, 0, "lo", 40, []string{"datagram"}},
		{4 * ms, link.Out, "sockeye0", 31, []string{"datagram"}},
	}, got)
}

func TestLibraryReadsOurs(t *testing.T) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(write(t, sample())), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	require.NoError(t, err)
	n := 0
	for ; ; n++ {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Equal(t, info.Length, len(data))
		require.Zero(t, info.Timestamp.Sub(wall)%time.Millisecond, "nanoseconds are kept")
		h, body, err := wire.DecodeIPv4(data)
		require.NoError(t, err)
		require.True(t, wire.TransportChecksumOK(h.Src, h.Dst, h.Protocol, body))
	}
	require.Equal(t, 7, n)
}

// tshark reads our file: every packet, no malformed one, no bad checksum.
func TestTsharkReadsOurs(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: ", err)
	}
	path := filepath.Join(t.TempDir(), "ours.pcapng")
	require.NoError(t, os.WriteFile(path, write(t, sample()), 0o600))
	run := func(args ...string) []string {
		cmd := exec.Command(tshark, append([]string{"-n", "-r", path,
			"-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"}, args...)...)
		out, err := cmd.Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	bad := `_ws.malformed || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"`
	require.Empty(t, run("-Y", bad, "-T", "fields", "-e", "frame.number"))
	good := `tcp.checksum.status == "Good" || udp.checksum.status == "Good"`
	require.Len(t, run("-Y", good, "-T", "fields", "-e", "frame.number"), 7)
	require.Contains(t, strings.Join(run("-T", "fields", "-e", "frame.comment"), " "), "active open")
	require.Equal(t, "1709208000.123456789", run("-c", "1", "-T", "fields", "-e", "frame.time_epoch")[0][:20])
}

func TestReaderOfOtherWriters(t *testing.T) {
	be := binary.BigEndian
	put := func(kind uint32, body []byte) []byte {
		b := be.AppendUint32(nil, kind)
		b = be.AppendUint32(b, uint32(len(body)+12))
		b = append(b, body...)
		return be.AppendUint32(b, uint32(len(body)+12))
	}
	words := func(w ...uint32) (b []byte) {
		for _, v := range w {
			b = be.AppendUint32(b, v)
		}
		return b
	}
	section := put(blockSection, words(byteOrderMagic, 1<<16, 0xFFFFFFFF, 0xFFFFFFFF))
	for _, c := range []struct {
		name  string
		resol []uint32
		ts    uint64
		want  time.Time
	}{
		{"microseconds, where nothing is said", nil, 1_500_000, time.Unix(1, 500_000_000)},
		{"milliseconds", []uint32{9<<16 | 1, 0x03000000}, 1500, time.Unix(1, 500_000_000)},
		{"powers of 2", []uint32{9<<16 | 1, 0x90000000}, 3 << 15, time.Unix(1, 500_000_000)},
		{"finer than nanoseconds", []uint32{9<<16 | 1, 0x0C000000}, 1_500_000_000_000, time.Unix(1, 500_000_000)},
		{"a resolution nobody can mean", []uint32{9<<16 | 1, 0xFF000000}, 0, time.Unix(0, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := bytes.Clone(section)
			file = append(file, put(blockInterface, words(append([]uint32{linkTypeRaw << 16, 0}, c.resol...)...))...)
			file = append(file, put(5, words(0, 0))...) // statistics: skipped
			file = append(file, put(blockEnhanced, words(0, uint32(c.ts>>32), uint32(c.ts), 3, 99, 0x45000000))...)
			p, err := NewReader(bytes.NewReader(file)).Next()
			require.NoError(t, err)
			require.True(t, c.want.Equal(p.At), "%v", p.At)
			require.Equal(t, []byte{0x45, 0, 0}, p.Data)
			require.Equal(t, 99, p.Length)
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	good := write(t, sample()[:1])
	change := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"another format", []byte("GIF89a is not a capture")},
		{"a byte order that is none", change(8, 0)},
		{"a block that is larger than any", change(7, 0x7F)},
		{"a block smaller than its frame", change(4, 4)},
		{"lengths that differ", change(len(good)-4, 1)},
		{"a file that is cut short", good[:len(good)-3]},
		{"a header that is cut short", good[:5]},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(c.file)).Next()
			require.ErrorIs(t, err, ErrFormat)
		})
	}
	_, err := NewReader(bytes.NewReader(nil)).Next()
	require.Equal(t, io.EOF, err)
}

type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, os.ErrClosed
	}
	return len(b), nil
}

func TestWriterReportsErrors(t *testing.T) {
	records := sample()
	for left := range 2 {
		_, err := NewWriter(&failing{left}, Options{})
		require.ErrorIs(t, err, os.ErrClosed)
	}
	w, err := NewWriter(&failing{3}, Options{})
	require.NoError(t, err)
	require.ErrorIs(t, w.WriteRecord(&records[2]), os.ErrClosed, "the second segment")
	require.ErrorIs(t, w.WriteRecord(&records[3]), os.ErrClosed, "a new interface")
}

func FuzzReader(f *testing.F) {
	tap := link.NewTap(1 << 12)
	p := udpPacket("x")
	tap.Put(1, link.In, trace.SendUDP, 0, &p)
	records, _ := tap.Take()
	var file bytes.Buffer
	w, err := NewWriter(&file, Options{})
	require.NoError(f, err)
	require.NoError(f, w.WriteRecord(&records[0], "a comment"))
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			p, err := r.Next()
			if err != nil {
				require.True(t, err == io.EOF || strings.Contains(err.Error(), ErrFormat.Error()))
				return
			}
			require.LessOrEqual(t, len(p.Data), len(b))
		}
	})
}
