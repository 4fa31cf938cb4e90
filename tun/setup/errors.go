package setup

import "errors"

// What can go wrong, for errors.Is. Each text says what to do.
var (
	ErrNotSupported = errors.New("this needs Linux")
	ErrPermission   = errors.New("permission denied: run as root (CAP_NET_ADMIN and CAP_SYS_ADMIN)")
	ErrNoCaps       = error(noCaps{}) // an ErrPermission, too
	ErrPrefix       = errors.New("the address must be IPv4 with a prefix from /1 to /30, such as 192.0.2.2/24")
	ErrNotHost      = errors.New("the address is the network's or the broadcast address of its prefix: choose another one")
	ErrNotUsable    = errors.New("hosts have no addresses in 0.0.0.0/8, 127.0.0.0/8 and from 224.0.0.0 on: choose another one, such as 192.0.2.2/24")
	ErrClash        = errors.New("another interface has addresses of this network: choose another --addr, such as 198.51.100.2/24")
	ErrName         = errors.New("not a name for an interface: at most 15 bytes, without '/', ':', '%' and spaces")
	ErrExists       = errors.New("an interface of this name exists already and was not made by `sockeye up`: choose another name, or delete it")
	ErrAlreadyUp    = errors.New("`sockeye up` has run already: run `sudo sockeye down` first")
	ErrNotUp        = errors.New("there is nothing that `sockeye up` made: run `sudo sockeye up` first")
	ErrNoUser       = errors.New("there is no such user or group in this user namespace")
	ErrNoInterface  = errors.New("there is no such interface")
	ErrOtherNetNS   = errors.New("it was made in another network namespace: run this there")
	ErrNoTUN        = errors.New("this system has no /dev/net/tun: run `modprobe tun`, or start the container with --device /dev/net/tun")
	ErrNoNAT        = errors.New("this kernel refuses the nftables rules for NAT: `modprobe -a nf_tables nft_chain_nat nft_masq`, or leave out NAT")
)

// noCaps is what root lacks in a container.
type noCaps struct{}

func (noCaps) Error() string {
	return "permission denied, although this is root: start the container with --cap-add NET_ADMIN --cap-add SYS_ADMIN --device /dev/net/tun"
}

func (noCaps) Is(target error) bool { return target == ErrPermission }
