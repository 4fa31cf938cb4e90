//go:build linux

package dns

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/kernel"
)

// serve serves on the kernel's loopback.
func serve(t *testing.T, answer func(q dnsmessage.Message, over Transport) [][]byte) *server {
	t.Helper()
	// The first port that UDP gets may be taken for TCP.
	for range 20 {
		u, err := net.ListenPacket("udp4", "127.0.0.1:0")
		require.NoError(t, err)
		l, err := net.Listen("tcp4", u.LocalAddr().String())
		if err == nil {
			return serveOn(t, u, l, answer)
		}
		u.Close()
	}
	require.FailNow(t, "no port is free for both")
	return nil
}

// resolver asks the servers over the kernel's sockets; at the end no descriptor may be left.
func resolver(t *testing.T, servers ...*server) *Resolver {
	api := &kernel.API{}
	t.Cleanup(func() { require.Zero(t, api.Open(), "descriptors left open") })
	r := &Resolver{API: api, Timeout: 30 * time.Second}
	for _, s := range servers {
		r.Servers = append(r.Servers, s.addr)
	}
	return r
}

func soa(name string) dnsmessage.Resource {
	n := dnsmessage.MustNewName(name)
	return dnsmessage.Resource{Header: header(name), Body: &dnsmessage.SOAResource{NS: n, MBox: n, Serial: 1, MinTTL: 60}}
}

func authority(r ...dnsmessage.Resource) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) { m.Authorities = r }
}
