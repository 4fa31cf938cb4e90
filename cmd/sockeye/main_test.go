package main

import (
	"bytes"
	"os"
	"os/signal"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asSockeye says in the environment that this test program is to be sockeye.
const asSockeye = "SOCKEYE_TEST_AS_SOCKEYE"

func TestMain(m *testing.M) {
	if os.Getenv(asSockeye) != "" {
		main()
	}
	os.Setenv("LC_ALL", "C") // what the tests look for is English
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

// The journey's language is that of the locale for messages (POSIX 8.2), unless --lang says another.
func TestLocale(t *testing.T) {
	for _, row := range []struct{ all, messages, lang, flag, want string }{
		{"", "", "", "", "Nothing is sent"}, {"", "", "ko_KR.UTF-8", "", "보내지 않는다"}, {"", "ko_KR.UTF-8", "C", "", "보내지 않는다"}, {"ko_KR.UTF-8", "C", "C", "", "보내지 않는다"},
		{"C", "ko_KR.UTF-8", "ko_KR.UTF-8", "", "Nothing is sent"}, {"", "", "ko_KR.UTF-8", "--lang=en", "Nothing is sent"}, {"", "", "de_DE.UTF-8", "--lang=ko", "보내지 않는다"},
	} {
		t.Setenv("LC_ALL", row.all)
		t.Setenv("LC_MESSAGES", row.messages)
		t.Setenv("LANG", row.lang)
		args := []string{"get", "mailto:fish@river.test"}
		if row.flag != "" {
			args = append(args, row.flag)
		}
		out, errs, code := try(args...)
		require.Zero(t, code, errs)
		require.Contains(t, out, row.want, row)
	}
}
