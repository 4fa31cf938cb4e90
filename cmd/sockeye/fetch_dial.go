package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// dial connects as package net does, by the names that the fetch knows or asks for.
func (f *fetch) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else {
		deadline, _ := ctx.Deadline()
		if addrs, err = f.resolve(host, deadline); err != nil {
			return nil, &http.Error{Kind: http.Unresolved, Op: "resolve " + host, Err: err}
		}
	}
	if n, e := strconv.ParseUint(port, 10, 16); e == nil && f.heading != nil {
		f.heading(netip.AddrPortFrom(addrs[0], uint16(n)))
	}
	n := stdnet.New(f.s.stack)
	for _, a := range addrs {
		var c net.Conn
		if c, err = n.DialContext(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return c, nil
		}
	}
	return nil, &http.Error{Kind: http.NotConnected, Op: "connect to " + address, Err: cause(err)}
}
