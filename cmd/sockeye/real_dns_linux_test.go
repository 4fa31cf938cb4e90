package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// dnsmasq answers for the zone sockeye.test on the kernel's side.
func (w *world) dnsmasq() {
	w.t.Helper()
	var txt []string
	for i := range 8 { // an answer that does not fit a datagram
		txt = append(txt, "--txt-record=long.sockeye.test,"+fmt.Sprint(i)+strings.Repeat("x", 240))
	}
	w.start(exec.Command(programPath(w.t, "dnsmasq"), append([]string{"-k", "-C", "/dev/null", "-u", "root", "--pid-file=",
		"--no-resolv", "--no-hosts", "--listen-address=" + kernelIP, "--bind-interfaces", "--local=/sockeye.test/",
		"--host-record=www.sockeye.test,192.0.2.1", "--cname=alias.sockeye.test,www.sockeye.test",
		"--mx-host=sockeye.test,mail.sockeye.test,10"}, txt...)...))
	w.reachable("53")
}

// unbound answers for the zone sockeye.test on the kernel's side.
func (w *world) unbound() {
	w.t.Helper()
	conf := filepath.Join(w.dir, "unbound.conf")
	require.NoError(w.t, os.WriteFile(conf, []byte(`server:
  interface: `+kernelIP+`
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  use-syslog: no
  logfile: ""
  username: ""
  chroot: ""
  directory: "`+w.dir+`"
  pidfile: ""
  module-config: "iterator"
  local-zone: "sockeye.test." static
  local-data: "sockeye.test. 300 IN SOA ns.sockeye.test. admin.sockeye.test. 1 3600 600 86400 300"
  local-data: "www.sockeye.test. 60 IN A 192.0.2.1"
remote-control:
  control-enable: no
`), 0o644))
	w.start(exec.Command(programPath(w.t, "unbound"), "-d", "-c", conf))
	w.reachable("53")
}

func TestDigAgainstDnsmasq(t *testing.T) {
	w := newWorld(t)
	w.dnsmasq()
	pcap := filepath.Join(t.TempDir(), "dig.pcapng")
	p := w.run(sockeye(on("dig", "www.sockeye.test", "--pcap", pcap)...))
	require.Zero(t, p.code, p.stderr())
	for _, want := range []string{"status: NOERROR", "flags: qr", "QUERY: 1, ANSWER: 1", ";; QUESTION SECTION:", ";; ANSWER SECTION:",
		"\tIN\tA\t192.0.2.1\n", ";; Query time: ", ";; SERVER: 192.0.2.1#53(192.0.2.1) (UDP)", ";; MSG SIZE  rcvd: "} {
		require.Contains(t, p.stdout(), want)
	}
	requireCapture(t, pcap)
	t.Run("names as they were asked for, not in the question's random case", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "@"+kernelIP, "Www.Sockeye.test", "--dns", "192.0.2.9")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "\n;Www.Sockeye.test.\t\tIN\tA\n")
		require.Regexp(t, `\nWww\.Sockeye\.test\.\t\d+\tIN\tA\t192\.0\.2\.1\n`, p.stdout())
	})
	t.Run("a chain, in short", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "--short", "alias.sockeye.test")...))
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, "www.sockeye.test.\n192.0.2.1\n", p.stdout())
	})
	t.Run("another type", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "sockeye.test", "mx")...))
		require.Zero(t, p.code, p.stderr())
		require.Regexp(t, `MX\t10 mail\.sockeye\.test\.`, p.stdout())
	})
	t.Run("over TCP, asked for", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "--tcp", "www.sockeye.test")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "(TCP)")
	})
	t.Run("over TCP, because it did not fit", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "long.sockeye.test", "TXT")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "ANSWER: 8")
		require.Contains(t, p.stdout(), "(TCP)")
	})
	t.Run("no such name is an answer", func(t *testing.T) {
		p := w.run(sockeye(on("dig", "nobody.sockeye.test")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "status: NXDOMAIN")
	})
	t.Run("get of a name that is not there (curl: 6)", func(t *testing.T) {
		p := w.run(sockeye(on("get", "http://nobody.sockeye.test/")...))
		require.Equal(t, 6, p.code)
		require.Contains(t, p.stderr(), "no such name")
		require.Equal(t, 1, strings.Count(p.stderr(), "\n"), p.stderr())
	})
}

func TestDigAgainstUnbound(t *testing.T) {
	w := newWorld(t)
	w.unbound()
	p := w.run(sockeye(on("dig", "www.sockeye.test")...))
	require.Zero(t, p.code, p.stderr())
	require.Regexp(t, `(?i)www\.sockeye\.test\.\t60\tIN\tA\t192\.0\.2\.1\n`, p.stdout())
	require.Contains(t, p.stdout(), " aa ")
	p = w.run(sockeye(on("dig", "-v", "nobody.sockeye.test")...))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), "status: NXDOMAIN")
	require.Contains(t, p.stdout(), ";; AUTHORITY SECTION:")
	require.Contains(t, p.stderr(), "authoritative  yes")
}

// Nobody answers: dig's 9, in one line.
func TestDigWithoutServer(t *testing.T) {
	w := newWorld(t)
	p := w.run(sockeye(on("dig", "--timeout", "300ms", "www.sockeye.test")...))
	require.Equal(t, digNoReply, p.code, "%s%s", p.stdout(), p.stderr())
	require.Empty(t, p.stdout())
	require.Equal(t, 1, strings.Count(p.stderr(), "\n"), p.stderr())
}

