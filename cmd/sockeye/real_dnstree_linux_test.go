package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// A dnsTree is a small Internet of name servers in a namespace: a root, three top-level zones, and zones below on
// two more servers, each an nsd of its own, since one that kept parent and child would never refer.
type dnsTree struct {
	*world
	rnd   *rand.Rand
	zones []*treeZone
	hints string // file
}

// A treeZone is a zone with what may be asked of it.
type treeZone struct {
	name   string
	on     []int // authoritative servers that keep it
	lines  []string
	owners []string
	dead   bool // no server answers for it
}

const (
	rootIP    = "10.53.0.1"
	topIP     = "10.53.1.1"
	unboundIP = "10.53.9.1"
	deadIP    = "10.53.8.1" // the kernel's, with nobody there
)

var authIPs = []string{"10.53.2.1", "10.53.2.2"}

var tops = []string{"one.", "two.", "three."}

// newDNSTree builds the tree, always the same for a seed, with so many zones under each top-level one.
func newDNSTree(t *testing.T, seed uint64, zones int) *dnsTree {
	nsd := programPath(t, "nsd")
	w := newWorld(t)
	w.do(func() error {
		if err := setup.SetUp("lo"); err != nil {
			return err
		}
		for _, at := range append([]string{rootIP, topIP, unboundIP, deadIP}, authIPs...) {
			if err := setup.AddAddr("lo", netip.MustParsePrefix(at+"/32")); err != nil {
				return err
			}
		}
		return nil
	})
	d := &dnsTree{world: w, rnd: rand.New(rand.NewPCG(seed, 1)), hints: filepath.Join(w.dir, "root.hints")}
	require.NoError(t, os.WriteFile(d.hints, []byte(". 3600 NS a.rootns.\na.rootns. 3600 A "+rootIP+"\n"), 0o644))
	root := &treeZone{name: ".", lines: []string{soaLine(".", 900), ". 3600 IN NS a.rootns.", "a.rootns. 3600 IN A " + rootIP}}
	var topZones []*treeZone
	for _, name := range tops {
		z := &treeZone{name: name, lines: []string{soaLine(name, 900), name + " 3600 IN NS ns.nic." + name, "ns.nic." + name + " 3600 IN A " + topIP}}
		root.lines = append(root.lines, name+" 3600 IN NS ns.nic."+name, "ns.nic."+name+" 3600 IN A "+topIP)
		z.owners = []string{name, "ns.nic." + name, "nic." + name}
		topZones = append(topZones, z)
		d.zones = append(d.zones, z)
	}
	d.hosting(topZones[1])
	for i := range zones * len(tops) {
		d.grow(topZones[i%len(tops)], i)
	}
	d.nsd(nsd, "root", rootIP, root)
	d.nsd(nsd, "top", topIP, topZones...)
	for i, at := range authIPs {
		var kept []*treeZone
		for _, z := range d.zones {
			for _, on := range z.on {
				if on == i {
					kept = append(kept, z)
				}
			}
		}
		d.nsd(nsd, fmt.Sprint("auth", i), at, kept...)
	}
	return d
}

func soaLine(zone string, minimum int) string {
	return fmt.Sprintf("%s 900 IN SOA ns.%s admin.%s 1 3600 600 86400 %d", zone, strings.TrimPrefix(zone, "."), strings.TrimPrefix(zone, "."), minimum)
}

// hosting is a zone that only has name servers for others.
func (d *dnsTree) hosting(top *treeZone) {
	z := &treeZone{name: "hosting.two.", on: []int{0, 1}, owners: []string{"hosting.two.", "ns0.hosting.two.", "ns1.hosting.two."}}
	z.lines = []string{soaLine(z.name, 60)}
	for i, at := range authIPs {
		ns, glue := fmt.Sprintf("%s 3600 IN NS ns%d.%s", z.name, i, z.name), fmt.Sprintf("ns%d.%s 3600 IN A %s", i, z.name, at)
		z.lines = append(z.lines, ns, glue)
		top.lines = append(top.lines, ns, glue)
	}
	d.zones = append(d.zones, z)
}

// grow adds a zone below top, delegated in one of many ways.
func (d *dnsTree) grow(top *treeZone, i int) {
	z := &treeZone{name: fmt.Sprintf("z%d.%s", i, top.name), on: []int{i / 2 % 2}}
	at := authIPs[z.on[0]]
	z.lines = []string{soaLine(z.name, 30+d.rnd.IntN(300))}
	both := func(line string) { z.lines, top.lines = append(z.lines, line), append(top.lines, line) }
	ns := func(host string) { both(z.name + " 3600 IN NS " + host) }
	switch i % 9 {
	case 0, 1: // a host of its own, with glue
		ns("ns1." + z.name)
		both("ns1." + z.name + " 3600 IN A " + at)
	case 2: // a host of another zone, without
		ns(fmt.Sprintf("ns%d.hosting.two.", z.on[0]))
	case 3: // on both servers
		z.on = []int{0, 1}
		ns("ns0.hosting.two.")
		ns("ns1." + z.name)
		both("ns1." + z.name + " 3600 IN A " + authIPs[1])
	case 4: // one that keeps it, one that is lame
		ns("ns0.hosting.two.")
		ns("ns1.hosting.two.")
	case 5: // one that keeps it, one whose name is not there
		ns(fmt.Sprintf("ns%d.hosting.two.", z.on[0]))
		ns("nobody.hosting.two.")
	case 6: // lame alone
		ns(fmt.Sprintf("ns%d.hosting.two.", 1-z.on[0]))
		z.dead = true
	case 7: // not there at all
		ns("nobody.hosting.two.")
		z.dead = true
	case 8: // one that keeps it, one where nobody listens
		ns("ns1." + z.name)
		ns("ns2." + z.name)
		both("ns1." + z.name + " 3600 IN A " + at)
		both("ns2." + z.name + " 3600 IN A " + deadIP)
	}
	d.populate(z)
	if i%3 == 0 && !z.dead { // and a zone below it, on the other server
		c := &treeZone{name: "sub." + z.name, on: []int{1 - z.on[0]}, lines: []string{soaLine("sub."+z.name, 45)}}
		for _, l := range []string{c.name + " 600 IN NS ns." + c.name, "ns." + c.name + " 600 IN A " + authIPs[c.on[0]]} {
			c.lines, z.lines = append(c.lines, l), append(z.lines, l)
		}
		d.populate(c)
		d.zones = append(d.zones, c)
	}
	d.zones = append(d.zones, z)
}

