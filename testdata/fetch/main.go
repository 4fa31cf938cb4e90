// Command fetch is the smallest useful program on the applications: it opens a
// TUN, asks a DNS server for a name, fetches a URL there without TLS and prints
// what comes back. It exists to be weighed:
//
//	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o fetch ./testdata/fetch && ls -l fetch
//
// Nothing is lost but some KB, and at most a few requests in a hundred, with functions that lie
// side by side and, in Go 1.26, with the collector of Go 1.25:
//
//	CGO_ENABLED=0 GOEXPERIMENT=nogreenteagc go build -trimpath -ldflags '-s -w -funcalign=1' -o fetch ./testdata/fetch
package main

import (
	"io"
	"net/netip"
	"os"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/tun/vnet"
)

func main() {
	if len(os.Args) != 5 {
		fail("usage: fetch TUN OUR-PREFIX DNS-SERVER URL")
	}
	if err := fetch(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fail("fetch: " + err.Error())
	}
}

func fail(text string) {
	_, _ = os.Stderr.WriteString(text + "\n")
	os.Exit(1)
}

func fetch(name, prefix, server, url string) error {
	ours, err := netip.ParsePrefix(prefix)
	if err != nil {
		return err
	}
	asked, err := netip.ParseAddr(server)
	if err != nil {
		return err
	}
	dev, err := vnet.Open(vnet.Config{Name: name})
	if err != nil {
		return err
	}
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ours}, Gateway: asked})
	if err != nil {
		return err
	}
	defer s.Close()
	return get(socket.New(s), asked, url)
}

func get(api *socket.API, server netip.Addr, url string) error {
	names := &dns.Resolver{API: api, Servers: []netip.AddrPort{netip.AddrPortFrom(server, 0)}}
	client := &http.Client{API: api, Resolve: names.LookupA}
	defer client.Close()
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		_, _ = os.Stdout.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
