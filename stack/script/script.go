package script

import (
	"os"
)

// T is what a script needs of a testing.TB.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Run runs the script in a file and fails t where it does not hold, with the
// expected line and the actual one, and what had happened so far.
func Run(t T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = Exec(path, string(text))
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Exec runs the script text; name stands in its errors.
func Exec(name, text string) error {
	p, err := parse(name, text)
	if err != nil {
		return err
	}
	return p.run()
}
