package http

import "time"

// What a server may make us keep. Past any of these the response is refused.
const (
	maxLine      = 64 << 10  // bytes of one line of a head, CRLF included
	maxHead      = 256 << 10 // bytes of all heads before a body, 1xx included
	maxFields    = 512       // fields of one head or trailer
	maxInterim   = 8         // 1xx responses before the final one
	maxChunkLine = 4 << 10   // bytes of a chunk's size line
	maxChunkExt  = 64 << 10  // bytes of chunk extensions in one body
	maxTrailer   = 16 << 10  // bytes of a trailer
	readBuffer   = 16 << 10  // bytes taken from a socket at a time
	maxIdle      = 16        // connections kept for reuse; the oldest makes room
	maxUnzipped  = 1 << 30   // bytes that a compressed body may have in the end
	freeUnzipped = 1 << 20   // bytes of it that may come out whatever went in
	maxRatio     = 200       // bytes that may come out beyond that for each that went in

	defaultPerHost = 6 // connections to one origin, as browsers
)

// Time-outs where the Client's are zero.
const (
	defaultConnect = 30 * time.Second
	defaultHeader  = 60 * time.Second
	defaultIdle    = 60 * time.Second
	defaultKeep    = 60 * time.Second
	lingerWait     = time.Second // how long Close waits for the peer's end where the peer closes first
)
