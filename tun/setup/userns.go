package setup

import "errors"

// marker is the environment variable that a process which EnterUserNet or
// RunInNamespace started finds set.
const marker = "SOCKEYE_IN_NAMESPACE"

// Why a namespace of one's own cannot be had, for errors.Is. Each text names
// what mends it; root needs no user namespace.
var (
	ErrNoUserNS   = errors.New("this kernel has no user namespaces, or a container forbids them: run as root")
	ErrUserNSMax  = errors.New("no more user namespaces are allowed: `sudo sysctl user.max_user_namespaces=10000`, or run as root")
	ErrUserNSOff  = errors.New("user namespaces are for root only: `sudo sysctl kernel.unprivileged_userns_clone=1`, or run as root")
	ErrAppArmor   = errors.New("AppArmor restricts user namespaces: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root")
	ErrNetNSMax   = errors.New("no more network namespaces are allowed: `sudo sysctl user.max_net_namespaces=10000`")
	ErrTUNNotOurs = errors.New("/dev/net/tun is not for ordinary users: `sudo chmod 0666 /dev/net/tun`, or run as root")
)
