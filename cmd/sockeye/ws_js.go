package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// ws says that it is not to be had: a browser opens WebSockets itself and lets nobody see how.
func (p *program) ws() *cobra.Command {
	return &cobra.Command{
		Use:     "ws URL",
		Short:   "Talk over a WebSocket (not where the program runs in a browser)",
		Example: "  sockeye ws ws://192.0.2.1/chat",
		Args:    oneArgument("a URL, such as ws://192.0.2.1/chat"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(cmd, errors.New("it is not there in a build for js"))
		},
	}
}
