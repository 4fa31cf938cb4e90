//go:build !linux

package setup

import (
	"net/netip"
	"os"
	"os/exec"
)

// A NetNS is a network namespace. There is none on this system.
type NetNS struct{}

func NewNetNS() (*NetNS, error)         { return nil, ErrNotSupported }
func (*NetNS) Do(func() error) error    { return ErrNotSupported }
func (*NetNS) Start(*exec.Cmd) error    { return ErrNotSupported }
func (*NetNS) Close() error             { return nil }
func Up(UpConfig) (*State, error)       { return nil, ErrNotSupported }
func Down(_, _ string) error            { return ErrNotSupported }
func Lookup(_, _ string) (*Info, error) { return nil, ErrNotSupported }

func SetUp(string) error                              { return ErrNotSupported }
func SetDown(string) error                            { return ErrNotSupported }
func Delete(string) error                             { return ErrNotSupported }
func SetMTU(string, int) error                        { return ErrNotSupported }
func SetTxQueueLen(string, int) error                 { return ErrNotSupported }
func NoIPv6(string) error                             { return ErrNotSupported }
func AddAddr(string, netip.Prefix) error              { return ErrNotSupported }
func AddRoute(string, netip.Prefix, netip.Addr) error { return ErrNotSupported }
func AddTUN(string, int, int) error                   { return ErrNotSupported }
func AddVeth(*NetNS, string, *NetNS, string) error    { return ErrNotSupported }

func InNamespace() bool                    { return false }
func EnterUserNet() (int, error)           { return 0, ErrNotSupported }
func RunInNamespace(*exec.Cmd, bool) error { return ErrNotSupported }
func WhyNot() error                        { return ErrNotSupported }

func StartInside(*exec.Cmd) error { return ErrNotSupported }
func Signals() chan os.Signal     { return nil }

func Wait(*exec.Cmd, chan os.Signal, func(os.Signal)) error { return ErrNotSupported }
func MakeInside(Inside) (*os.File, error)                   { return nil, ErrNotSupported }
func LeaveInside() error                                    { return ErrNotSupported }
