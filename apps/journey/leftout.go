package journey

import (
	"fmt"

	"github.com/sockeye-net/sockeye/stack/capture"
)

// A leftOut counts the packets of a file that are no IPv4.
type leftOut struct {
	newer   int    // of IPv6
	foreign int    // of no IP, such as ARP
	sealed  int    // of a link that cannot be read
	link    uint16 // its type
}

func (l *leftOut) count(p *capture.Packet) {
	switch p.Content() {
	case capture.IPv6:
		l.newer++
	case capture.UnknownLink:
		l.sealed++
		l.link = p.LinkType
	default:
		l.foreign++
	}
}

// nothing says why there is nothing to tell.
func (l *leftOut) nothing() error {
	switch {
	case l.sealed > 0:
		return fmt.Errorf("%w that can be read: its link is of type %d, and Ethernet, Linux cooked (SLL), loopback and raw IP are known", ErrNothing, l.link)
	case l.newer > 0:
		return fmt.Errorf("%w, but IPv6, which is not told", ErrNothing)
	}
	return ErrNothing
}

// tell says what was left out of the story.
func (l *leftOut) tell(j *Journey) {
	if l.newer > 0 {
		j.paragraph(j.t("Left out: %s of IPv6, since this stack speaks IPv4.", j.n(int64(l.newer), "packet")))
	}
	if l.foreign > 0 {
		j.paragraph(j.t("Left out: %s of no IP.", j.n(int64(l.foreign), "packet")))
	}
	if l.sealed > 0 {
		j.paragraph(j.t("Left out: %s of a link that cannot be read.", j.n(int64(l.sealed), "packet")))
	}
}
