package main

import (
	"bytes"
	"os"
	"os/signal"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// asSockeye says in the environment that this test program is to be sockeye.
const asSockeye = "SOCKEYE_TEST_AS_SOCKEYE"

func TestMain(m *testing.M) {
	if os.Getenv(asSockeye) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// try runs the command in this process.
func try(args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return out.String(), err.String(), code
}

// warmSignals begins what os/signal runs for the whole of a process outside of any test's own time.
func warmSignals(t *testing.T) {
	t.Helper()
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
}
