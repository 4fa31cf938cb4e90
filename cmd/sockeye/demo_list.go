package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// To add a demo: 1. write its file, demo_NAME.go: a show with its play, which serves, asks and tells; what it says
// stands there in English and Korean, side by side. 2. Add it to shows. 3. Add to the table in demo_shows_test.go
// what has to be seen, in its order.

// A show is one demo: somebody to talk to, our steps, and what is said of them.
type show struct {
	name   string // "": what demo shows where no name is given
	short  string // for --help
	en, ko string // what is to be seen; in the beginning

	delay   time.Duration // the path takes so long each way and loses what it is told to; 0: as fast as it is
	beyond  []string      // further addresses of the other side, in other networks
	secrets bool          // TLS's secrets go into the capture
	play    func(*stage) error
}

// shows are the demos, in the order in which they teach.
func shows() []show {
	all := []show{
		pageShow(), lossShow(), zeroWindowShow(), dnsTreeShow(), tlsShow(), http2Show(),
		pollingShow(), longPollingShow(), streamingShow(),
	}
	return append(append(all, webSocketShows()...), balanceShow())
}

// findShow finds a demo by its name.
func findShow(name string) (show, error) {
	var names []string
	for _, s := range shows() {
		if s.name == name {
			return s, nil
		}
		if s.name != "" {
			names = append(names, s.name)
		}
	}
	return show{}, fmt.Errorf("there is no demo %q: there are %s", name, strings.Join(names, ", "))
}

// listShows is a line for each demo.
func listShows() string {
	var b strings.Builder
	for _, s := range shows() {
		if s.name != "" {
			fmt.Fprintf(&b, "  %-13s %s\n", s.name, s.short)
		}
	}
	return b.String()
}

// oneShow takes the name of a demo, or none.
func oneShow(args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%q is too much: one demo at a time", args[1])
	}
	if len(args) == 0 || args[0] == "list" {
		return nil
	}
	if args[0] == "" {
		return errors.New("the name of a demo is empty")
	}
	_, err := findShow(args[0])
	return err
}
