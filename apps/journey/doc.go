// Package journey tells the journey of one request, from a URL to a page and
// to the last FIN, as text: what each call returned, which packets it caused,
// what they carried, and why they were sent.
//
// Place in the walk: beside it. A program observes its socket.API, takes the
// packets out of a link.Tap and the events out of stack.Config.Trace, and hands
// all of it on (Call, Packets, Events); in between it says where the journey
// has come to (URL, Question, Answer, Connection, Agreed ...), a chapter each.
// The three streams come from different goroutines. They are put in the order
// of their times before a line is printed, a few milliseconds late.
//
//	ladder.go            one line for a call, a packet, a change of state
//	seen.go              what a segment says beside its numbers; the congestion window
//	flow.go              what is remembered of a connection
//	closing.go           how a connection ended
//	url.go name.go connection.go exchange.go bytes.go   the chapters
//	aside.go             what a program tells of its own: marks, facts, tables
//	lang.go korean.go particles.go   the languages
//	record.go page.go page/          the same as a page for a browser: base, ladder, plots, page (.js)
//
// Invariants: a line has at most 80 columns unless a number in it is very
// large; nothing from the network reaches the terminal unescaped; a long
// transfer costs no memory, its middle is counted and not told. It does not
// need package net.
package journey
