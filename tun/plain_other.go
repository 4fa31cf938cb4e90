//go:build !linux

package tun

func openPlain(*Config) (*Device, error) { return nil, ErrNotSupported }
