package socket_test

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// A TCP echo between two stacks, written as one writes it in C.
func ExampleAPI() {
	client, server := twoHosts()
	defer client.Stack().Close()
	defer server.Stack().Close()

	// The server: socket, bind, listen, accept; then what comes goes back.
	lfd, err := server.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	check(err)
	check(server.Bind(lfd, netip.MustParseAddrPort("0.0.0.0:7")))
	check(server.Listen(lfd, socket.SOMAXCONN))
	go func() {
		fd, _, err := server.Accept(lfd)
		check(err)
		buf := make([]byte, 512)
		for {
			n, err := server.Recv(fd, buf, 0)
			check(err)
			if n == 0 { // the client has shut its side down
				break
			}
			_, err = server.Send(fd, buf[:n], 0)
			check(err)
		}
		check(server.Close(fd))
	}()

	// The client: socket, connect, send, recv, close.
	fd, err := client.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	check(err)
	check(client.Connect(fd, netip.MustParseAddrPort("192.0.2.2:7")))
	peer, err := client.GetPeerName(fd)
	check(err)
	fmt.Printf("socket() = %d, connected to %v\n", fd, peer)

	n, err := client.Send(fd, []byte("sockeye"), 0)
	check(err)
	fmt.Println("sent", n)
	buf := make([]byte, n)
	n, err = client.Recv(fd, buf, socket.MSG_WAITALL)
	check(err)
	fmt.Printf("received %d: %s\n", n, buf)

	check(client.Shutdown(fd, socket.SHUT_WR))
	n, err = client.Recv(fd, buf, 0)
	check(err)
	fmt.Println("received", n, "at the end")
	check(client.Close(fd))
	// Output:
	// socket() = 3, connected to 192.0.2.2:7
	// sent 7
	// received 7: sockeye
	// received 0 at the end
}

// twoHosts starts two stacks whose links are the two ends of a Pipe.
func twoHosts() (client, server *socket.API) {
	a, b := link.NewPipe(link.Features{MTU: 1500}, 256)
	start := func(l link.Link, prefix string) *socket.API {
		s, err := stack.New(stack.Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		check(err)
		return socket.New(s)
	}
	return start(a, "192.0.2.1/24"), start(b, "192.0.2.2/24")
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}
