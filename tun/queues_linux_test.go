package tun

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// Plain or not, a device has the queues that were asked for, and one that was
// made for several may be had with one.
func TestQueuesOfEitherKind(t *testing.T) {
	for name, plain := range map[string]bool{"with offloads": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			ns := tuntest.NewNS(t)
			for _, n := range []int{3, 1, 2} {
				var d *Device
				require.NoError(t, ns.Do(func() (err error) {
					d, err = Open(Config{Name: "mq0", Persist: true, Queues: n, Plain: plain})
					return err
				}))
				require.Len(t, d.Links(), n)
				require.Equal(t, !plain, d.Features().ChecksumOffload)
				require.NoError(t, d.Close())
			}
		})
	}
}

// child says in the environment that this program is to use queues in a
// namespace of its own; refused is its exit code where there is none to be had.
const (
	child   = "TUN_TEST_CHILD"
	refused = 99
)

// In a user namespace its root, whoever that is outside, has several queues.
func TestQueuesInAUserNamespace(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), child+"=1")
	var out bytes.Buffer
	cmd.Stdout = &out
	err := setup.RunInNamespace(cmd, true)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == refused {
		t.Skipf("no user namespace with a TUN to be had here: %v %s", err, &out)
	}
	require.NoError(t, err, out.String())
	require.Contains(t, out.String(), "2 queues")
}

func play() int {
	err := useQueues()
	switch {
	case errors.Is(err, ErrNoAccess), errors.Is(err, ErrNoTUN):
		fmt.Println(err)
		return refused
	case err != nil:
		fmt.Println(err)
		return 1
	}
	return 0
}

// useQueues lets the kernel send over several flows until both queues have brought some.
func useQueues() error {
	d, err := Open(Config{Queues: 2})
	if err != nil {
		return err
	}
	defer d.Close()
	fmt.Println(d.Granted())
	if err := errors.Join(setup.AddAddr(d.Name(), tuntest.Theirs), tuntest.Quiet(d.Name()), setup.SetUp(d.Name())); err != nil {
		return err
	}
	ps := make([]link.Packet, MaxBatch)
	var brought [2]int
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		for i := range 50 {
			c, err := net.Dial("udp4", "192.0.2.2:"+strconv.Itoa(1000+i))
			if err != nil {
				return err
			}
			_, err = c.Write([]byte("x"))
			if err = errors.Join(err, c.Close()); err != nil {
				return err
			}
		}
		for i, l := range d.Links() {
			n, err := l.TryRead(ps)
			if err != nil {
				return err
			}
			brought[i] += n
		}
		if brought[0] > 0 && brought[1] > 0 {
			return nil
		}
	}
	return fmt.Errorf("the queues brought %v packets", brought)
}
