package http

import (
	"math"
	"strconv"
	"strings"
)

// RangeFrom is the field of a request for all from byte first on (RFC 9110 14.2), to resume a transfer.
func RangeFrom(first int64) Field {
	return Field{"Range", "bytes=" + strconv.FormatInt(first, 10) + "-"}
}

// A ContentRange is which bytes a 206 response has: First to Last, both included, of Size in all.
type ContentRange struct {
	First, Last int64 // -1: none of it, in a 416 response
	Size        int64 // -1: unknown
}

// ParseContentRange reads the Content-Range field (RFC 9110 14.4). It is false where there is none, or
// one that cannot be.
func ParseContentRange(fs []Field) (c ContentRange, ok bool) {
	v, ok := strings.CutPrefix(Get(fs, "Content-Range"), "bytes ")
	part, size, found := strings.Cut(v, "/")
	if !ok || !found {
		return c, false
	}
	c.Size = -1
	if size != "*" {
		if c.Size, ok = decimal(size, math.MaxInt64); !ok {
			return c, false
		}
	}
	if part == "*" {
		c.First, c.Last = -1, -1
		return c, size != "*"
	}
	first, last, _ := strings.Cut(part, "-")
	if c.First, ok = decimal(first, math.MaxInt64-1); !ok {
		return c, false
	}
	c.Last, ok = decimal(last, math.MaxInt64-1)
	return c, ok && c.First <= c.Last && (c.Size < 0 || c.Last < c.Size)
}
