package host

// A Discovery says what a socket does about the path MTU: Linux's
// IP_MTU_DISCOVER. The numbers are those of Linux less 1, so that zero is the
// default.
type Discovery int8

// The ways.
const (
	DiscoverDont      Discovery = iota - 1 // DF never; fragments by the known path MTU
	DiscoverWant                           // DF on what fits the known path MTU, fragments of what does not
	DiscoverDo                             // DF always; what is larger than the known path MTU is refused: ErrMsgSize
	DiscoverProbe                          // DF always; only what is larger than the link's MTU is refused
	DiscoverInterface                      // DF never, and no ICMP message is believed; larger than the link's MTU is refused
	DiscoverOmit                           // the same, but larger packets are fragmented
)

// Streams know two ways: DiscoverDont, for which no router's word counts, and
// all others, which are DiscoverWant.

// valid reports whether d is one of them.
func (d Discovery) valid() bool { return d >= DiscoverDont && d <= DiscoverOmit }

// ignoresPath reports whether the link's MTU counts alone.
func (d Discovery) ignoresPath() bool { return d >= DiscoverProbe }

// refusesLarge reports whether what is too large is an error and not fragmented.
func (d Discovery) refusesLarge() bool { return d >= DiscoverDo && d <= DiscoverInterface }

// dontFragment reports whether a packet that fits leaves with DF; locked: the
// path is known for an MTU too small to be believed.
func (d Discovery) dontFragment(locked bool) bool {
	switch d {
	case DiscoverWant:
		return !locked
	case DiscoverDo, DiscoverProbe:
		return true
	}
	return false
}

// learns reports whether a router's Fragmentation Needed is believed.
func (d Discovery) learns() bool { return d < DiscoverInterface }

// tells reports whether the socket hears of it, as Linux: ErrMsgSize.
func (d Discovery) tells() bool { return d != DiscoverDont }
