package script

// An icmpName is type and code as the notation names them.
type icmpName struct{ kind, code string }

type icmpNumbers struct{ kind, code uint8 }

// icmpNames lists the messages that scripts may name.
var icmpNames = map[icmpName]icmpNumbers{
	{"unreachable", "net_unreachable"}:          {3, 0},
	{"unreachable", "host_unreachable"}:         {3, 1},
	{"unreachable", "protocol_unreachable"}:     {3, 2},
	{"unreachable", "port_unreachable"}:         {3, 3},
	{"unreachable", "frag_needed"}:              {3, 4},
	{"unreachable", "source_route_failed"}:      {3, 5},
	{"unreachable", "net_unreachable_for_tos"}:  {3, 11},
	{"unreachable", "host_unreachable_for_tos"}: {3, 12},
	{"unreachable", "packet_filtered"}:          {3, 13},
	{"source_quench", ""}:                       {4, 0},
	{"redirect", ""}:                            {5, 1},
	{"time_exceeded", "ttl"}:                    {11, 0},
	{"time_exceeded", "reassembly"}:             {11, 1},
	{"parameter_problem", ""}:                   {12, 0},
	{"echo_request", ""}:                        {8, 0},
	{"echo_reply", ""}:                          {0, 0},
	{"timestamp_request", ""}:                   {13, 0},
	{"information_request", ""}:                 {15, 0},
	{"address_mask_request", ""}:                {17, 0},
}

// isError reports whether the message quotes a packet.
func (n icmpName) isError() bool {
	switch n.kind {
	case "unreachable", "source_quench", "redirect", "time_exceeded", "parameter_problem":
		return true
	}
	return false
}

// icmp takes an ICMP message: type code mtu n (length) [quoted packet].
func (s *scanner) icmp(p *packet) {
	p.icmp.kind = s.ident()
	if _, ok := icmpNames[p.icmp]; !ok {
		p.icmp.code = s.ident()
	}
	if _, ok := icmpNames[p.icmp]; !ok {
		s.fail("no ICMP message %q %q", p.icmp.kind, p.icmp.code)
	}
	for {
		switch {
		case s.keyword("mtu"):
			p.mtu = s.number()
		case s.accept("("):
			p.length = s.number()
			s.expect(")")
		case s.accept("["):
			p.quote = s.quoted(!p.out)
		default:
			return
		}
	}
}

// quoted takes the packet that an ICMP error is about: [1:1461(1460)] of TCP,
// or [udp (100)].
func (s *scanner) quoted(out bool) *packet {
	q := &packet{out: out, attr: noAttributes(), win: -1, urg: -1, mtu: -1}
	if s.keyword("udp") {
		q.proto = protoUDP
		s.udp(q)
	} else {
		s.sequence(q)
	}
	s.expect("]")
	return q
}
