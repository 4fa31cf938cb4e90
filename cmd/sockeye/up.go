package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// upFlags are the flags of up.
type upFlags struct {
	tun, addr, user, nat string
	routes               []string
	mtu                  int
	several              bool // queues
	state                string
}

// The MTU of a device that carries IPv4 (RFC 791).
const (
	leastMTU = 68
	mostMTU  = 65535
)

func (p *program) up() *cobra.Command {
	f := &upFlags{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make a TUN device for the other commands",
		Long: `Up makes a TUN device that stays, for a user who then needs no root. It gives the
kernel's side its address, the first other one of the network, and with --nat it
makes the machine forward and masquerade, so that our stack reaches the outside.
One program at a time may use a device: for a second one beside it, make another
with its own --tun and --addr. ` + "`sockeye down`" + ` takes back exactly what up made.`,
		Example: `  sudo sockeye up --nat eth0                  # for you, who called sudo
  sudo sockeye up --tun tun7 --addr 198.51.100.2/24 --user alice   # a second one
  sudo sockeye down`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return p.runUp(f) },
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.tun, "tun", setup.DefaultName, "`NAME` of the device")
	fl.StringVar(&f.addr, "addr", "192.0.2.2/24", "our address with its network (`CIDR`)")
	fl.StringVar(&f.user, "user", "", "`USER` who may open the device (default: who called sudo)")
	fl.StringVar(&f.nat, "nat", "", "masquerade behind this `IFACE`")
	fl.StringSliceVar(&f.routes, "route", nil, "what else the kernel is to send to the device, a `CIDR`")
	fl.IntVar(&f.mtu, "mtu", 0, "largest packet in `BYTES` (default: the kernel's, 1500)")
	fl.BoolVar(&f.several, "multi-queue", false, "let a server have several queues of it (--queues)")
	stateFlag(cmd, &f.state)
	return cmd
}

func (p *program) runUp(f *upFlags) error {
	cfg, err := f.config()
	if err != nil {
		return fail(1, err)
	}
	st, err := setup.Up(cfg)
	if err != nil {
		return fail(1, asRoot(err, "up"))
	}
	fmt.Fprintf(p.err, "%s is up: our stack is %s, the kernel's side %s\n", st.Name, st.Addr, st.Kernel.Addr())
	if st.NAT != "" {
		fmt.Fprintf(p.err, "packets to the outside go through %s, masqueraded\n", st.NAT)
	}
	if dev, err := tun.Open(tun.Config{Name: st.Name}); err == nil { // else who opens it will be told why
		fmt.Fprint(p.err, granted(dev))
		_ = dev.Close()
	}
	for _, w := range append(st.Warnings, noServers(st, setup.SystemNameServers)...) {
		fmt.Fprintf(p.err, "warning: %s\n", w)
	}
	try := "sockeye ping -c 3 " + st.Kernel.Addr().String()
	if st.NAT != "" {
		try = "sockeye get http://example.com/"
	}
	if st.Name != setup.DefaultName {
		try += " --tun " + st.Name
	}
	fmt.Fprintf(p.err, "now try: %s\n", try)
	return nil
}

// noServers warns where names will not be found behind NAT.
func noServers(st *setup.State, system func() ([]netip.Addr, error)) []string {
	if st.NAT == "" {
		return nil
	}
	if _, err := system(); err != nil {
		return []string{plain(err).Error() + ", as in `sockeye get --dns 9.9.9.9 URL`"}
	}
	return nil
}

// asRoot says what to do where only root may do what a command does.
func asRoot(err error, command string) error {
	denied := errors.Is(err, fs.ErrPermission) || errors.Is(err, setup.ErrPermission)
	if denied && os.Geteuid() > 0 {
		return fmt.Errorf("permission denied: run as root: `sudo sockeye %s`", command)
	}
	return plain(err)
}

// config reads the flags.
func (f *upFlags) config() (setup.UpConfig, error) {
	cfg := setup.UpConfig{Name: f.tun, NAT: f.nat, MTU: f.mtu, MultiQueue: f.several, Dir: f.state}
	var err error
	if cfg.Addr, err = parseAddr(f.addr); err != nil {
		return cfg, err
	}
	if f.mtu != 0 && (f.mtu < leastMTU || f.mtu > mostMTU) {
		return cfg, fmt.Errorf("--mtu %d: a packet may have from %d to %d bytes", f.mtu, leastMTU, mostMTU)
	}
	for _, s := range f.routes {
		r, err := netip.ParsePrefix(s)
		if err != nil || !r.Addr().Is4() {
			return cfg, fmt.Errorf("--route %q is not an IPv4 network: write it as 198.51.100.0/24", s)
		}
		cfg.Routes = append(cfg.Routes, r)
	}
	cfg.UID, err = uid(f.user)
	return cfg, err
}

// uid is the number of a user; of who called sudo where none is named.
func uid(name string) (int, error) {
	if name == "" {
		if n, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil {
			return n, nil
		}
		return max(0, os.Getuid()), nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return n, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("there is no user %q: name one that /etc/passwd has", name)
	}
	return strconv.Atoi(u.Uid)
}

func (p *program) down() *cobra.Command {
	var name, state string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take back what up made",
		Long: `Down removes exactly what up made: the device, its addresses and routes, the
masquerading, and forwarding if it was off before. It works after a crash, too.`,
		Example: `  sudo sockeye down
  sudo sockeye down --tun tun7`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			err := setup.Down(state, name)
			if errors.Is(err, setup.ErrNotUp) {
				return fail(1, fmt.Errorf("%s was not made by `sockeye up`, so there is nothing to take back", name))
			}
			if err != nil {
				return fail(1, asRoot(err, "down"))
			}
			fmt.Fprintf(p.err, "%s is gone\n", name)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "tun", setup.DefaultName, "`NAME` of the device")
	stateFlag(cmd, &state)
	return cmd
}
