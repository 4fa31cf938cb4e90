package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// What another library writes as pcap, of either accuracy, is read.
func TestReadsPcap(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(io.Writer) *pcapgo.Writer
		unit time.Duration
	}{{"microseconds", pcapgo.NewWriter, time.Microsecond}, {"nanoseconds", pcapgo.NewWriterNanos, time.Nanosecond}} {
		t.Run(row.name, func(t *testing.T) {
			var file bytes.Buffer
			w := row.make(&file)
			require.NoError(t, w.WriteFileHeader(65536, layers.LinkTypeEthernet))
			frame := append(bytes.Repeat([]byte{2}, 12), 8, 0, 0x45, 1, 2, 3)
			require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: wall, CaptureLength: len(frame), Length: 99}, frame))
			r := NewReader(bytes.NewReader(file.Bytes()))
			p, err := r.Next()
			require.NoError(t, err)
			require.True(t, wall.Truncate(row.unit).Equal(p.At), p.At)
			require.Equal(t, 99, p.Length)
			require.Equal(t, []byte{0x45, 1, 2, 3}, p.Datagram())
			_, err = r.Next()
			require.Equal(t, io.EOF, err)
			_, err = NewReader(bytes.NewReader(file.Bytes()[:45])).Next()
			require.ErrorIs(t, err, ErrFormat, "cut short")
			big := bytes.Clone(file.Bytes())
			binary.LittleEndian.PutUint32(big[32:], 1<<30)
			_, err = NewReader(bytes.NewReader(big)).Next()
			require.ErrorIs(t, err, ErrFormat, "memory is bounded")
		})
	}
}

// The header of each link is taken off.
func TestDatagram(t *testing.T) {
	ip := []byte{0x45, 0, 0, 1}
	mac := make([]byte, 12)
	for _, row := range []struct {
		rule string
		kind uint16
		head []byte
		ok   bool
	}{
		{"raw IP", 101, nil, true},
		{"raw IPv4", 228, nil, true},
		{"Ethernet", 1, append(mac, 8, 0), true},
		{"Ethernet, ARP", 1, append(mac, 8, 6), false},
		{"Ethernet with a VLAN tag (802.1Q)", 1, append(mac, 0x81, 0, 0, 7, 8, 0), true},
		{"Ethernet with two (802.1ad)", 1, append(mac, 0x88, 0xA8, 0, 7, 0x81, 0, 0, 7, 8, 0), true},
		{"Ethernet, nothing in it", 1, mac, false},
		{"Linux cooked", 113, append(make([]byte, 14), 8, 0), true},
		{"Linux cooked, second version", 276, append([]byte{8, 0}, make([]byte, 18)...), true},
		{"loopback of BSD", 0, []byte{2, 0, 0, 0}, true},
		{"a link that is not known", 9, nil, false},
	} {
		p := Packet{LinkType: row.kind, Data: append(bytes.Clone(row.head), ip...)}
		if row.ok {
			require.Equal(t, ip, p.Datagram(), row.rule)
		} else {
			require.Nil(t, p.Datagram(), row.rule)
		}
		for n := range p.Data { // cut anywhere, nothing breaks
			(&Packet{LinkType: row.kind, Data: p.Data[:n]}).Datagram()
		}
	}
	require.Nil(t, (&Packet{LinkType: 101, Data: []byte{0x60, 0}}).Datagram(), "IPv6")
}

// Secrets are a block of their own, which a reader of packets passes over.
func TestSecrets(t *testing.T) {
	const line = "CLIENT_RANDOM 00 11\n"
	var file bytes.Buffer
	w, err := NewWriter(&file, Options{})
	require.NoError(t, err)
	at := file.Len()
	require.NoError(t, w.WriteSecrets([]byte(line)))
	b := file.Bytes()[at:]
	require.Equal(t, uint32(10), binary.LittleEndian.Uint32(b))
	require.Equal(t, "KSLT", string(b[8:12]), "TLSK, in the file's byte order")
	require.Equal(t, uint32(len(line)), binary.LittleEndian.Uint32(b[12:]))
	require.Equal(t, line, string(b[16:16+len(line)]))
	_, err = NewReader(bytes.NewReader(file.Bytes())).Next()
	require.Equal(t, io.EOF, err)
}
