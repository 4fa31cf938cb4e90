// Package url takes a URL apart as a browser does when somebody types one: how
// the thing is reached, where, as whom, and what it is called there (RFC 3986).
//
// # Place in the walk
//
// The first step from a URL to a page: Parse takes the text apart, or says which
// character of it is wrong; Resolve makes a whole URL of a reference in a page.
// What to do with the parts is apps/http's and apps/browse's.
//
// # Invariants
//
// Parse never panics and never guesses: what it does not take it points at. What
// it takes has no blank, control character or byte above ASCII in it, so no part
// can end a line of a request early. Parse of String gives the same parts again.
package url
