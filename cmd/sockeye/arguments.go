package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// noArguments refuses every argument.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is too much: there are no arguments, only flags", args[0])
	}
	return nil
}

// oneArgument wants exactly one; what says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("name %s", what)
		case len(args) > 1:
			return fmt.Errorf("%q is too much: name only %s", args[1], what)
		}
		return nil
	}
}
