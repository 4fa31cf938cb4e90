package main

import (
	"fmt"
	"strings"

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

// digArguments wants a name and perhaps a type, and takes @SERVER anywhere.
func digArguments(_ *cobra.Command, args []string) error {
	servers, rest := cutServer(args)
	switch {
	case len(servers) > 1:
		return fmt.Errorf("@%s: name one server only", servers[1])
	case len(rest) == 0:
		return fmt.Errorf("name what to ask for, such as example.com")
	case len(rest) > 2:
		return fmt.Errorf("%q is too much: name only what to ask for and a type", rest[2])
	}
	return nil
}

// cutServer takes the arguments that begin with @ out, as dig(1) has them.
func cutServer(args []string) (servers, rest []string) {
	for _, a := range args {
		if s, ok := strings.CutPrefix(a, "@"); ok {
			servers = append(servers, s)
		} else {
			rest = append(rest, a)
		}
	}
	return servers, rest
}