// populate gives a zone records of all sorts.
func (d *dnsTree) populate(z *treeZone) {
	add := func(owner string, ttl int, what string) {
		name := owner + z.name
		z.lines = append(z.lines, fmt.Sprintf("%s %d IN %s", name, ttl, what))
		z.owners = append(z.owners, name)
	}
	other := d.zones[d.rnd.IntN(len(d.zones))].name
	for i := range 1 + d.rnd.IntN(3) {
		add("www.", 300, fmt.Sprintf("A 198.51.100.%d", i+d.rnd.IntN(80)*3))
	}
	add("", 120, "A 198.51.100.7")
	add("", 120, "MX 10 mail."+z.name)
	add("", 120, "MX 20 www."+other)
	add("", 60, `TXT "v=spf1 -all" "second; part"`)
	add("", 60, `CAA 0 issue "ca.example"`)
	add("mail.", 300, "A 198.51.100.25")
	add("mail.", 300, "AAAA 2001:db8::25")
	add("_sip._tcp.", 300, "SRV 1 2 5060 mail."+z.name)
	add("svc.", 300, `HTTPS 1 . alpn="h2,h3" ipv4hint=198.51.100.8`)
	add("c1.", 200, "CNAME c2."+z.name)
	add("c2.", 100, "CNAME c3."+z.name)
	add("c3.", 300, "CNAME www."+z.name)
	add("away.", 300, "CNAME www."+other)
	add("dangling.", 300, "CNAME nothing."+z.name)
	add("far.", 300, "CNAME nothing."+other)
	add("loop1.", 300, "CNAME loop2."+z.name)
	add("loop2.", 300, "CNAME loop1."+z.name)
	add("self.", 300, "CNAME self."+z.name)
	add("*.wild.", 300, "A 198.51.100.99")
	add("*.wildalias.", 300, "CNAME www."+z.name)
	add("a.b.ent.", 300, "A 198.51.100.66")
	add("now.", 0, "A 198.51.100.1")
	add("dn.", 300, "DNAME "+other)
	add("MiXed.", 300, "A 198.51.100.2")
	add("ptr.", 300, "PTR www."+z.name)
	for i := range 9 { // more than a datagram
		add("big.", 300, fmt.Sprintf("TXT \"%d%s\"", i, strings.Repeat("x", 200)))
	}
}

// nsd runs a server for some zones at an address.
func (d *dnsTree) nsd(program, name, at string, zones ...*treeZone) {
	dir := filepath.Join(d.dir, name)
	require.NoError(d.t, os.Mkdir(dir, 0o755))
	conf := `server:
  ip-address: ` + at + `
  port: 53
  username: ""
  chroot: ""
  pidfile: ""
  zonesdir: "` + dir + `"
  database: ""
  zonelistfile: "` + dir + `/list"
  xfrdfile: ""
  cookie-secret-file: ""
  logfile: "` + dir + `/log"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
`
	for i, z := range zones {
		file := filepath.Join(dir, fmt.Sprint(i, ".zone"))
		require.NoError(d.t, os.WriteFile(file, []byte(strings.Join(z.lines, "\n")+"\n"), 0o644))
		conf += fmt.Sprintf("zone:\n  name: %q\n  zonefile: %q\n", z.name, file)
	}
	path := filepath.Join(dir, "nsd.conf")
	require.NoError(d.t, os.WriteFile(path, []byte(conf), 0o644))
	d.daemon(at, exec.Command(program, "-d", "-c", path))
}

// unbound runs it as a recursive server that knows the root, and waits until it answers.
func (d *dnsTree) unboundResolver() {
	conf := filepath.Join(d.dir, "resolver.conf")
	require.NoError(d.t, os.WriteFile(conf, []byte(`server:
  interface: `+unboundIP+`
  outgoing-interface: `+unboundIP+`
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  do-ip6: no
  use-syslog: no
  logfile: ""
  username: ""
  chroot: ""
  directory: "`+d.dir+`"
  pidfile: ""
  num-threads: 1
  module-config: "iterator"
  root-hints: "`+d.hints+`"
  ip-ratelimit: 0
  do-not-query-localhost: no
remote-control:
  control-enable: no
`), 0o644))
	d.daemon(unboundIP, exec.Command(programPath(d.t, "unbound"), "-d", "-c", conf))
}

// daemon starts a name server, which may have children: it is told to end, so that they do too.
func (d *dnsTree) daemon(at string, cmd *exec.Cmd) {
	p := d.start(cmd)
	d.t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(patience):
		}
	})
	d.eventually(at+" does not answer: "+p.stderr(), func() bool {
		return d.ns.Do(func() error { return dialTCP(at + ":53") }) == nil
	})
}

// iterator asks the tree from the root on.
func (d *dnsTree) iterator(s *session) *dns.Iterator {
	return &dns.Iterator{Roots: []dns.Hint{{Name: "a.rootns.", Addr: netip.MustParseAddr(rootIP)}}, Resolver: dns.Resolver{API: s.api}}
}
