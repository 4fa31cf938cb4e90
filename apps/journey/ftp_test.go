package journey

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A file over FTP: two connections, the calls on both, the dialogue, and how each of them ended.
func TestFTPJourney(t *testing.T) {
	golden(t, "ftp.txt", ftpTold("en"))
	golden(t, "ftp.ko.txt", ftpTold("ko"))
}

// A dialogue is FTP's control connection in a scene.
type dialogue struct {
	*scene
	n, m int // the next numbers: ours, the server's
}

// says has one side say a line, and the other acknowledge it.
func (d *dialogue) says(ours bool, line string) {
	text := line + "\r\n"
	if ours {
		d.Line(d.now, true, line)
		d.after(2 * time.Microsecond)
		d.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, d.n, d.m, text, stamps)
		d.n += len(text)
		d.did(socket.Call{Name: "send", FD: 3, Len: len(text), Result: len(text)})
		return
	}
	d.after(300 * time.Microsecond)
	d.seg(link.In, trace.None, wire.PSH|wire.ACK, d.m, d.n, text, stamps)
	d.m += len(text)
	d.seg(link.Out, trace.SendACK, wire.ACK, d.n, d.m, "", stamps)
	d.did(socket.Call{Name: "recv", FD: 3, Len: 4096, Result: len(text)})
	d.Line(d.now, false, line)
}

// onto changes to another connection of the scene.
func (s *scene) onto(local, peer string, conn uint64, fd int) {
	s.local, s.peer, s.conn, s.fd = netip.MustParseAddrPort(local), netip.MustParseAddrPort(peer), conn, fd
}

func ftpTold(lang string) string {
	s := newScene()
	s.o.Lang = lang
	control := func() { s.onto("192.0.2.2:40000", "192.0.2.1:21", 7, 3) }
	control()
	s.URL("ftp://joe:hush@192.0.2.1/pub/hello")
	s.Connection(way)
	s.handshake()
	s.Agreed()
	s.Dialogue()
	d := &dialogue{s, 1, 1}
	for _, line := range []string{"<220 Hi.", ">USER joe", "<331 Who?", ">PASS (not shown)", "<230 In.", ">CWD pub", "<250 There.", ">EPSV", "<229 Here (|||30000|)."} {
		d.says(line[0] == '>', line[1:])
	}
	data := func() { s.onto("192.0.2.2:40001", "192.0.2.1:30000", 8, 4) }
	data()
	s.Data(s.peer)
	s.handshake()
	s.Agreed()
	control()
	d.says(true, "RETR hello")
	d.says(false, "150 It comes.")
	data()
	s.seg(link.In, trace.None, wire.PSH|wire.FIN|wire.ACK, 1, 1, "hello\n", stamps)
	s.state(tcp.StateCloseWait)
	s.seg(link.Out, trace.SendDelACK, wire.ACK, 1, 8, "", stamps)
	s.did(socket.Call{Name: "recv", FD: 4, Len: 32768, Result: 6})
	s.did(socket.Call{Name: "recv", FD: 4, Len: 32768})
	s.state(tcp.StateLastAck)
	s.seg(link.Out, trace.SendFIN, wire.FIN|wire.ACK, 1, 8, "", stamps)
	s.did(socket.Call{Name: "close", FD: 4})
	s.after(60 * time.Microsecond)
	s.seg(link.In, trace.None, wire.ACK, 8, 2, "", stamps)
	s.state(tcp.StateClosed)
	control()
	d.says(false, "226 That was it.")
	s.Content([]byte("hello\n"), 6)
	s.Heading("The close")
	d.says(true, "QUIT")
	d.says(false, "221 Bye.")
	s.seg(link.In, trace.None, wire.FIN|wire.ACK, d.m, d.n, "", stamps)
	s.state(tcp.StateCloseWait)
	s.did(socket.Call{Name: "recv", FD: 3, Len: 512})
	s.state(tcp.StateLastAck)
	s.seg(link.Out, trace.SendFIN, wire.FIN|wire.ACK, d.n, d.m+1, "", stamps)
	s.did(socket.Call{Name: "close", FD: 3})
	s.after(60 * time.Microsecond)
	s.seg(link.In, trace.None, wire.ACK, d.m+1, d.n+1, "", stamps)
	s.state(tcp.StateClosed)
	s.EachClosed(30*time.Second, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:40000"), netip.MustParseAddrPort("192.0.2.2:40001")})
	s.End()
	return s.text.String()
}
