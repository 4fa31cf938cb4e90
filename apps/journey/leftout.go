package journey

import (
	"fmt"

	"github.com/sockeye-net/sockeye/stack/capture"
)

// A leftOut counts the packets of a file that are no IPv4.
type leftOut struct {
	ipv6        int
	noIP        int // such as ARP
	unknownLink int
	link        uint16 // the type of that
}

func (l *leftOut) count(p *capture.Packet) {
	switch p.Content() {
	case capture.IPv6:
		l.ipv6++
	case capture.UnknownLink:
		l.unknownLink++
		l.link = p.LinkType
	default:
		l.noIP++
	}
}

// nothing says why there is nothing to tell.
func (l *leftOut) nothing() error {
	switch {
	case l.unknownLink > 0:
		return fmt.Errorf("%w that can be read: its link is of type %d, and Ethernet, Linux cooked (SLL), loopback and raw IP are known", ErrNothing, l.link)
	case l.ipv6 > 0:
		return fmt.Errorf("%w, but IPv6, which is not told", ErrNothing)
	}
	return ErrNothing
}

// tell says what was left out of the story.
func (l *leftOut) tell(j *Journey) {
	if l.ipv6 > 0 {
		j.paragraph(j.t("Left out: %s of IPv6, since this stack speaks IPv4.", j.n(int64(l.ipv6), "packet")))
	}
	if l.noIP > 0 {
		j.paragraph(j.t("Left out: %s of no IP.", j.n(int64(l.noIP), "packet")))
	}
	if l.unknownLink > 0 {
		j.paragraph(j.t("Left out: %s of a link that cannot be read.", j.n(int64(l.unknownLink), "packet")))
	}
}
