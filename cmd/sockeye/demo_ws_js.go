package main

// webSocketShows are none: a browser opens WebSockets itself.
func webSocketShows() []show { return nil }
