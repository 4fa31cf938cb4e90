package setup

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
)

// Up makes a persistent TUN with the kernel's address and routes, and NAT if
// asked for. What an Up that fails has made, it takes back.
func Up(cfg UpConfig) (*State, error) {
	return up(cfg, func(string) error { return nil })
}

// errCrash is what a test's hook returns to leave everything as a crash would.
var errCrash = errors.New("crash")

// An upper is one run of Up. Each step first says in st what it is about to do
// and saves that; between, before and after the steps the hook is called.
type upper struct {
	cfg  UpConfig
	st   *State
	hook func(step string) error
}

func up(cfg UpConfig, hook func(step string) error) (*State, error) {
	if cfg.Name == "" {
		cfg.Name = DefaultName
	}
	st, err := plan(cfg)
	if err != nil {
		return nil, err
	}
	if err := st.create(cfg.Dir); err != nil {
		return nil, err
	}
	u := &upper{cfg: cfg, st: st, hook: hook}
	if err := u.run(); err != nil {
		if !errors.Is(err, errCrash) {
			err = errors.Join(err, Down(cfg.Dir, cfg.Name))
		}
		return nil, err
	}
	return st, nil
}

// plan refuses what cannot be, before anything is changed.
func plan(cfg UpConfig) (*State, error) {
	if err := checkName(cfg.Name); err != nil {
		return nil, fmt.Errorf("setup: %s: %w", cfg.Name, err)
	}
	kernel, err := KernelAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if _, err := Load(cfg.Dir, cfg.Name); err == nil {
		return nil, fmt.Errorf("setup: %s: %w", cfg.Name, ErrAlreadyUp)
	} else if !errors.Is(err, ErrNotUp) {
		return nil, err
	}
	if _, err := netlink.LinkByName(cfg.Name); err == nil {
		return nil, fmt.Errorf("setup: %s: %w", cfg.Name, ErrExists)
	}
	if cfg.NAT != "" {
		if _, err := netlink.LinkByName(cfg.NAT); err != nil {
			return nil, fmt.Errorf("setup: NAT behind %s: %w%s", cfg.NAT, meaning(err), others())
		}
		if err := tableFree(tableName(cfg.Name)); err != nil {
			return nil, err
		}
	}
	overlaps, err := clashes(cfg.Addr)
	if err != nil {
		return nil, err
	}
	ns, err := currentNetNS()
	if err != nil {
		return nil, err
	}
	return &State{
		Warnings: overlaps,
		Name:     cfg.Name, UID: cfg.UID, GID: cfg.GID, NAT: cfg.NAT, NetNS: ns,
		Addr: cfg.Addr, Kernel: netip.PrefixFrom(kernel, cfg.Addr.Bits()),
	}, nil
}

// others names the interfaces that there are, for who named another; "": none
// that leads anywhere.
func others() string {
	links, err := netlink.LinkList()
	if err != nil {
		return ""
	}
	var names []string
	for _, l := range links {
		if l.Attrs().Flags&net.FlagLoopback == 0 {
			names = append(names, l.Attrs().Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": choose one of " + strings.Join(names, ", ")
}

// run is the order of things; Down goes through it backwards.
func (u *upper) run() error {
	if err := u.device(); err != nil {
		return err
	}
	if err := u.interfaceUp(); err != nil || u.cfg.NAT == "" {
		return err
	}
	if err := u.forward(); err != nil {
		return err
	}
	return u.nat()
}

// change saves what st says now, and then makes the change.
func (u *upper) change(step string, make func() error) error {
	if err := u.st.save(u.cfg.Dir); err != nil {
		return err
	}
	if err := u.hook(step + " intended"); err != nil {
		return err
	}
	if err := make(); err != nil {
		return err
	}
	return u.hook(step + " done")
}

func (u *upper) device() error {
	u.st.Device = true
	err := u.change("device", func() error {
		gid := u.cfg.GID
		if gid == 0 {
			gid = -1
		}
		return addTUN(u.cfg.Name, u.cfg.UID, gid, u.cfg.MultiQueue)
	})
	if err != nil {
		return err
	}
	l, err := netlink.LinkByName(u.cfg.Name)
	if err != nil {
		return fmt.Errorf("setup: %s: %w", u.cfg.Name, meaning(err))
	}
	u.st.Index = l.Attrs().Index
	return nil
}

// interfaceUp makes what ends with the device, and needs no note of its own.
func (u *upper) interfaceUp() error {
	return u.change("interface", func() error {
		name := u.cfg.Name
		if u.cfg.MTU != 0 {
			if err := SetMTU(name, u.cfg.MTU); err != nil {
				return err
			}
		}
		if err := NoIPv6(name); err != nil {
			return err
		}
		if err := AddAddr(name, u.st.Kernel); err != nil {
			return err
		}
		if err := SetUp(name); err != nil {
			return err
		}
		for _, dst := range u.cfg.Routes {
			if err := AddRoute(name, dst, netip.Addr{}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *upper) forward() error {
	old, err := readForward()
	if err != nil {
		return err
	}
	u.st.Forward = old
	return u.change("forwarding", func() error { return writeForward("1") })
}

func (u *upper) nat() error {
	u.st.Table = tableName(u.cfg.Name)
	err := u.change("table", func() error { return addTable(u.st) })
	if err != nil {
		return err
	}
	u.st.Warnings = append(u.st.Warnings, forwardWarnings(u.st)...)
	return u.st.save(u.cfg.Dir)
}
