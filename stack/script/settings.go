package script

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// settings are what the lines that begin with -- say.
type settings struct {
	tolerance time.Duration
	mtu       int
	local     netip.Prefix
	router    netip.Prefix // valid: the host's own address, where local is another one that it forwards for
	remote    netip.Addr
	config    host.Config
}

func defaultSettings() settings {
	s := settings{
		tolerance: time.Millisecond,
		mtu:       1500,
		local:     netip.MustParsePrefix("192.168.0.1/16"), // packetdrill's addresses
		remote:    netip.MustParseAddr("192.0.2.1"),
	}
	s.config.Seed = [32]byte{1}
	return s
}

// set takes one line of options: --name=value --name.
func (s *settings) set(line string) error {
	for _, word := range strings.Fields(line) {
		name, text, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if err := s.setOne(name, text); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) setOne(name, text string) error {
	n, err := strconv.Atoi(text)
	usecs := time.Duration(n) * time.Microsecond
	t := &s.config.TCP
	switch name {
	case "no_timestamps":
		t.NoTimestamps = true
		return nil
	case "no_sack":
		t.NoSACK = true
		return nil
	case "no_wscale":
		t.NoScale = true
		return nil
	case "ecn":
		t.ECN, err = oneOf([]string{"accept", "request", "off"}, text, tcp.ECNAccept, tcp.ECNRequest, tcp.ECNOff)
	case "mtu_probing":
		t.MTUProbing, err = oneOf([]string{"suspicious", "off", "always"}, text, tcp.MTUProbeSuspicious, tcp.MTUProbeOff, tcp.MTUProbeAlways)
	case "syncookies": // as net.ipv4.tcp_syncookies
		t.SYNCookies, err = oneOf([]string{"0", "1", "2"}, text, tcp.CookiesOff, tcp.CookiesWhenFull, tcp.CookiesAlways)
	case "congestion":
		t.Congestion, err = oneOf[congestion.Algorithm]([]string{"cubic", "reno", "bbr"}, text, congestion.CUBIC{}, congestion.NewReno{}, congestion.BBR{})
	case "local_ip":
		s.local, err = netip.ParsePrefix(text)
	case "router_ip":
		s.router, err = netip.ParsePrefix(text)
	case "remote_ip":
		s.remote, err = netip.ParseAddr(text)
	case "tolerance_usecs":
		s.tolerance = usecs
	case "mtu":
		s.mtu = n
	case "seed":
		s.config.Seed[0] = byte(n)
	case "memory":
		s.config.Memory = n
	case "ttl":
		s.config.TTL = uint8(n)
	case "msl_usecs":
		t.MSL = usecs
	case "delayed_ack_usecs":
		t.DelayedACK = usecs
	case "fin_wait2_usecs":
		t.FinWait2 = usecs
	case "syn_backlog":
		t.SYNBacklog = n
	default:
		return fmt.Errorf("no option --%s", name)
	}
	if err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	return nil
}

// oneOf returns the mode whose name text is; names and modes are in the same order.
func oneOf[M any](names []string, text string, modes ...M) (m M, err error) {
	i := slices.Index(names, text)
	if i < 0 {
		return m, fmt.Errorf("it is one of %s, not %q", strings.Join(names, ", "), text)
	}
	return modes[i], nil
}

// host describes the host that the script is about.
func (s *settings) host() (host.Config, link.Features) {
	c := s.config
	c.Prefixes = []netip.Prefix{s.local}
	if s.router.IsValid() {
		c.Prefixes[0] = s.router
	}
	c.Routes = []host.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}}
	return c, link.Features{MTU: s.mtu}
}
