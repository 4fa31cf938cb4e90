package host

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

func (d *duel) write(x *talk) {
	if x == nil {
		return
	}
	f := d.flow(x.local, x.remote)
	off := f.sent[x.local.Port()]
	p := d.buf[:1+d.in.word()%5000]
	say(p, x.local, x.remote, off)
	n, err := d.hosts[x.host].Send(d.now, x.s, p)
	f.sent[x.local.Port()] += n
	x.note(err)
}

// note remembers that a talk failed: what it hears afterwards is not the end of a stream.
func (x *talk) note(err error) {
	x.failed = x.failed || err != nil && err != ErrWouldBlock
}

// listen reads, and holds what it hears against what was said.
func (d *duel) listen(x *talk) {
	if x == nil {
		return
	}
	p := d.buf[:1+d.in.word()%8000]
	var flags RecvFlags
	if d.in.byte()%8 == 0 {
		flags = Peek
	}
	n, err := d.hosts[x.host].Recv(d.now, x.s, p, flags)
	x.note(err)
	f := d.flow(x.local, x.remote)
	if d.anySegment || f.data {
		return
	}
	require.LessOrEqual(d.t, x.read+n, f.sent[x.remote.Port()], "more than was sent")
	said := d.buf[len(p) : len(p)+n]
	say(said, x.remote, x.local, x.read)
	require.True(d.t, bytes.Equal(said, p[:n]), "bytes %d to %d are not what was sent", x.read, x.read+n)
	if flags&Peek == 0 {
		x.read += n
	}
	if n == 0 && err == nil && !x.failed && !x.deaf && !f.end {
		require.True(d.t, f.ended[x.remote.Port()], "an end that nobody said")
		require.Equal(d.t, f.sent[x.remote.Port()], x.read, "the end before the last byte")
	}
}

// end is one of the ways to end a talk, or a direction of it.
func (d *duel) end(x *talk) {
	if x == nil {
		return
	}
	h := d.hosts[x.host]
	f := d.flow(x.local, x.remote)
	switch d.in.byte() % 8 {
	case 0, 1, 2:
		x.note(h.Shutdown(d.now, x.s, ShutWrite))
		f.ended[x.local.Port()] = true
	case 3:
		x.note(h.Shutdown(d.now, x.s, ShutRead))
		x.deaf = true
	case 4:
		_ = h.SetOptions(d.now, x.s, Options{LingerOn: true, Linger: time.Duration(d.in.byte()&1) * time.Second})
		fallthrough
	case 5, 6:
		x.note(h.Close(d.now, x.s))
		f.ended[x.local.Port()] = true
	case 7:
		x.note(h.Abort(d.now, x.s))
	}
	if _, err := h.Poll(x.s); err != nil {
		x.failed = true
	}
}

func (d *duel) options(x *talk) {
	if x == nil {
		return
	}
	a, b := d.in.byte(), d.in.byte()
	_ = d.hosts[x.host].SetOptions(d.now, x.s, Options{TTL: uint8(b), TOS: uint8(b), TCP: tcp.Options{
		NoDelay: a&1 != 0, Cork: a&2 != 0, QuickACK: a&4 != 0, KeepAlive: a&8 != 0, KeepIdle: time.Duration(b) * time.Second,
		SendBuffer: b << (a >> 4), RecvBuffer: b << (a >> 5), MaxSeg: b * 8,
	}})
}

func (d *duel) sendDatagram(i int) {
	from, to := netip.AddrPortFrom(duelAddrs[i], 53), netip.AddrPortFrom(duelAddrs[1-i], 53)
	p := d.buf[:d.in.word()%6000]
	say(p, from, to, 0)
	if _, err := d.hosts[i].SendTo(d.now, d.ears[i], p, to); err != nil {
		return
	}
	f := d.flow(from, to)
	if f.sizes[uint16(i)] == nil {
		f.sizes[uint16(i)] = map[int]bool{}
	}
	f.sizes[uint16(i)][len(p)] = true
}

func (d *duel) recvDatagram(i int) {
	n, size, from, err := d.hosts[i].RecvFrom(d.now, d.ears[i], d.buf[:8000], 0)
	if err != nil {
		return
	}
	to := netip.AddrPortFrom(duelAddrs[i], 53)
	f := d.flow(from, to)
	if d.anyDatagram || f.data {
		return
	}
	require.True(d.t, f.sizes[uint16(1-i)][size], "a datagram of %d bytes that nobody sent", size)
	said := d.buf[8000 : 8000+n]
	say(said, from, to, 0)
	require.True(d.t, bytes.Equal(said, d.buf[:n]), "a datagram that nobody sent")
}
