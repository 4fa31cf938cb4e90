package setup

import (
	"fmt"
	"os"
	"os/signal"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// child says in the environment that this test program is to play a part.
const child = "SETUP_TEST_CHILD"

// refusedCode is the exit code of a part that got no namespace.
const refusedCode = 99

func TestMain(m *testing.M) {
	if part := os.Getenv(child); part != "" {
		os.Exit(play(part))
	}
	goleak.VerifyTestMain(m)
}

func play(part string) int {
	if !InNamespace() {
		code, err := EnterUserNet()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return refusedCode
		}
		return code
	}
	switch part {
	case "report":
		return report()
	case "exit 7":
		return 7
	case "signal":
		return waitForSignal()
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
	return 98
}

// report says what a process may do in its namespace.
func report() int {
	if err := SetUp("lo"); err != nil {
		fmt.Println(err)
		return 1
	}
	links, err := os.ReadDir("/proc/sys/net/ipv4/conf")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("uid", os.Geteuid(), "args", os.Args[1:])
	for _, l := range links {
		fmt.Println("interface", l.Name())
	}
	err = AddTUN("sk0", -1, -1)
	fmt.Println("tun:", err)
	return 0
}

func waitForSignal() int {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGTERM)
	fmt.Println("ready")
	<-c
	return 5
}
