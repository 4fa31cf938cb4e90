// Package netdns makes Go's own net.Resolver use our stack, in one of two ways: its questions go to name servers
// over our sockets, or to a dns.Client, whose hosts file, cache and iterative resolver then answer it.
//
// It stands beside apps/dns because it needs package net, which apps/dns must not.
package netdns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

var errNoServers = errors.New("no name server is named")

// Over is a net.Resolver that asks these servers, in turn, over d's network. Go's resolver itself reads the
// system's hosts file, and how often to try from its resolv.conf.
func Over(d *stdnet.Dialer, servers ...netip.AddrPort) *net.Resolver {
	turn := make(chan int, 1)
	turn <- 0
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if len(servers) == 0 {
			return nil, errNoServers
		}
		n := <-turn
		turn <- (n + 1) % len(servers)
		return d.DialContext(ctx, network, servers[n].String())
	}}
}

// Of is a net.Resolver that c answers.
func Of(c *dns.Client) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		// A connection that is no PacketConn is spoken to as a stream.
		theirs, ours := net.Pipe()
		go answer(c, ours)
		return theirs, nil
	}}
}

// answer answers the questions of one connection until its other end is closed.
func answer(c *dns.Client, conn net.Conn) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, msg); err != nil {
			return
		}
		out := c.Respond(ctx, msg)
		if out == nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}
