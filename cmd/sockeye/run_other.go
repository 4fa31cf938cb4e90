//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/tun"
)

func (p *program) runRun(cmd *cobra.Command, f *runFlags, _ []string) error {
	if _, _, err := f.checked(); err != nil {
		return usage(cmd, err)
	}
	return fail(runFailed, tun.ErrNotSupported)
}

func (p *program) inside() *cobra.Command {
	return &cobra.Command{Use: insideCommand, Hidden: true, RunE: func(*cobra.Command, []string) error {
		return fail(runFailed, tun.ErrNotSupported)
	}}
}
