// Command dial is the smallest useful program on the stack: it opens a TUN,
// connects to an address, sends a line and prints what comes back. It exists to
// be weighed:
//
//	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o dial ./testdata/dial && ls -l dial
package main

import (
	"net/netip"
	"os"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun/vnet"
)

func main() {
	if len(os.Args) != 5 {
		fail("usage: dial TUN OUR-PREFIX ADDRESS:PORT LINE")
	}
	if err := dial(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fail("dial: " + err.Error())
	}
}

func fail(text string) {
	_, _ = os.Stderr.WriteString(text + "\n")
	os.Exit(1)
}

func dial(name, prefix, to, line string) error {
	ours, err := netip.ParsePrefix(prefix)
	if err != nil {
		return err
	}
	remote, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	dev, err := vnet.Open(vnet.Config{Name: name})
	if err != nil {
		return err
	}
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ours}})
	if err != nil {
		return err
	}
	defer s.Close()
	return talk(socket.New(s), remote, line)
}

func talk(api *socket.API, remote netip.AddrPort, line string) error {
	fd, err := api.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer api.Close(fd)
	if err := api.Connect(fd, remote); err != nil {
		return err
	}
	if _, err := api.Send(fd, []byte(line+"\r\n"), 0); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	for {
		n, err := api.Recv(fd, buf, 0)
		if err != nil || n == 0 {
			return err
		}
		_, _ = os.Stdout.Write(buf[:n])
	}
}
