//go:build !unix

package main

// failBrokenPipes has nothing to do: no pipe kills here.
func failBrokenPipes() {}
