package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/journey"
)

// A langValue is --lang's.
type langValue struct{ to *string }

func (l langValue) String() string { return "" } // the default is the locale's: help does not depend on it
func (l langValue) Type() string   { return "LANG" }

func (l langValue) Set(text string) error {
	if text != "en" && text != "ko" {
		return fmt.Errorf("%q: say en or ko", text)
	}
	*l.to = text
	return nil
}

// langFlag gives a command that tells a journey --lang.
func langFlag(cmd *cobra.Command, lang *string) {
	*lang = journey.Language(locale())
	cmd.Flags().Var(langValue{lang}, "lang", "tell the journey in this `LANG`, en or ko (default: the locale's)")
}

// locale is the locale of messages (POSIX 8.2).
func locale() string {
	return cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
}
