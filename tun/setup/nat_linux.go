package setup

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tableName is a word that nft(8) can read, whatever the device is called.
func tableName(device string) string {
	return "sockeye_" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, device)
}

// tableFree says whether a table of that name may be made, and later deleted.
func tableFree(name string) error {
	tables, err := (&nftables.Conn{}).ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return natError(err)
	}
	for _, t := range tables {
		if t.Name == name {
			return fmt.Errorf("setup: an nftables table %s exists already: `nft delete table ip %s`, or choose another name for the device", name, name)
		}
	}
	return nil
}

// addTable makes masquerading and forwarding in one transaction.
func addTable(st *State) error {
	c := &nftables.Conn{}
	t := c.CreateTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: st.Table})
	post := c.AddChain(&nftables.Chain{
		Table: t, Name: "postrouting", Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	c.AddRule(&nftables.Rule{Table: t, Chain: post, Exprs: join(
		fromPrefix(st), ifname(expr.MetaKeyOIFNAME, st.NAT), []expr.Any{&expr.Masq{}},
	)})
	fwd := c.AddChain(&nftables.Chain{
		Table: t, Name: "forward", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	accept := []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	c.AddRule(&nftables.Rule{Table: t, Chain: fwd, Exprs: join(
		ifname(expr.MetaKeyIIFNAME, st.Name), ifname(expr.MetaKeyOIFNAME, st.NAT), accept,
	)})
	c.AddRule(&nftables.Rule{Table: t, Chain: fwd, Exprs: join(
		ifname(expr.MetaKeyIIFNAME, st.NAT), ifname(expr.MetaKeyOIFNAME, st.Name), established(), accept,
	)})
	return natError(c.Flush())
}

func deleteTable(name string) error {
	c := &nftables.Conn{}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return natError(err)
	}
	return nil
}

func natError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("setup: cannot set up NAT: %w", denied())
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("setup: cannot set up NAT: %w (%w)", ErrNoNAT, err)
	}
	return fmt.Errorf("setup: cannot set up NAT: %w", err)
}

// fromPrefix matches a source address in the TUN's prefix.
func fromPrefix(st *State) []expr.Any {
	const sourceAt = 12 // in the IPv4 header
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: sourceAt, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: net.CIDRMask(st.Addr.Bits(), 32), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: st.Addr.Masked().Addr().AsSlice()},
	}
}

// ifname matches the interface that a packet comes from or goes to.
func ifname(key expr.MetaKey, name string) []expr.Any {
	data := make([]byte, unix.IFNAMSIZ)
	copy(data, name)
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data},
	}
}

// established matches answers.
func established() []expr.Any {
	mask := binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
