package setup

import "strings"

// checkName says whether the kernel would take name for an interface. It is
// part of a file name and of a table's name too.
func checkName(name string) error {
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/:% \t\r\n\v\f\x00") {
		return ErrName
	}
	return nil
}
