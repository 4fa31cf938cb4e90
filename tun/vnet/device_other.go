//go:build !linux

package vnet

import (
	"os"

	"github.com/sockeye-net/sockeye/stack/link"
)

// A Device is a TUN interface that is open. There is none on this system.
type Device struct{}

var _ link.Link = (*Device)(nil)

// Open returns ErrNotSupported.
func Open(Config) (*Device, error) { return nil, ErrNotSupported }

// FromFile closes f and returns ErrNotSupported.
func FromFile(f *os.File) (*Device, error) { return FromFileWith(f, FileConfig{}) }

// FromFileWith closes f and returns ErrNotSupported.
func FromFileWith(f *os.File, _ FileConfig) (*Device, error) {
	_ = f.Close()
	return nil, ErrNotSupported
}

func (*Device) Name() string                       { return "" }
func (*Device) Granted() string                    { return "nothing" }
func (*Device) Links() []link.Link                 { return nil }
func (*Device) Refresh() error                     { return ErrNotSupported }
func (*Device) Stats() Stats                       { return Stats{} }
func (*Device) TryRead([]link.Packet) (int, error) { return 0, ErrNotSupported }
func (*Device) Wait(bool) error                    { return ErrNotSupported }
func (*Device) Wake()                              {}
func (*Device) WriteBatch([]link.Packet) error     { return ErrNotSupported }
func (*Device) Room() int                          { return 0 }
func (*Device) Features() link.Features            { return link.Features{} }
func (*Device) Close() error                       { return nil }
