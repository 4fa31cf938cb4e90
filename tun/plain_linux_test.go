package tun

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// kinds runs a test for both ways to open a device.
func kinds(t *testing.T, f func(t *testing.T, plain bool)) {
	t.Run("with offloads", func(t *testing.T) { f(t, false) })
	t.Run("plain, through water", func(t *testing.T) { f(t, true) })
}

func TestOpenRefusesWithOneLineAndLeaksNothing(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		keep := openUp(t, ns, Config{Name: "inuse0", Plain: plain})
		require.NoError(t, ns.Do(func() error { return setup.AddTUN("down0", -1, -1) }))
		for _, row := range []struct {
			name string
			cfg  Config
			want error
		}{
			{"16 bytes do not fit IFNAMSIZ, and are not cut", Config{Name: strings.Repeat("x", 16)}, ErrNameTooLong},
			{"a slash", Config{Name: "a/b"}, ErrBadName},
			{"a pattern", Config{Name: "a%d"}, ErrBadName},
			{"a NUL", Config{Name: "a\x00b"}, ErrBadName},
			{"dots", Config{Name: ".."}, ErrBadName},
			{"not a TUN", Config{Name: "lo"}, ErrNotTUN},
			{"open already", Config{Name: "inuse0"}, ErrBusy},
			{"MTU below 68 (RFC 791)", Config{Name: "new0", MTU: 67}, ErrBadMTU},
			{"MTU above the total length field", Config{Name: "new0", MTU: 65536}, ErrBadMTU},
		} {
			t.Run(row.name, func(t *testing.T) {
				before := tuntest.OpenFDs(t)
				require.NoError(t, ns.Do(func() error {
					row.cfg.Plain = plain
					d, err := Open(row.cfg)
					require.Nil(t, d)
					tuntest.OneLine(t, err, row.want)
					return nil
				}))
				tuntest.NoMoreFDs(t, before)
			})
		}
		require.NoError(t, keep.WriteBatch([]link.Packet{{Head: tuntest.UDP(1, 2, nil)}}), "the one that was open works on")
	})
}

func TestFifteenBytesAreAName(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		name := strings.Repeat("n", 15)
		require.Equal(t, name, openUp(t, tuntest.NewNS(t), Config{Name: name, Plain: plain}).Name())
	})
}

func TestOpenWithoutPrivilege(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		before := tuntest.OpenFDs(t)
		done := make(chan error)
		go func() { // on a thread that ends with its privileges
			runtime.LockOSThread()
			done <- ns.Do(func() error {
				hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
				var data [2]unix.CapUserData
				if err := unix.Capget(&hdr, &data[0]); err != nil {
					return err
				}
				held := data
				data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
				if err := unix.Capset(&hdr, &data[0]); err != nil {
					return err
				}
				_, err := Open(Config{Name: "mine0", Plain: plain})
				return errors.Join(unix.Capset(&hdr, &held[0]), err)
			})
		}()
		tuntest.OneLine(t, <-done, ErrPermission)
		tuntest.NoMoreFDs(t, before)
	})
}

func TestPersistenceIsKept(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		there := func(name string) (ok bool) {
			require.NoError(t, ns.Do(func() error { _, err := net.InterfaceByName(name); ok = err == nil; return nil }))
			return ok
		}
		for _, row := range []struct {
			rule                     string
			made, persist, remaining bool
		}{
			{"a new device ends with Close", false, false, false},
			{"a new device that is to persist stays", false, true, true},
			{"a persistent one stays, though nobody says so", true, false, true},
			{"a persistent one stays", true, true, true},
		} {
			t.Run(row.rule, func(t *testing.T) {
				require.NoError(t, ns.Do(func() error {
					if row.made {
						require.NoError(t, setup.AddTUN("keep0", -1, -1))
					}
					d, err := Open(Config{Name: "keep0", Persist: row.persist, Plain: plain})
					require.NoError(t, err)
					return d.Close()
				}))
				require.Equal(t, row.remaining, there("keep0"))
				if row.remaining {
					require.NoError(t, ns.Do(func() error { return setup.Delete("keep0") }))
				}
			})
		}
	})
}

func TestOffloadsOfTheLastOwnerAreOff(t *testing.T) {
	ns := tuntest.NewNS(t)
	require.NoError(t, ns.Do(func() error { return setup.AddTUN("off0", -1, -1) }))
	f := tuntest.Attach(t, ns, "off0", unix.IFF_TUN|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
	require.NoError(t, unix.IoctlSetInt(int(f.Fd()), unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4))
	require.NoError(t, f.Close())

	d := openUp(t, ns, Config{Name: "off0", Plain: true})
	require.NoError(t, ns.Do(func() error { return tuntest.Send("192.0.2.2:7", "sum") }))
	b := tuntest.ReadOne(t, d, false)
	require.True(t, udpSumGood(b), "the kernel has filled the checksum: % x", b)
}

// udpSumGood verifies a UDP checksum over the pseudo-header (RFC 768).
func udpSumGood(b []byte) bool {
	sum := uint32(17) + uint32(len(b)-20)
	data := append([]byte{}, b[12:]...)
	if len(data)%2 == 1 {
		data = append(data, 0)
	}
	for i := 0; i < len(data); i += 2 {
		sum += uint32(data[i])<<8 | uint32(data[i+1])
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}

func TestNothingIsLostAfterAttaching(t *testing.T) {
	kinds(t, func(t *testing.T, plain bool) {
		ns := tuntest.NewNS(t)
		require.NoError(t, ns.Do(func() error {
			return errors.Join(setup.AddTUN("late0", -1, -1), setup.AddAddr("late0", tuntest.Theirs), tuntest.Quiet("late0"), setup.SetUp("late0"))
		}))
		for range 20 {
			require.NoError(t, ns.Do(func() error {
				d, err := Open(Config{Name: "late0", Plain: plain})
				require.NoError(t, err)
				defer d.Close()
				require.NoError(t, tuntest.Send("192.0.2.2:7", "first"))
				n, err := d.TryRead(make([]link.Packet, 1))
				require.NoError(t, err)
				require.Equal(t, 1, n, "the kernel has queued the packet before send returns")
				return nil
			}))
		}
	})
}
