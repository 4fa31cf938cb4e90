package script

import (
	"fmt"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/host"
)

// messageFlags is the place of the flags among the arguments of the calls that have them.
const messageFlags = 3

// recv reads, and compares what was read with what the peer sent.
func (m *machine) recv(r *running) outcome {
	n, err := r.c.number(2)
	if err != nil {
		return outcome{err: err}
	}
	if r.c.has(messageFlags, "MSG_OOB") {
		return m.recvUrgent(r, n)
	}
	peek := r.c.has(messageFlags, "MSG_PEEK")
	all := r.c.has(messageFlags, "MSG_WAITALL")
	var flags host.RecvFlags
	if peek {
		flags = host.Peek
	}
	buf := make([]byte, max(n-r.done, 0))
	skips := m.skipsMark(r.d)
	got, _, _, err := m.h.RecvFrom(m.now, r.d.s, buf, flags)
	if err != nil {
		if r.done > 0 && err == host.ErrWouldBlock && (r.d.nonblock || r.c.has(messageFlags, "MSG_DONTWAIT")) {
			return outcome{n: r.done}
		}
		return m.wait(r, err)
	}
	o := outcome{n: r.done + got}
	if skips && got > 0 && !peek {
		r.d.read++ // the urgent byte is not part of the stream
	}
	at := r.d.read
	if skips && peek {
		at++
	}
	if r.d.kind != host.Stream {
		at = 0
	}
	if i := wrongAt(buf[:got], at); i >= 0 {
		o.wrong = fmt.Sprintf("byte %d of the stream is not what the peer sent", int(at)+i)
	}
	if !peek {
		r.d.read += uint32(got)
		r.done += got
	}
	if all && got > 0 && r.done < n && o.wrong == "" && !peek {
		return m.recv(r)
	}
	return o
}

// skipsMark reports whether the next read passes over an urgent byte.
func (m *machine) skipsMark(d *descriptor) bool {
	at, err := m.h.AtMark(d.s)
	o, _ := m.h.Options(d.s)
	return err == nil && at && !o.TCP.OOBInline
}

// recvUrgent takes the urgent byte, and compares it with what the peer sent.
func (m *machine) recvUrgent(r *running, n int) outcome {
	flags := host.RecvOOB
	if r.c.has(messageFlags, "MSG_PEEK") {
		flags |= host.Peek
	}
	left, _ := m.h.UrgentLeft(r.d.s)
	buf := make([]byte, n)
	got, err := m.h.Recv(m.now, r.d.s, buf, flags)
	if err != nil {
		return outcome{err: err}
	}
	o := outcome{n: got}
	if at := r.d.read + uint32(left) - 1; wrongAt(buf[:got], at) >= 0 {
		o.wrong = fmt.Sprintf("it is not byte %d of the stream", at)
	}
	return o
}

// send writes the pattern, all of it where the descriptor blocks.
func (m *machine) send(r *running) outcome {
	n, err := r.c.number(2)
	if err != nil {
		return outcome{err: err}
	}
	var flags host.SendFlags
	if r.c.has(messageFlags, "MSG_OOB") {
		flags |= host.OOB
	}
	if r.c.has(messageFlags, "MSG_MORE") {
		flags |= host.More
	}
	b := make([]byte, n-r.done)
	if r.d.kind != host.Stream {
		return m.sendDatagram(r, b)
	}
	fill(b, r.d.written)
	for {
		got, err := m.h.SendWith(m.now, r.d.s, b, flags)
		if err != nil {
			if r.done > 0 && (err != host.ErrWouldBlock || r.d.nonblock) {
				return outcome{n: r.done}
			}
			return m.wait(r, err)
		}
		r.d.written += uint32(got)
		r.done += got
		b = b[got:]
		if len(b) == 0 {
			return outcome{n: r.done}
		}
	}
}

func (m *machine) sendDatagram(r *running, b []byte) outcome {
	fill(b, 0)
	to := netip.AddrPort{}
	if r.c.name == "sendto" && r.c.arg(4).name != "NULL" {
		to = netip.AddrPortFrom(m.prog.settings.remote, peerPort)
		if v := r.c.arg(4); v.kind == valueStruct {
			to = v.sockaddr(to)
		}
	}
	if r.d.kind == host.Echo { // the host fills in ID and checksum
		b = append([]byte{8, 0, 0, 0, 0, 0, 0, 1}, b...)
		got, err := m.h.SendTo(m.now, r.d.s, b, to)
		if err != nil {
			return m.wait(r, err)
		}
		return outcome{n: got - 8}
	}
	got, err := m.h.SendTo(m.now, r.d.s, b, to)
	if err != nil {
		return m.wait(r, err)
	}
	return outcome{n: got}
}

// poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, timeout in ms) = n
func (m *machine) poll(r *running) outcome {
	ms, err := r.c.number(2)
	if err != nil {
		return outcome{err: err}
	}
	ready, wrong := 0, ""
	for _, v := range r.c.arg(0).list {
		n, why, err := m.pollOne(v)
		if err != nil {
			return outcome{err: err}
		}
		if n {
			ready++
		}
		if why != "" {
			wrong = why
		}
	}
	if ms > 0 && r.timeout == 0 {
		r.timeout = m.now.Add(millis(ms))
	}
	if ready == 0 && ms != 0 && !r.timeout.Due(m.now) {
		return outcome{err: errBlocks}
	}
	return outcome{n: ready, wrong: wrong}
}

// pollBits translates the host's conditions.
var pollBits = []struct {
	mask host.Mask
	name string
}{
	{host.Readable, "POLLIN"}, {host.Writable, "POLLOUT"}, {host.Urgent, "POLLPRI"},
	{host.HangupRead, "POLLRDHUP"}, {host.Hangup, "POLLHUP"}, {host.Failed, "POLLERR"},
}

func (m *machine) pollOne(v value) (ready bool, wrong string, err error) {
	fd, err := v.field("fd")
	if err != nil {
		return false, "", err
	}
	events, err := v.field("events")
	if err != nil {
		return false, "", err
	}
	want, err := v.field("revents")
	d := m.fds[fd]
	if err != nil || d == nil {
		return false, "", fmt.Errorf("poll: no descriptor %d, or no revents", fd)
	}
	mask, _ := m.h.Poll(d.s)
	events |= constants["POLLERR"] | constants["POLLHUP"]
	got, text := 0, ""
	for _, b := range pollBits {
		if bit := constants[b.name]; mask&b.mask != 0 && events&bit != 0 {
			got |= bit
			text += " " + b.name
		}
	}
	if got != want {
		wrong = fmt.Sprintf("revents of %d are%s", fd, text)
	}
	return got != 0, wrong, nil
}
