package wire

// A Seq is a TCP sequence number. All comparison is modulo 2^32 (RFC 9293
// 3.4); a bare < on sequence numbers is a bug, so use these methods.
type Seq uint32

// Less reports whether s comes before t.
func (s Seq) Less(t Seq) bool { return int32(s-t) < 0 }

// LessEq reports whether s comes before t or is t.
func (s Seq) LessEq(t Seq) bool { return int32(s-t) <= 0 }

// Add returns s moved forward by n, or back when n is negative.
func (s Seq) Add(n int) Seq { return s + Seq(n) }

// Sub returns the distance from t to s: negative when s comes before t. It is
// meaningful for distances below 2^31.
func (s Seq) Sub(t Seq) int { return int(int32(s - t)) }

// InWindow reports whether s lies in the size bytes that begin at start.
func (s Seq) InWindow(start Seq, size uint32) bool { return uint32(s-start) < size }

// MaxSeq returns the later of s and t.
func MaxSeq(s, t Seq) Seq {
	if s.Less(t) {
		return t
	}
	return s
}

// MinSeq returns the earlier of s and t.
func MinSeq(s, t Seq) Seq {
	if t.Less(s) {
		return t
	}
	return s
}
