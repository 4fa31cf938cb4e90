package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/apps/browse"
	"github.com/sockeye-net/sockeye/apps/http"
)

// dial connects as package net does, by the names that the fetch knows or asks for. Its calls are told.
func (f *fetch) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := f.whereIs(ctx, host, uint16(port))
	if err != nil {
		return nil, &http.Error{Kind: http.Unresolved, Op: "resolve " + host, Err: err}
	}
	if f.heading != nil {
		f.heading(netip.AddrPortFrom(addrs[0], uint16(port)))
	}
	for _, a := range addrs {
		var c net.Conn
		if c, err = browse.Connect(ctx, f.s.api, netip.AddrPortFrom(a, uint16(port))); err == nil {
			return c, nil
		}
	}
	return nil, unconnected(address, cause(err))
}

// whereIs are the addresses of a host, at least one.
func (f *fetch) whereIs(ctx context.Context, host string, port uint16) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if addrs := f.known.at(host, port); addrs != nil {
		return addrs, nil
	}
	deadline, _ := ctx.Deadline()
	addrs, err := f.resolve(host, deadline)
	if err == nil && len(addrs) == 0 {
		err = errors.New("it has no IPv4 address, and the stack speaks only IPv4")
	}
	return addrs, err
}

// unconnected is why there is no connection.
func unconnected(address string, err error) error {
	e := &http.Error{Kind: http.NotConnected, Op: "connect to " + address, Err: err}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		e.Kind, e.Text = http.Timeout, "nobody answered in time; check the address, the route and any packet filter"
	}
	return e
}

// A hostPort is a host, in lower case, and a port; "*" is any host.
type hostPort struct {
	host string
	port uint16
}

// knownHosts are the hosts for which nobody has to be asked.
type knownHosts map[hostPort][]netip.Addr

// at is where a host is known to be; nil: nowhere.
func (k knownHosts) at(host string, port uint16) []netip.Addr {
	if addrs := k[hostPort{strings.ToLower(host), port}]; addrs != nil {
		return addrs
	}
	return k[hostPort{"*", port}]
}
