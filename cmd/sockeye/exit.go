package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// Exit codes of get: curl(1)'s.
const (
	curlFailedInit = 2
	curlNoProxy    = 5
	curlNoHTTP     = 22 // --fail and a status of 400 or more
	curlWrite      = 23
	curlRead       = 26
	curlRange      = 33 // the server cannot resume
	curlResume     = 36 // nothing is there to go on at
	curlInterface  = 45 // the TUN cannot be used
	curlOption     = 49 // an option that cannot be, such as of --resolve
	curlRecv       = 56
	curlCACert     = 77
)

// Exit codes of dig(1): 0 for any answer of a server.
const (
	digUsage    = 1
	digNoBatch  = 8
	digNoReply  = 9
	digInternal = 10
)

// Exit codes of ping(8).
const (
	pingNoReply = 1
	pingError   = 2
)

// An exit is an error that ends the program with a code. With a nil err
// nothing is printed: it was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func fail(code int, err error) error { return &exit{code, err} }

// badFlag is what is wrong with a flag, in words for people.
func badFlag(err error) error {
	before, after, ok := strings.Cut(err.Error(), "strconv.")
	if !ok {
		return err
	}
	switch {
	case strings.HasSuffix(after, strconv.ErrRange.Error()):
		return errors.New(before + "the number is too large or too small")
	case strings.HasPrefix(after, "ParseBool"):
		return errors.New(before + "it is true or false")
	}
	return errors.New(before + "that is no number")
}

// usage is an error in how the command was called.
func usage(cmd *cobra.Command, err error) error {
	return fail(usageCode(cmd), errors.New(oneLine(err.Error())+"; see `"+cmd.CommandPath()+" --help`"))
}

func usageCode(cmd *cobra.Command) int {
	if cmd.Name() == "dig" {
		return digUsage
	}
	if cmd.Name() == "run" {
		return runFailed
	}
	return 2 // curl's and ping's
}

// unusable is the code of a command that could not get its stack to run.
func unusable(cmd *cobra.Command) int {
	switch cmd.Name() {
	case "get":
		return curlInterface
	case "dig":
		return digInternal
	case "ping":
		return pingError
	case "run":
		return runFailed
	}
	return 1
}

// unwritten is the code of a command whose output, or whose capture, could not be written.
func unwritten(cmd *cobra.Command) int {
	if cmd.Name() == "get" {
		return curlWrite
	}
	return unusable(cmd)
}

// verdict is the exit code for err, and what is to be said.
func verdict(cmd *cobra.Command, err error) (int, string) {
	var e *exit
	if errors.As(err, &e) {
		return e.code, e.Error()
	}
	return usageCode(cmd), err.Error()
}

// curlCode is curl's exit code for what went wrong in a fetch.
func curlCode(err error) int {
	var kind http.Kind
	var e *http.Error
	if errors.As(err, &e) {
		kind = e.Kind
	}
	switch kind {
	case http.UnsupportedScheme:
		return 1
	case http.BadURL, http.BadRequest:
		return 3
	case http.UnresolvedProxy:
		return 5
	case http.Unresolved:
		return 6
	case http.NotConnected:
		return 7
	case http.WeirdReply:
		return 8
	case http.Partial:
		return 18
	case http.BadUpload:
		return 26
	case http.Timeout:
		return 28
	case http.TLSFailed:
		return 35
	case http.EmptyReply:
		return 52
	case http.BadRedirect:
		var bad *url.Error
		if errors.As(err, &bad) { // it leads to no URL
			return 3
		}
		return 47
	case http.SendFailed:
		return 55
	case http.BadCertificate:
		return 60
	case http.BadCoding:
		return 61
	}
	return curlRecv
}

// plain takes the name of a package of ours off an error's text.
func plain(err error) error {
	for _, prefix := range []string{"setup: ", "tun: ", "stack: ", "link: ", "capture: "} {
		if text, ok := strings.CutPrefix(err.Error(), prefix); ok {
			return &renamed{text, err}
		}
	}
	return err
}

// deviceError says of which device an error is.
func deviceError(name string, err error) error {
	err = plain(err)
	if strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("cannot use the TUN device %s: %w", name, err)
}

// A renamed error is another one in other words.
type renamed struct {
	text string
	err  error
}

func (r *renamed) Error() string { return r.text }
func (r *renamed) Unwrap() error { return r.err }
