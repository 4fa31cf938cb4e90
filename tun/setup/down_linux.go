package setup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
)

// Down takes back exactly what Up made, whether Up came to its end or not,
// and then forgets it; dir is where the states are, empty for DefaultDir. What
// is gone already is no error. After an error Down may be called again.
func Down(dir, name string) error {
	if name == "" {
		name = DefaultName
	}
	st, err := Load(dir, name)
	if err != nil {
		return err
	}
	ns, err := currentNetNS()
	if err != nil {
		return err
	}
	if ns != st.NetNS {
		return fmt.Errorf("setup: %s: %w", name, ErrOtherNetNS)
	}
	for _, undo := range []func(*State, string) error{undoTable, undoForward, undoDevice} {
		if err := undo(st, dir); err != nil {
			return err
		}
		// So that a Down after this one does not touch what others make meanwhile.
		if err := st.save(dir); err != nil {
			return err
		}
	}
	return st.remove(dir)
}

func undoTable(st *State, _ string) error {
	if st.Table == "" {
		return nil
	}
	if err := deleteTable(st.Table); err != nil {
		return err
	}
	st.Table = ""
	return nil
}

// undoForward gives ip_forward its old value back. If another device still
// needs forwarding, the old value is left to that one's Down.
func undoForward(st *State, dir string) error {
	if st.Forward == "" {
		return nil
	}
	if st.Forward != "1" {
		heir, err := otherNAT(st, dir)
		if err != nil {
			return err
		}
		if heir != nil {
			heir.Forward = st.Forward
			err = heir.save(dir)
		} else {
			err = restoreForward(st.Forward)
		}
		if err != nil {
			return err
		}
	}
	st.Forward = ""
	return nil
}

// otherNAT returns another device in this namespace for which forwarding was turned on.
func otherNAT(st *State, dir string) (*State, error) {
	all, err := States(dir)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.Name != st.Name && o.NetNS == st.NetNS && o.Forward != "" {
			return o, nil
		}
	}
	return nil, nil
}

// undoDevice deletes the TUN, but not one that took its name later.
func undoDevice(st *State, _ string) error {
	if !st.Device {
		return nil
	}
	l, err := netlink.LinkByName(st.Name)
	if err = meaning(err); err != nil && !errors.Is(err, ErrNoInterface) {
		return fmt.Errorf("setup: cannot look for %s: %w", st.Name, err)
	}
	if err == nil && ours(st, l) {
		if err := Delete(st.Name); err != nil && !errors.Is(err, ErrNoInterface) {
			return err
		}
	}
	st.Device = false
	return nil
}

func ours(st *State, l netlink.Link) bool {
	t, ok := l.(*netlink.Tuntap)
	if !ok || t.Mode != netlink.TUNTAP_MODE_TUN || t.NonPersist {
		return false
	}
	if st.Index == 0 { // a crash before the index was noted: the owner must do
		return int(t.Owner) == st.UID
	}
	return l.Attrs().Index == st.Index
}

// The kernel shows each thread its own namespace's value.
const forwardPath = "/proc/sys/net/ipv4/ip_forward"

func readForward() (string, error) {
	b, err := os.ReadFile(forwardPath)
	if err != nil {
		return "", fmt.Errorf("setup: cannot read ip_forward: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// writeForward leaves alone what is so already: a write also resets the
// forwarding of every interface.
func writeForward(value string) error {
	if now, err := readForward(); err != nil || now == value {
		return err
	}
	if err := os.WriteFile(forwardPath, []byte(value), 0); err != nil {
		return fmt.Errorf("setup: cannot set net.ipv4.ip_forward: %w", meaning(err))
	}
	return nil
}

// restoreForward changes nothing if somebody has changed it since.
func restoreForward(old string) error {
	if now, err := readForward(); err != nil || now != "1" {
		return err
	}
	return writeForward(old)
}