// dig asks a name server that runs on our stack, over UDP and TCP.
func TestDigFromTheKernel(t *testing.T) {
	w := newWorld(t)
	dig := programPath(t, "dig")
	s := w.session()
	web, err := newSite(stdnet.New(s.stack), netip.MustParseAddr(ourIP))
	require.NoError(t, err)
	defer web.close()
	for _, how := range []string{"+notcp", "+tcp"} {
		p := w.run(exec.Command(dig, "@"+ourIP, "+short", "+time=2", how, "www.sockeye.test"))
		require.Zero(t, p.code, p.stdout())
		require.Equal(t, ourIP+"\n", p.stdout())
	}
	p := w.run(exec.Command(dig, "@"+ourIP, "+time=2", "nobody.sockeye.test"))
	require.Zero(t, p.code)
	require.Contains(t, p.stdout(), "status: NXDOMAIN")
}

func TestPing(t *testing.T) {
	w := newWorld(t)
	pcap := filepath.Join(t.TempDir(), "ping.pcapng")
	p := w.run(sockeye(on("ping", "-c", "3", "-i", "20ms", "-s", "1472", "--pcap", pcap, kernelIP)...))
	require.Zero(t, p.code, p.stderr())
	require.Contains(t, p.stdout(), "PING 192.0.2.1 (192.0.2.1) 1472(1500) bytes of data.\n")
	require.Len(t, regexp.MustCompile(`1480 bytes from 192\.0\.2\.1: icmp_seq=\d ttl=64 time=\d+\.\d{3} ms\n`).FindAllString(p.stdout(), -1), 3)
	require.Contains(t, p.stdout(), "3 packets transmitted, 3 received, 0% packet loss")
	require.Contains(t, p.stdout(), "rtt min/avg/max/mdev = ")
	requireCapture(t, pcap)
	t.Run("in fragments", func(t *testing.T) {
		p := w.run(sockeye(on("ping", "-c", "2", "-i", "20ms", "-s", "9000", kernelIP)...))
		require.Zero(t, p.code, "%s%s", p.stdout(), p.stderr())
	})
	t.Run("nobody answers (ping: 1)", func(t *testing.T) {
		p := w.run(sockeye(on("ping", "-c", "1", "-W", "300ms", "192.0.2.77")...))
		require.Equal(t, pingNoReply, p.code, p.stderr())
		require.Contains(t, p.stdout(), "100% packet loss")
	})
	t.Run("interrupted, it still tells", func(t *testing.T) {
		p := w.start(sockeye(on("ping", "-i", "1h", kernelIP)...)) // no request is on its way when it ends
		w.eventually("no answer", func() bool { return strings.Contains(p.stdout(), "icmp_seq=1 ") })
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		p.wait(t)
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stdout(), "0% packet loss")
	})
}

func TestPingFromTheKernel(t *testing.T) {
	w := newWorld(t)
	ping := programPath(t, "ping")
	w.session()
	for _, size := range []string{"0", "56", "1472", "9000"} {
		for range 3 { // one at a time: after the first answer ping waits for the last one no longer than the first took
			p := w.run(exec.Command(ping, "-c", "1", "-W", "20", "-s", size, ourIP))
			require.Zero(t, p.code, "%s bytes: %s", size, p.stdout())
			require.Contains(t, p.stdout(), " 0% packet loss")
		}
	}
}

// echo answers each datagram with itself until it is closed.
func echo(c net.PacketConn) error {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			if ended(err) {
				return nil
			}
			return err
		}
		if _, err := c.WriteTo(buf[:n], from); err != nil {
			return err
		}
	}
}

// A UDP echo both ways: the kernel asks us, we ask the kernel.
func TestUDPEcho(t *testing.T) {
	w := newWorld(t)
	s := w.session()
	ours, err := stdnet.New(s.stack).ListenPacket("udp", ":7")
	require.NoError(t, err)
	var kernels, client net.PacketConn
	w.do(func() (err error) {
		if kernels, err = net.ListenPacket("udp4", kernelIP+":7"); err != nil {
			return err
		}
		client, err = net.ListenPacket("udp4", kernelIP+":0")
		return err
	})
	done := make(chan error, 2)
	go func() { done <- echo(ours) }()
	go func() { done <- echo(kernels) }()
	ourClient, err := stdnet.New(s.stack).ListenPacket("udp", ":0")
	require.NoError(t, err)

	ask := func(c net.PacketConn, to string, n int) {
		a := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))
		want := bytes.Repeat([]byte{byte(n)}, n)
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		_, err := c.WriteTo(want, a)
		require.NoError(t, err)
		buf := make([]byte, 65536)
		got, _, err := c.ReadFrom(buf)
		require.NoError(t, err, "%d bytes to %s", n, to)
		require.Equal(t, want, buf[:got])
	}
	for _, n := range []int{1, 512, 1472, 4000} {
		ask(client, ourIP+":7", n)
		ask(ourClient, kernelIP+":7", n)
	}
	require.NoError(t, errors.Join(ours.Close(), kernels.Close(), client.Close(), ourClient.Close()))
	require.NoError(t, errors.Join(<-done, <-done))
}
