package host

// sendFragments queues m cut into fragments of at most mtu bytes: all of them, or none (RFC 791 3.2).
func (h *Host) sendFragments(m *message, mtu int) error {
	size := transportHeaderLen + len(m.body)
	step := (mtu - ipHeaderLen) &^ 7
	count := (size + step - 1) / step
	if !h.roomFor(&h.out, count, false) {
		h.counters.IP.FragFails++
		return ErrWouldBlock
	}
	var made parcelQueue
	ip := h.header(m)
	ip.DF = false
	ip.ID = h.nextID(m.src, m.dst, m.protocol)
	for off := 0; off < size; off += step {
		n := min(step, size-off)
		p := h.parcels.get(ipHeaderLen + n)
		if p == nil {
			made.drain(&h.parcels)
			h.counters.IP.FragFails++
			return ErrNoMemory
		}
		ip.FragOff, ip.MF = uint16(off), off+n < size
		at := ip.Encode(p.data, n)
		m.copyPart(p.data[at:], off)
		p.owner, p.why = m.owner, m.why
		made.push(p)
	}
	for p := made.pop(); p != nil; p = made.pop() {
		h.charge(p)
		h.out.push(p)
		h.counters.IP.FragCreates++
	}
	h.counters.IP.FragOKs++
	return nil
}

// copyPart fills dst with what m holds from off on, transport header first.
func (m *message) copyPart(dst []byte, off int) {
	if off < transportHeaderLen {
		n := copy(dst, m.head[off:])
		dst, off = dst[n:], off+n
	}
	copy(dst, m.body[off-transportHeaderLen:])
}
