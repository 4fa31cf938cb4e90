package main

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// seconds is a flag's time: bare seconds as curl(1) and ping(8) take them, such
// as 2 or 0.5, or with units as Go writes them, such as 1m30s.
type seconds time.Duration

// secondsVar makes a flag of d, whose value is its default.
func secondsVar(cmd *cobra.Command, d *time.Duration, name, letter, use string) {
	cmd.Flags().VarP((*seconds)(d), name, letter, use)
}

var errSeconds = errors.New("write it in seconds, such as 2 or 0.5, or with units, such as 1m30s")

// Set reads what was given.
func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if d := n * float64(time.Second); math.Abs(d) < math.MaxInt64/2 { // NaN is not
			*s = seconds(d)
			return nil
		}
		return errSeconds
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return errSeconds
	}
	*s = seconds(d)
	return nil
}

// String writes the value as the help shows it; the zero value is "".
func (s *seconds) String() string {
	if s == nil || *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Type is what the help calls the value.
func (*seconds) Type() string { return "TIME" }
