package journey

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Dialogue begins the chapter of FTP's control connection.
func (j *Journey) Dialogue() {
	j.end(func() {
		j.heading("The commands and the replies")
		j.paragraph(j.t("FTP talks in lines of text on this connection: commands from us, and replies that begin with three digits. The file comes over a connection of its own."))
		j.blank()
	})
}

// Data begins the chapter of FTP's data connection to a port that the server has named.
func (j *Journey) Data(to netip.AddrPort) {
	j.end(func() {
		j.heading("The data connection")
		j.paragraph(j.t("Passive mode: the server said that it waits at port %d, and we connect there; were it active, the server would connect to us. The end of this connection is the end of the file.", to.Port()))
		j.blank()
	})
}

// Line takes a line of a dialogue that has been said.
func (j *Journey) Line(now clock.Instant, ours bool, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	way := "ftp < "
	if ours {
		way = "ftp > "
	}
	text = way + clean(text, columns-len(margin)-timeColumn-len(way))
	j.hear(item{at: now, order: orderCall, tell: func() {
		j.record("frame", now, text)
		j.rung(fmt.Sprintf("%*s  %s", timeColumn, j.time(now), j.call(text)), 0)
	}})
}

// Content shows the beginning of what came, which is n bytes long.
func (j *Journey) Content(begin []byte, n int64) {
	j.end(func() {
		j.blank()
		if len(begin) > 0 {
			j.message("< ", begin, bodyLines)
		}
		if rest := n - int64(len(begin)); rest > 0 {
			j.line(margin + "< ... " + j.t("%s more", j.n(rest, "byte")))
		}
		j.blank()
	})
}

// EachClosed tells how FTP's connections were closed; their local ends are given, the control connection's first.
func (j *Journey) EachClosed(msl time.Duration, locals []netip.AddrPort) {
	j.end(func() {
		for i, local := range locals {
			f := j.flowFrom(local)
			if f == nil {
				continue
			}
			j.blank()
			j.fact("which", either(i == 0, j.t("the control connection"), j.t("the data connection")))
			j.tellClose(f, msl)
		}
		j.blank()
	})
}

// StateFrom returns the state of the connection whose end local is; 0: there is none.
func (j *Journey) StateFrom(local netip.AddrPort) tcp.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f := j.flowFrom(local); f != nil {
		return f.last()
	}
	return 0
}

// flowFrom is the connection whose end local is.
func (j *Journey) flowFrom(local netip.AddrPort) *flow {
	for k, f := range j.flows {
		if k.local == local && f.us.known {
			return f
		}
	}
	return nil
}
