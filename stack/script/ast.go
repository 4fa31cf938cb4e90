package script

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A program is a parsed script.
type program struct {
	name     string
	settings settings
	events   []event
	stage    *Stage // nil: our own host
}

// An event is one line of a script.
type event struct {
	line int
	text string // as written
	at   when
	do   any // *packet, *call or *assertion
}

// when says at what time an event happens.
type when struct {
	relative bool // to the event before
	any      bool
	lo, hi   time.Duration
	blocks   bool
	end      time.Duration // of a call that blocks
}

// Which protocol a packet is of.
type protocol uint8

const (
	protoTCP protocol = iota
	protoUDP
	protoICMP
)

// A packet is one as a script writes it: numbers are relative where the
// notation has them so. What comes out of the host is brought into the same form.
type packet struct {
	out   bool // from the host
	proto protocol
	attr  attributes

	flags      wire.Flags
	seq, end   uint32
	length     int // of the payload, bytes
	ack        uint32
	win        int // -1: not said
	urg        int // -1: not said
	options    []option
	anyOptions bool

	icmp  icmpName
	mtu   int     // of frag_needed, -1: not said
	quote *packet // of an ICMP error

	data []byte // payload of an actual packet
}

// attributes are what the brackets before the flags say.
type attributes struct {
	ecn      int // codepoint, -1: not said
	ttl, tos int // -1: not said
	df       int // 0 or 1, -1: not said
	flow     int
	src, dst netip.Addr
	badsum   bool
	nosum    bool   // of UDP: no checksum at all
	length   int    // what the length field of a UDP header says, -1: the truth
	version  int    // of IP, -1: 4
	id       int    // of IP
	frag     [2]int // from and to which byte of the IP payload; both 0: all of it
	options  []byte // of IP
	more     bool
}

func noAttributes() attributes {
	return attributes{ecn: -1, ttl: -1, tos: -1, df: -1, flow: 1, length: -1, version: -1}
}

// An option is one TCP option.
type option struct {
	kind     uint8
	value    uint32 // of MSS and window scale
	val, ecr uint32 // of timestamps
	anyVal   bool   // "*" in the place of val
	anyEcr   bool
	blocks   [][2]uint32 // of SACK
	raw      []byte      // of any other kind: what follows the kind byte
}

// A call is one of the application.
type call struct {
	name   string
	args   []value
	result int
	errno  string // "": none
}

// An assertion is what is between %{ and }%.
type assertion struct{ tests []test }

// A test is one expression that must be true.
type test struct {
	text string
	expr node
}
