package http_test

import (
	"fmt"
	"io"
	nethttp "net/http"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// Two hosts joined in memory: net/http serves on one, the small client fetches on the other.
func Example() {
	ours, theirs, err := stdnet.Pair(stack.Config{}, stack.Config{})
	if err != nil {
		panic(err)
	}
	defer ours.Close()
	defer theirs.Close()

	l, err := stdnet.New(theirs).Listen("tcp", "192.0.2.2:80")
	if err != nil {
		panic(err)
	}
	server := &nethttp.Server{Handler: nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		fmt.Fprintf(w, "You asked %s for %s.", r.Host, r.URL.Path)
	})}
	go server.Serve(l)
	defer server.Close()

	client := &http.Client{
		API: socket.New(ours),
		Resolve: func(host string, deadline time.Time) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.2")}, nil
		},
	}
	defer client.Close()

	resp, err := client.Get("http://www.example.test/hello")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.StatusLine)
	fmt.Println(string(body))
	// Output:
	// HTTP/1.1 200 OK
	// You asked www.example.test for /hello.
}
