package journey

import "fmt"

// Bytes tells how many bytes each layer added to the page, both ways. head and
// body are the sizes of the messages: what was sent and what was received.
func (j *Journey) Bytes(sentHead, sentBody, gotHead, gotBody int64) {
	j.end(func() {
		f := j.recent
		if f == nil {
			return
		}
		j.heading("The bytes that each layer adds")
		j.tellBytes(f, sentHead, sentBody, gotHead, gotBody)
		j.blank()
	})
}

func (j *Journey) tellBytes(f *flow, sentHead, sentBody, gotHead, gotBody int64) {
	up, down := &f.us, &f.peer
	j.line(margin + pad("", 20) + left(j.t("from us"), 12) + left(j.t("to us"), 12))
	row := func(name string, a, b int64, why string) {
		line := margin + pad(j.t(name), 20) + left(count(a), 12) + left(count(b), 12)
		if why != "" {
			line += "  " + j.dim(j.t(why))
		}
		j.line(line)
	}
	row("segments", up.packets, down.packets, "")
	j.blank()
	row("HTTP body", sentBody, gotBody, "what it is all for")
	row("HTTP head", sentHead, gotHead, "")
	if a, b := up.payload-sentHead-sentBody, down.payload-gotHead-gotBody; a > 0 || b > 0 {
		row(either(j.tls, "TLS, HTTP/2", "chunks, 1xx, again"), max(a, 0), max(b, 0), "")
	}
	row("TCP options", up.options, down.options, "MSS, window scale, timestamps")
	row("TCP headers", up.tcp, down.tcp, "20 each")
	row("IPv4 headers", up.ip, down.ip, "20 each")
	row("Ethernet", 0, 0, "a TUN has none")
	j.line(margin + fmt.Sprintf("%-20s%12s%12s", "", "--------", "--------"))
	row("in all so far", up.total(), down.total(), "")
	if all := up.total() + down.total(); gotBody > 0 && all > 0 {
		j.blank()
		share := j.t("%d %%", gotBody*100/all)
		if gotBody*100 < all {
			share = j.t("less than 1 %")
		}
		j.paragraph(j.t("%s of page took %s on the wire: %s of it is the page.", j.n(gotBody, "byte"), j.n(all, "byte"), share))
	}
}

func (s *side) total() int64 { return s.ip + s.tcp + s.options + s.payload }
